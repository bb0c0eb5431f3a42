"""When to train anew: the policy, in days of the history, so that it can be replayed.

A rule says that training is worth its while, never that the new model serves: that is for the gate
of `models.promotion`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from features.snapshots import label, snapshots_at_ages
from history import History
from models.versions import ModelVersion
from monitoring.outcomes import Promises
from monitoring.report import Alert
from settings.monitoring import RetrainingSettings

Rule = Literal[
    "first", "forced", "personal", "schedule", "conversions", "drift", "promises", "none", "wait"
]
BROKEN_FEED: Final = frozenset({"not_fresh", "volume_fell", "rows_twice"})
"""Nothing is learned from half a history, or from one that is there twice: mended first."""
BASE_RATE: Final = frozenset({"win_rate_fell", "win_rate_rose"})
DRIFT: Final = BASE_RATE | {
    "channel_silent",
    "channel_loud",
    "kind_silent",
    "kind_loud",
    "field_missing",
    "source_dry",
    "source_flood",
    "flood_of_poor_leads",
}
_DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Reign:
    """How long the champion has served, in instants of the history.

    Parameters
    ----------
    version : of the champion; None before the first.
    trained_until : the end of the history that the champion was trained on.
    newest : the end of the history that the newest version learned from, champion or not.
    converted : leads that turned out converted since `trained_until`.
    personal : fields that the champion uses and that were marked as personal since.
    relearned : whether a newer version uses none of them.
    """

    version: int | None = None
    trained_until: pd.Timestamp | None = None
    newest: pd.Timestamp | None = None
    converted: int = 0
    personal: tuple[str, ...] = ()
    relearned: bool = False


@dataclass(frozen=True)
class Ruling:
    """What the policy says.

    Parameters
    ----------
    due : whether to train now.
    rule : that fired; ``none``, or ``wait`` where a rule fired and something holds it back.
    words : the ruling in a sentence.
    next : when another rule would fire; empty when one did.
    base_rate : whether all that speaks for training is a base rate that moved.
    """

    due: bool
    rule: Rule
    words: str
    next: str = ""
    base_rate: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return asdict(self)


def rule(
    policy: RetrainingSettings,
    reign: Reign,
    now: pd.Timestamp,
    *,
    alerts: Sequence[Alert] = (),
    promises: Sequence[Promises] = (),
    force: bool = False,
) -> Ruling:
    """Say whether to train.

    Parameters
    ----------
    policy : what was agreed.
    reign : of the champion.
    now : the end of the history.
    alerts : of the monitor, at `now`.
    promises : of the champion, against what came of them.
    force : train, whatever the rules say.
    """
    if force:
        return Ruling(True, "forced", "Training, as asked.")
    if reign.version is None or reign.trained_until is None:
        return Ruling(True, "first", "No model serves yet: training the first one.")
    fired = _fired(policy, reign, now, alerts, promises)
    if not fired:
        return Ruling(False, "none", "No rule fired.", _next(policy, reign))
    name, words = next(iter(fired.items()))
    held = _held_back(policy, reign, now, alerts)
    if held:
        return Ruling(False, "wait", f"{words} But {held}", _next(policy, reign))
    shifted = {"drift", "promises"} >= set(fired) and {
        each.code for each in alerts if each.code in DRIFT
    } <= BASE_RATE
    return Ruling(True, name, words, base_rate=shifted)


def newly_converted(
    history: History, since: pd.Timestamp, *, ages: Sequence[int], horizon: int, target: str
) -> int:
    """Count the leads whose conversion became a label after an instant.

    A label is known when its whole horizon has passed, so these are what a training can learn
    now and could not learn then.

    Parameters
    ----------
    history : what happened.
    since : the end of the history that was learned from before.
    ages : days after creation at which leads are seen.
    horizon : days within which a conversion counts.
    target : the stage that counts.
    """
    end = history.observed_until
    snapshots = snapshots_at_ages(history, ages, target=target, until=end)
    ended = snapshots["as_of"] + horizon * _DAY
    fresh = snapshots[((ended > since) & (ended <= end)).to_numpy()].reset_index(drop=True)
    if fresh.empty:
        return 0
    came = label(history, fresh, target=target, horizons=[horizon]).converted[horizon]
    return int(fresh["lead_id"][(came == 1).to_numpy()].nunique())


def learned_to(version: ModelVersion) -> pd.Timestamp | None:
    """Return the end of the history that a version was trained or recalibrated on."""
    told = [version.tags.get(name) for name in ("trained_until", "recalibrated_until")]
    known = [pd.Timestamp(each) for each in told if each]
    return max(known) if known else None


def _fired(
    policy: RetrainingSettings,
    reign: Reign,
    now: pd.Timestamp,
    alerts: Sequence[Alert],
    promises: Sequence[Promises],
) -> Mapping[Rule, str]:
    """Return the rules that fired, each with its sentence; the strongest reason first."""
    fired: dict[Rule, str] = {}
    if reign.personal:
        fired["personal"] = (
            f"Version {reign.version} uses {', '.join(reign.personal)}, marked as personal since."
        )
    days = _days(now, reign.trained_until)
    if policy.every_days is not None and days >= policy.every_days:
        fired["schedule"] = (
            f"Version {reign.version} was trained {days:.0f} days ago, {policy.every_days} are "
            "agreed."
        )
    if policy.conversions is not None and reign.converted >= policy.conversions:
        fired["conversions"] = (
            f"{reign.converted} leads turned out converted since version {reign.version} was "
            f"trained, {policy.conversions} are enough."
        )
    drifted = [each for each in alerts if each.code in DRIFT]
    if policy.drift and drifted:
        fired["drift"] = f"The monitor says: {drifted[0].cause}"
    broken = [each for each in promises if not _kept(each)]
    if policy.promises and broken:
        low, high = broken[-1].ratio_interval
        fired["promises"] = (
            f"Of {broken[-1].promised:.0f} conversions that version {reign.version} promised "
            f"within {broken[-1].horizon} days, {broken[-1].realised:.0f} came (ratio "
            f"{broken[-1].ratio:.2f}, from {low:.2f} to {high:.2f})."
        )
    return fired


def _kept(promises: Promises) -> bool:
    low, high = promises.ratio_interval
    return not (high < 1.0 or low > 1.0)


def _held_back(
    policy: RetrainingSettings, reign: Reign, now: pd.Timestamp, alerts: Sequence[Alert]
) -> str:
    broken = [each for each in alerts if each.code in BROKEN_FEED]
    if broken:
        return f"the history is not whole, and that is mended first: {broken[0].cause}"
    rested = _days(now, reign.newest)
    if reign.personal and not reign.relearned:
        return ""  # what people have asked for does not wait
    if rested < policy.rest_days:
        return (
            f"the newest version learned until {rested:.0f} days ago, and {policy.rest_days} days "
            "lie between two trainings."
        )
    return ""


def _next(policy: RetrainingSettings, reign: Reign) -> str:
    """Say when a rule would fire."""
    ways = []
    if policy.every_days is not None and reign.trained_until is not None:
        due = reign.trained_until + policy.every_days * _DAY
        if reign.newest is not None:
            due = max(due, reign.newest + policy.rest_days * _DAY)
        ways.append(f"on {due:%Y-%m-%d} by schedule")
    if policy.conversions is not None:
        more = max(0, policy.conversions - reign.converted)
        ways.append(f"after {more} more converted leads")
    ways += ["when the monitor tells of drift"] if policy.drift else []
    ways += ["when promises are not kept"] if policy.promises else []
    return f"Next: {', or '.join(ways)}." if ways else "No rule is switched on."


def _days(now: pd.Timestamp, then: pd.Timestamp | None) -> float:
    return float(np.inf) if then is None else float((now - then) / _DAY)
