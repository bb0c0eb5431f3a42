"""P101: the proof that features knew nothing of the future."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Subject
from features.compute import compute_features
from features.declaration import Feature

CODE, TITLE = "P101", "A feature moves when the future is cut away"
_INSTANTS, _LEADS = 3, 200


def check(subject: Subject, features: Sequence[Feature]) -> Iterator[Finding]:
    """Rebuild snapshots from a history cut off at their cutoff, and compare every bit.

    Raises
    ------
    NotApplicable : there is no history, or nothing to compute.
    """
    history = subject.history
    if history is None:
        raise NotApplicable("a flat table has no time to cut at")
    if not len(history.leads) or not features:
        raise NotApplicable("there are no leads, or no features")
    created, random = history.leads["created_at"], np.random.default_rng(0)
    moved: dict[str, int] = {}
    for share in np.linspace(0.3, 0.9, _INSTANTS):
        as_of = created.min() + (history.observed_until - created.min()) * share
        born = history.leads.loc[(created < as_of).to_numpy(), "lead_id"].to_numpy()
        if not len(born):
            continue
        chosen = random.choice(born, min(_LEADS, len(born)), replace=False)
        snapshots = pd.DataFrame({"lead_id": chosen, "as_of": as_of.as_unit("us")})
        whole = compute_features(history, snapshots, features).values
        cut = compute_features(history.known_before(as_of), snapshots, features).values
        for name in whole.columns:
            same = (whole[name] == cut[name]) | (whole[name].isna() & cut[name].isna())
            if not same.all():
                moved[name] = moved.get(name, 0) + int((~same).sum())
    for name, count in sorted(moved.items()):
        yield Finding(
            CODE,
            "high",
            name,
            f"{count} of {_INSTANTS * _LEADS} sampled snapshots change when later records go",
            "report this: the kernel promises that it cannot happen",
            {"snapshots": float(count)},
        )
