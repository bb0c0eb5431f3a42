"""Every feature, declared once, with the words that a marketer reads.

The file is long because it is a list: one declaration a block, and the few words that names share.

To add one, write a `Feature` into the family that it belongs to (or a new family, and name it in
`FAMILIES`). The same declaration works in a notebook first:

>>> from features.declaration import Feature
>>> Feature(
...     "pricing_visits_30d",
...     "visits to the pricing page in the last 30 days",
...     source="engagements",
...     aggregate="count",
...     where={"kind": ("pricing_visit",)},
...     window_days=30,
...     group="engagement",
... ).window_days
30
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from features.declaration import Feature, Group
from features.vocabulary import Vocabulary
from history import History

WINDOWS: tuple[int | None, ...] = (7, 30, 90, None)
_UNWANTED = re.compile(r"unsubscri|opt.?out|bounce|complain|spam", re.IGNORECASE)
"""Kinds of engagement that say no: more of them never makes a lead likelier."""


def default_features(history: History, until: pd.Timestamp | None = None) -> tuple[Feature, ...]:
    """Declare about a hundred features for what a history speaks of.

    Parameters
    ----------
    history : what happened.
    until : only what was recorded before this instant counts; all of it where missing.

    Returns
    -------
    The declarations, in a fixed order.
    """
    vocabulary = Vocabulary.of(history if until is None else history.known_before(until))
    return tuple(feature for family in FAMILIES for feature in family(vocabulary))


def describe(features: Sequence[Feature]) -> pd.DataFrame:
    """Return the catalogue: one row per feature, with its words, unit, group and source."""
    return pd.DataFrame(
        [
            {
                "name": feature.name,
                "label": feature.label,
                "group": feature.group,
                "unit": feature.unit,
                "source": feature.source,
                "aggregate": feature.aggregate,
                "column": feature.column or "",
                "where": "; ".join(f"{k} is {' or '.join(v)}" for k, v in feature.where.items()),
                "window_days": feature.window_days,
            }
            for feature in features
        ]
    )


def slug(text: str) -> str:
    """Return a value as a part of a feature's name."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "blank"


def plain(text: str) -> str:
    """Return a value as words: `email_click` reads "email click"."""
    return re.sub(r"[_\s]+", " ", text).strip()


def span(window: int | None) -> str:
    """Return a window in words."""
    return "so far" if window is None else f"in the last {window} days"


def _suffix(window: int | None) -> str:
    return "ever" if window is None else f"{window}d"


def totals(words: Vocabulary) -> Iterator[Feature]:
    """Yield how much happened in all, by window."""
    for window in WINDOWS if words.kinds else ():
        name, when = _suffix(window), span(window)
        yield Feature(
            f"engagements_{name}", f"engagements {when}", "engagements", "count", window_days=window
        )
        yield Feature(
            f"active_days_{name}",
            f"days with any engagement {when}",
            "engagements",
            "active_days",
            window_days=window,
            unit="days",
        )
    for number in words.numbers:
        what = "value of engagements" if number == "value" else "seconds of engagement"
        unit = "money" if number == "value" else "seconds"
        for window in (30, None):
            yield Feature(
                f"{number}_sum_{_suffix(window)}",
                f"{what} {span(window)}",
                "engagements",
                "sum",
                column=number,
                window_days=window,
                unit=unit,
            )
        yield Feature(
            f"{number}_mean_ever",
            f"average {what}",
            "engagements",
            "mean",
            column=number,
            unit=unit,
        )
        yield Feature(
            f"{number}_max_90d",
            f"largest {what} in the last 90 days",
            "engagements",
            "max",
            column=number,
            window_days=90,
            unit=unit,
        )


def recency(words: Vocabulary) -> Iterator[Feature]:
    """Yield when things happened last and first."""
    if not words.kinds:
        return
    yield Feature(
        "days_since_engagement",
        "days since the last engagement",
        "engagements",
        "days_since_last",
        unit="days",
        monotone=-1,
    )
    yield Feature(
        "days_since_first_engagement",
        "days since the first engagement",
        "engagements",
        "days_since_first",
        unit="days",
    )
    for kind in words.kinds:
        yield Feature(
            f"days_since_{slug(kind)}",
            f"days since the last {plain(kind)}",
            "engagements",
            "days_since_last",
            where={"kind": (kind,)},
            unit="days",
        )


def kinds(words: Vocabulary) -> Iterator[Feature]:
    """Yield counts of each frequent kind of engagement."""
    for kind in words.kinds:
        for window in (7, 30, None):
            yield Feature(
                f"{slug(kind)}_{_suffix(window)}",
                f"{plain(kind)} {span(window)}",
                "engagements",
                "count",
                where={"kind": (kind,)},
                window_days=window,
                monotone=-1 if _UNWANTED.search(kind) else 0,
            )


def channels(words: Vocabulary) -> Iterator[Feature]:
    """Yield counts by channel, as far as kinds do not tell them already."""
    for channel in words.channels:
        for window in (30, None):
            yield Feature(
                f"channel_{slug(channel)}_{_suffix(window)}",
                f"engagements by {plain(channel)} {span(window)}",
                "engagements",
                "count",
                where={"channel": (channel,)},
                window_days=window,
                group="channel",
            )


def campaigns(words: Vocabulary) -> Iterator[Feature]:
    """Yield whether the lead answered the larger campaigns."""
    for campaign in words.campaigns:
        yield Feature(
            f"campaign_{slug(campaign)}",
            f"engagements with the campaign {plain(campaign)}",
            "engagements",
            "count",
            where={"campaign": (campaign,)},
            group="campaign",
        )


def teams(words: Vocabulary) -> Iterator[Feature]:
    """Yield how hard either team works the lead, and who moved: the lead or us."""
    for team in words.teams:
        group: Group = "sales effort" if team == "sales" else "channel"
        for window in (7, 30, None):
            yield Feature(
                f"{slug(team)}_touches_{_suffix(window)}",
                f"touches by {team} {span(window)}",
                "engagements",
                "count",
                where={"team": (team,)},
                window_days=window,
                group=group,
            )
    for direction in words.directions:
        for window in (30, None):
            yield Feature(
                f"{slug(direction)}_{_suffix(window)}",
                f"{plain(direction)} engagements {span(window)}",
                "engagements",
                "count",
                where={"direction": (direction,)},
                window_days=window,
                monotone=1 if direction == "inbound" else 0,
            )
        yield Feature(
            f"days_since_{slug(direction)}",
            f"days since the last {plain(direction)} engagement",
            "engagements",
            "days_since_last",
            where={"direction": (direction,)},
            unit="days",
            monotone=-1 if direction == "inbound" else 0,
        )


def lateness(words: Vocabulary) -> Iterator[Feature]:
    """Yield how long ago things happened in a lead's own time: three days are long for a new one.

    One model forecasts leads of every age, and what is late for one is early for another.
    """
    for recent in (*recency(words), *teams(words)):
        if recent.unit == "days":
            yield Feature(
                recent.name.replace("days_since", "share_since"),
                f"{recent.label.replace('days', 'time')}, as a share of the lead's age",
                "ratio",
                "ratio",
                of=(recent.name, "age_days"),
                unit="share",
                group=recent.group,
                monotone=recent.monotone,
            )


def rhythm(words: Vocabulary) -> Iterator[Feature]:
    """Yield trend, breadth and regularity."""
    if not words.kinds:
        return
    for short, long in (("7d", "30d"), ("30d", "90d"), ("30d", "ever")):
        yield Feature(
            f"trend_{short}_{long}",
            f"share of engagements {_words(long)} that fell {_words(short)}",
            "ratio",
            "ratio",
            of=(f"engagements_{short}", f"engagements_{long}"),
            unit="share",
        )
    for column in ("kind", "channel", "campaign"):
        if column == "kind" or getattr(words, f"{column}s"):
            for window in (30, None):
                yield Feature(
                    f"distinct_{column}s_{_suffix(window)}",
                    f"different {column}s {span(window)}",
                    "engagements",
                    "distinct",
                    column=column,
                    window_days=window,
                    group="campaign" if column == "campaign" else "engagement",
                )
    yield Feature(
        "gap_mean_days",
        "average days between engagements",
        "engagements",
        "gap_mean_days",
        unit="days",
    )
    yield Feature(
        "gap_std_days",
        "irregularity of engagements, in days",
        "engagements",
        "gap_std_days",
        unit="days",
    )


def stages(words: Vocabulary) -> Iterator[Feature]:
    """Yield where the lead stood in the funnel, by what was recorded before the cutoff."""
    if not words.stages:
        return
    yield Feature(
        "stage",
        "funnel stage",
        "stages",
        "current",
        column="stage",
        group="stage",
        unit="category",
        categorical=True,
    )
    yield Feature(
        "days_in_stage",
        "days since the last change of stage",
        "stages",
        "days_since_last",
        group="stage",
        unit="days",
    )
    yield Feature("stage_moves", "changes of stage so far", "stages", "count", group="stage")
    for stage in words.stages:
        if stage in ("won", "disqualified"):
            continue
        yield Feature(
            f"reached_{stage}",
            f"has been {stage}",
            "stages",
            "any",
            where={"stage": (stage,)},
            group="stage",
            unit="yes or no",
        )
        yield Feature(
            f"days_since_{stage}",
            f"days since it became {stage}",
            "stages",
            "days_since_last",
            where={"stage": (stage,)},
            group="stage",
            unit="days",
        )


def dispositions(words: Vocabulary) -> Iterator[Feature]:
    """Yield what sales said of the lead."""
    for action in ("accept", "reject", "recycle") if words.dispositions else ():
        done = {"accept": "accepted", "reject": "rejected", "recycle": "recycled"}[action]
        yield Feature(
            f"times_{done}",
            f"times {done} by sales",
            "dispositions",
            "count",
            where={"action": (action,)},
            group="sales effort",
            monotone={"accept": 1, "reject": -1, "recycle": 0}[action],
        )
    if words.dispositions:
        yield Feature(
            "days_since_disposition",
            "days since sales last decided on it",
            "dispositions",
            "days_since_last",
            group="sales effort",
            unit="days",
        )


def fit(words: Vocabulary) -> Iterator[Feature]:
    """Yield who the lead is: attributes of lead and account as of the cutoff."""
    for entity, field, categorical in words.attributes:
        yield Feature(
            f"{entity}_{slug(field)}",
            f"{plain(field)} of the account" if entity == "account" else plain(field),
            entity,
            "attribute",
            column=field,
            group="fit",
            unit="category" if categorical else "number",
            categorical=categorical,
        )


def timing(words: Vocabulary) -> Iterator[Feature]:
    """Yield how old the lead is, and when it came."""
    del words
    yield Feature(
        "age_days",
        "days since the lead was created",
        "timing",
        "clock",
        column="age_days",
        group="timing",
        unit="days",
    )
    yield Feature(
        "created_weekday",
        "weekday of creation (Monday is 0)",
        "timing",
        "clock",
        column="created_weekday",
        group="timing",
        unit="weekday",
    )
    yield Feature(
        "created_hour",
        "hour of creation (UTC)",
        "timing",
        "clock",
        column="created_hour",
        group="timing",
        unit="hour",
    )


def account(words: Vocabulary) -> Iterator[Feature]:
    """Yield what the lead's colleagues at the same account did, without the lead itself."""
    if not words.accounts:
        return
    yield Feature("colleagues", "other leads at the account", "members", "count", group="account")
    for window in (30, None) if words.kinds else ():
        name, when = _suffix(window), span(window)
        yield Feature(
            f"colleague_engagements_{name}",
            f"engagements of colleagues {when}",
            "colleagues",
            "count",
            window_days=window,
            group="account",
        )
        yield Feature(
            f"engaged_colleagues_{name}",
            f"colleagues who engaged {when}",
            "colleagues",
            "distinct",
            column="lead_id",
            window_days=window,
            group="account",
            monotone=1,
        )
    if words.kinds:
        yield Feature(
            "days_since_colleague",
            "days since a colleague last engaged",
            "colleagues",
            "days_since_last",
            group="account",
            unit="days",
        )
    for stage in ("opportunity", "won", "lost"):
        if stage in words.stages:
            yield Feature(
                f"colleague_{stage}",
                f"times a colleague became {stage}",
                "colleague_stages",
                "count",
                where={"stage": (stage,)},
                group="account",
                monotone=1 if stage == "won" else 0,
            )


FAMILIES: tuple[Callable[[Vocabulary], Iterator[Feature]], ...] = (
    totals,
    recency,
    kinds,
    channels,
    campaigns,
    teams,
    lateness,
    rhythm,
    stages,
    dispositions,
    fit,
    timing,
    account,
)
"""The families of features, in the order of their columns."""


def _words(name: str) -> str:
    return "ever" if name == "ever" else f"in the last {name.removesuffix('d')} days"
