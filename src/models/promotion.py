"""The gate: a challenger serves only if it forecasts better than what serves now.

Both are compared on the newest mature snapshots that neither has learned from, snapshot by
snapshot, with an interval from drawing whole accounts again. Otherwise the challenger stays in
the shadow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.declaration import Feature
from features.training_set import TrainingSet
from history.history import micros
from models.access import RegistryError
from models.conversion import ConversionModel
from models.errors import ModelError
from models.metrics import log_losses
from models.registry import Reference, Registry
from models.splits import Holdout, instants

Floats = npt.NDArray[np.float64]
TrainingSetOf = Callable[[tuple[Feature, ...]], TrainingSet]
_DRAWS: Final = 500
_LEAST: Final = 10


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    Parameters
    ----------
    promote : whether the challenger is to serve.
    words : the verdict in a sentence, with its figures.
    against : ``champion``, or ``prevalence`` (the same rate for everybody) where none serves.
    horizon : compared at, in days.
    advantage : how much lower the challenger's log loss is; NaN where nothing could be compared.
    low, high : 95 % interval of it.
    snapshots, conversions : compared on.
    since : where these snapshots begin; None where there were none.
    """

    promote: bool
    words: str
    against: Literal["champion", "prevalence"]
    horizon: int
    advantage: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    snapshots: int = 0
    conversions: int = 0
    since: pd.Timestamp | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data; what is not known is None."""
        plain = {**asdict(self), "since": None if self.since is None else self.since.isoformat()}
        return {key: None if value != value else value for key, value in plain.items()}  # noqa: PLR0124 - NaN


def decide(
    registry: Registry,
    challenger: Reference,
    training_set_of: TrainingSetOf,
    *,
    seed: int = 7,
) -> Decision:
    """Judge a registered version against the registered champion.

    The challenger is judged by its twin that saw the past alone. So is the champion, unless the
    champion itself is older than all that its challenger is judged on.

    Parameters
    ----------
    registry : of both.
    challenger : a version's number, alias or `ModelVersion`.
    training_set_of : builds the snapshots and labels of the history as it is now, with the
        features that it is given; the snapshots must not depend on them.
    seed : of the draws.

    Raises
    ------
    RegistryError : there is no such version, or it is champion already.
    ModelError : as for `compare`.
    """
    version, serving = registry.version(challenger), registry.reign().champion
    if version.version == serving:
        raise RegistryError(f"version {serving} is already the champion")
    twin = registry.judged(version)
    training_set = training_set_of(twin.features)
    if serving is None:
        return compare(None, twin, training_set, seed=seed)
    champion = registry.load(serving)
    if learned_until(champion) > learned_until(twin):
        champion = registry.judged(serving)
    same = champion.features == twin.features
    values = None if same else training_set_of(champion.features).values
    return compare(champion, twin, training_set, champion_values=values, seed=seed)


def compare(
    champion: ConversionModel | None,
    challenger: ConversionModel,
    training_set: TrainingSet,
    *,
    champion_values: pd.DataFrame | None = None,
    seed: int = 7,
) -> Decision:
    """Compare two models on mature snapshots that neither has learned from.

    Against a champion the whole interval of the advantage must lie above nothing. Where none
    serves, it is enough to be better than the same rate for everybody; and a prior serves until
    there is something better.

    Parameters
    ----------
    champion : what serves, or its twin that saw the past alone; None where nothing does.
    challenger : the twin that saw the past alone.
    training_set : snapshots; those with a known label at the horizon are compared on.
    champion_values : values of the champion's own features for the same snapshots; those of
        `training_set` where None.
    seed : of the draws.

    Raises
    ------
    ModelError : the models predict different stages or share no horizon, or a feature is missing.
    """
    horizon = _common_horizon(champion, challenger, training_set)
    against: Literal["champion", "prevalence"] = "prevalence" if champion is None else "champion"
    if champion is None and challenger.kind == "prior":
        words = f"Nothing serves yet, and a prior is better than nothing. {challenger.message}"
        return Decision(True, words, against, horizon)
    since = max(learned_until(model) for model in (champion, challenger) if model is not None)
    rows = _unseen(training_set, horizon, since)
    judged = training_set.take(rows)
    y = judged.labels[horizon].to_numpy(dtype=np.float64)
    if min(y.sum(), len(y) - y.sum()) < _LEAST:
        return Decision(False, _too_few(y, since, horizon), against, horizon, since=since)
    ours = _forecast(challenger, judged.values, horizon)
    if champion is None:
        theirs = np.full(len(y), _past_rate(training_set, horizon, since))
    else:
        values = judged.values if champion_values is None else champion_values[rows]
        theirs = _forecast(champion, values, horizon)
    gains = log_losses(theirs, y) - log_losses(ours, y)
    low, high = _interval(gains, np.asarray(judged.groups), seed)
    found = Decision(
        promote=bool(gains.mean() > 0 if champion is None else low > 0),
        words="",
        against=against,
        horizon=horizon,
        advantage=float(gains.mean()),
        low=low,
        high=high,
        snapshots=len(y),
        conversions=int(y.sum()),
        since=since,
    )
    return replace(found, words=_verdict(found))


def learned_until(model: ConversionModel) -> pd.Timestamp:
    """Return the instant that a model knows nothing after.

    Raises
    ------
    ModelError : the model does not say.
    """
    told = [model.metadata.get(name) for name in ("trained_until", "recalibrated_until")]
    if told[0] is None:
        raise ModelError("the model does not say until when it learned: train it again")
    return max(pd.Timestamp(each) for each in told if each is not None)


def _common_horizon(
    champion: ConversionModel | None, challenger: ConversionModel, training_set: TrainingSet
) -> int:
    models = [model for model in (champion, challenger) if model is not None]
    targets = {model.target for model in models} | {training_set.target}
    if len(targets) > 1:
        raise ModelError(
            f"the models and the labels are about different stages ({', '.join(sorted(targets))}): "
            "promote with --force to change what is predicted"
        )
    shared = set(training_set.horizons).intersection(*(model.horizons for model in models))
    if not shared:
        raise ModelError(
            "the champion and the challenger share no horizon: promote with --force to change "
            "the horizons"
        )
    return max(shared)


def _unseen(training_set: TrainingSet, horizon: int, since: pd.Timestamp) -> npt.NDArray[np.bool_]:
    known = training_set.labels[horizon].notna().to_numpy()
    return np.asarray(known & (training_set.snapshots["as_of"] >= since).to_numpy())


def _past_rate(training_set: TrainingSet, horizon: int, since: pd.Timestamp) -> float:
    """Return the share that converted among what was known at `since`: the naive forecast."""
    known = Holdout(micros(since), instants(training_set)).past(training_set.labels, horizon)
    past = training_set.labels[horizon].to_numpy(dtype=np.float64)[known]
    return float(past.mean()) if len(past) else 0.5


def _forecast(model: ConversionModel, values: pd.DataFrame, horizon: int) -> Floats:
    return model.probabilities(values)[:, model.horizons.index(horizon)]


def _interval(gains: Floats, groups: npt.NDArray[Any], seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the mean, whole groups drawn together."""
    names, codes = np.unique(groups.astype(str), return_inverse=True)
    sums = np.bincount(codes, weights=gains)
    sizes = np.bincount(codes).astype(np.float64)
    rng = np.random.default_rng(seed)
    means = np.empty(_DRAWS)
    for draw in range(_DRAWS):
        chosen = rng.integers(len(names), size=len(names))
        means[draw] = sums[chosen].sum() / sizes[chosen].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _verdict(found: Decision) -> str:
    rival = "the champion" if found.against == "champion" else "the same rate for everybody"
    better = found.advantage > 0
    low, high = (found.low, found.high) if better else (-found.high, -found.low)
    judged_on = f"on {found.snapshots:,} snapshots, {found.horizon} days ahead"
    if found.advantage == 0:
        return f"The challenger forecasts just as well as {rival} {judged_on}: it stays challenger."
    end = "it serves" if found.promote else "not shown to be better, so it stays challenger"
    return (
        f"The challenger is {'better' if better else 'worse'} than {rival} by "
        f"{abs(found.advantage):.4f} log loss (95 % interval {low:.4f} to {high:.4f}) "
        f"{judged_on}: {end}."
    )


def _too_few(y: Floats, since: pd.Timestamp, horizon: int) -> str:
    return (
        f"Too few mature snapshots to compare on: since {since:%Y-%m-%d}, which is later than "
        f"anything the models learned from, {len(y):,} have been observed for {horizon} days, "
        f"{int(y.sum()):,} of them converted, and {_LEAST} of each outcome are needed. It stays "
        "challenger; wait, or promote with --force."
    )
