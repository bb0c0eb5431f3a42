"""L104: fields that some run wrote for a part of the leads, at a time of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from features.audit.association import association, rates
from features.audit.finding import Finding, NotApplicable
from features.audit.subject import Field, Subject

CODE, TITLE = "L104", "Fields were written together by a later run"
_LEAST_SHARE, _TREND, _TELLS = 0.05, 0.1, 0.003


def check(subject: Subject) -> Iterator[Finding]:
    """Look for fields that are there for exactly the same part of the leads.

    Where that part also drifts with the time of creation, the fields were written by something
    that ran over the leads at some moment, such as a scoring product, and not by the leads. Their
    values are dated by that run and may hold what had happened by then.

    Raises
    ------
    NotApplicable : no two fields are there for the same part of the leads.
    """
    blocks: dict[bytes, list[Field]] = defaultdict(list)
    for field in subject.fields:
        if _LEAST_SHARE < field.present.mean() < 1 - _LEAST_SHARE:
            blocks[field.present.tobytes()].append(field)
    together = [block for block in blocks.values() if len(block) > 1]
    if not together:
        raise NotApplicable("no two fields are filled in for the same part of the leads")
    for block in together:
        drift, least = _drift(block[0].present, subject.order)
        if least < 0 or abs(drift) < _TREND:
            continue
        for field in block:
            found = association(field.values, subject.converted, 0.999)
            others = ", ".join(other.where for other in block if other is not field)
            yield Finding(
                CODE,
                "high" if found.least >= _TELLS else "medium",
                field.where,
                f"it is there for the same {field.present.mean():.0%} of the leads as {others}, "
                f"a part that drifts with creation (correlation {drift:+.2f})",
                "find out what writes them, and when; leave them out, or give their history",
                {"explained": found.explained, "drift": drift},
                rates(field.values, subject.converted),
                field.used,
            )


def _drift(present: np.ndarray, order: np.ndarray) -> tuple[float, float]:
    """Correlate presence with the order of creation; return it, and its margin over chance."""
    place = np.argsort(np.argsort(order, kind="stable"), kind="stable")
    drift = float(np.corrcoef(present.astype(float), place)[0, 1])
    return drift, abs(drift) - float(norm.ppf(0.9995)) / np.sqrt(len(order))
