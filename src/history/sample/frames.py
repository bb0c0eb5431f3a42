"""The sample company's moves and touches as the canonical tables, with both clocks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from history.sample.company import (
    BROWSERS,
    CHANNELS,
    COUNTRIES,
    FORM_VERSIONS,
    INDUSTRIES,
    JOB_LEVELS,
    SOURCES,
    Company,
    Floats,
    Ints,
)
from history.sample.dynamics import (
    DISQUALIFIED,
    LOST,
    MQL,
    NEW,
    OPPORTUNITY,
    SAL,
    STAGE_OF_STATE,
    WON,
)
from history.sample.simulate import Moves, Touches

DAY_US = 86_400_000_000

# kind, channel, team, direction, and how its stream is made up
_KINDS: tuple[tuple[str, str, str, str, tuple[float, float, float]], ...] = (
    ("email_sent", "email", "marketing", "outbound", (0.34, 0.05, 0.0)),
    ("email_open", "email", "marketing", "inbound", (0.25, 0.12, 0.0)),
    ("ad_view", "paid_social", "marketing", "outbound", (0.14, 0.03, 0.0)),
    ("ad_click", "paid_search", "marketing", "inbound", (0.06, 0.05, 0.0)),
    ("web_visit", "web", "marketing", "inbound", (0.17, 0.33, 0.0)),
    ("email_click", "email", "marketing", "inbound", (0.03, 0.11, 0.0)),
    ("pricing_visit", "web", "marketing", "inbound", (0.005, 0.11, 0.0)),
    ("content_download", "web", "marketing", "inbound", (0.004, 0.07, 0.0)),
    ("webinar_attended", "event", "marketing", "inbound", (0.001, 0.05, 0.0)),
    ("demo_request", "web", "marketing", "inbound", (0.0, 0.03, 0.0)),
    ("call", "phone", "sales", "outbound", (0.0, 0.0, 0.42)),
    ("sales_email", "email", "sales", "outbound", (0.0, 0.0, 0.38)),
    ("email_reply", "email", "sales", "inbound", (0.0, 0.05, 0.1)),
    ("meeting", "phone", "sales", "inbound", (0.0, 0.0, 0.1)),
)
_CAMPAIGN_DAYS = 45
_REASONS = {
    NEW: ("bad_timing", "no_budget", "unreachable"),
    DISQUALIFIED: ("wrong_fit", "not_a_lead", "duplicate", "competitor"),
}
_LOST_REASONS = ("competitor", "no_budget", "no_decision", "bad_timing")
OWNERS = ("amal", "bela", "chris", "dana", "eli", "femi")


def leads_frame(company: Company, state: Ints, rng: np.random.Generator) -> pd.DataFrame:
    """Return the leads; `crm_status` is today's value only, and tells the outcome."""
    named = np.array(
        ["open", "working", "working", "working", "working", "customer", "lost", "bad"]
    )
    stale = rng.random(company.leads) < 0.1
    return pd.DataFrame(
        {
            "lead_id": lead_ids(np.arange(company.leads)),
            "created_at": instants(company, company.created),
            "account_id": account_ids(company.account_of),
            "source": _named(SOURCES, company.source),
            "job_level": _named(JOB_LEVELS, company.job_level),
            "browser": _named(BROWSERS, company.browser),
            "form_version": _named(FORM_VERSIONS, company.form_version),
            "crm_status": pd.Categorical(np.where(stale, "open", named[state])),
        }
    )


def accounts_frame(company: Company) -> pd.DataFrame:
    """Return the accounts that have leads; the number of employees has a history of its own."""
    used, first = np.unique(company.account_of, return_index=True)
    return pd.DataFrame(
        {
            "account_id": account_ids(used),
            "created_at": instants(company, company.created[first]),
            "industry": _named(INDUSTRIES, company.industry[used]),
            "country": _named(COUNTRIES, company.country[used]),
        }
    )


def employees_history(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    """Return the employees of each account at its creation, and some later counts."""
    used, first = np.unique(company.account_of, return_index=True)
    created = company.created[first]
    grown = rng.random(len(used)) < 0.3
    later = created + rng.uniform(30, 400, len(used))
    again = grown & (later < company.days)
    count = company.employees[used]
    growth = np.round(count * rng.uniform(0.9, 1.3, len(used)))
    account = np.concatenate([used, used[again]])
    valid = instants(company, np.concatenate([created, later[again]]))
    value = np.concatenate([count, growth[again]])
    lag = np.concatenate([np.zeros(len(used)), rng.exponential(4.0, int(again.sum()))])
    return pd.DataFrame(
        {
            "change_id": _ids("c", np.arange(len(account)), 7),
            "entity": "account",
            "entity_id": account_ids(account),
            "field": "employees",
            "value": value,
            "valid_from": valid,
            "recorded_at": valid + pd.to_timedelta((lag * DAY_US).astype(np.int64), unit="us"),
        }
    )


def outcomes_frame(company: Company, moves: Moves, rng: np.random.Generator) -> pd.DataFrame:
    """Return the moves as outcomes; one in twenty is written down days later."""
    kept = moves.after != NEW
    lead, day, after = moves.lead[kept], moves.day[kept], moves.after[kept]
    occurred = instants(company, day + company.clock[lead])
    late = np.where(rng.random(len(lead)) < 0.05, rng.uniform(0.5, 6.0, len(lead)), 0.0)
    deal = (
        np.exp(rng.normal(8.3, 0.5, len(lead)))
        * company.employees[company.account_of[lead]] ** 0.25
    )
    reasons = np.array(_LOST_REASONS, dtype=object)[rng.integers(0, len(_LOST_REASONS), len(lead))]
    return pd.DataFrame(
        {
            "outcome_id": _ids("o", np.arange(len(lead)), 7),
            "lead_id": lead_ids(lead),
            "occurred_at": occurred,
            "recorded_at": occurred + _lag(late),
            "stage": _named(STAGE_OF_STATE[1:], after - 1),
            "amount": np.where(np.isin(after, (OPPORTUNITY, WON)), np.round(deal, 2), np.nan),
            "reason": pd.Series(np.where(after == LOST, reasons, np.nan), dtype="str"),
            "owner": _named(OWNERS, np.where(after >= SAL, lead % len(OWNERS), -1)),
        }
    )


def dispositions_frame(company: Company, moves: Moves, rng: np.random.Generator) -> pd.DataFrame:
    """Return what sales decided of each lead that it picked up, with typed reasons."""
    kept = moves.before == MQL
    lead, day, after = moves.lead[kept], moves.day[kept], moves.after[kept]
    occurred = instants(company, day + company.clock[lead]) + pd.Timedelta(seconds=30)
    action = np.select([after == SAL, after == NEW], ["accept", "recycle"], "reject")
    reason = np.full(len(lead), np.nan, dtype=object)
    for goal, words in _REASONS.items():
        refused = after == goal
        reason[refused] = np.array(words, dtype=object)[
            rng.integers(0, len(words), int(refused.sum()))
        ]
    return pd.DataFrame(
        {
            "disposition_id": _ids("d", np.arange(len(lead)), 7),
            "lead_id": lead_ids(lead),
            "occurred_at": occurred,
            "action": pd.Categorical(action),
            "reason": pd.Categorical(reason),
            "owner": pd.Categorical(np.array(OWNERS, dtype=object)[lead % len(OWNERS)]),
        }
    )


def engagements_frame(company: Company, touches: Touches, rng: np.random.Generator) -> pd.DataFrame:
    """Return every single touch, with its kind drawn by stream.

    Lists of event attendants are imported on the following Monday; one record in fifty of the
    rest arrives days late.
    """
    lead = np.repeat(touches.lead, touches.count)
    day = np.repeat(touches.day, touches.count)
    stream = np.repeat(touches.stream, touches.count)
    share = np.array([made_of for *_, made_of in _KINDS])
    bounds = np.cumsum(share / share.sum(axis=0), axis=0)
    kind = (rng.random(len(lead))[:, None] > bounds.T[stream]).sum(axis=1)
    kind = np.minimum(kind, len(_KINDS) - 1)
    moment = np.maximum(
        day + rng.uniform(6.0, 22.0, len(lead)) / 24.0, company.created[lead] + 1e-4
    )
    order = np.lexsort((moment, lead))
    lead, day, kind, moment = lead[order], day[order], kind[order], moment[order]
    occurred = instants(company, moment)
    names = [name for name, *_ in _KINDS]
    timed = np.isin(kind, [names.index("call"), names.index("meeting")])
    seconds = np.round(rng.gamma(2.0, 240.0, len(lead)), 3)
    return pd.DataFrame(
        {
            "engagement_id": _ids("e", np.arange(len(lead)), 8),
            "lead_id": lead_ids(lead),
            "occurred_at": occurred,
            "recorded_at": occurred + _lag(_lateness(company, kind, day, moment, rng)),
            "kind": _named(tuple(names), kind),
            "team": _of_kind(kind, 2),
            "channel": _of_kind(kind, 1, CHANNELS),
            "campaign": _campaigns(kind, day, rng),
            "direction": _of_kind(kind, 3),
            "duration_s": np.where(timed, seconds, np.nan),
        }
    )


def instants(company: Company, day: Floats) -> pd.DatetimeIndex:
    """Turn days since the start into UTC instants, to the second."""
    seconds = np.floor((company.start + day) * 86400.0).astype(np.int64)
    return pd.DatetimeIndex((seconds * 1_000_000).view("datetime64[us]")).tz_localize("UTC")


def lead_ids(lead: Ints) -> pd.Series:
    """Return ids of leads by number."""
    return _ids("L", lead, 6)


def account_ids(account: Ints) -> pd.Series:
    """Return ids of accounts by number."""
    return _ids("A", account, 6)


def _ids(letter: str, number: Ints, width: int) -> pd.Series:
    if not len(number):
        return pd.Series([], dtype="str")
    # The distinct ids are made once; a million rows then only point at them.
    distinct, position = np.unique(number, return_inverse=True)
    made = np.array([f"{letter}{each:0{width}d}" for each in distinct.tolist()], dtype=object)
    return pd.Series(made[position], dtype="str")


def _named(names: tuple[str, ...], codes: Ints) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(names)))


def _lag(days: Floats) -> pd.TimedeltaIndex:
    return pd.to_timedelta((days * 86_400.0).astype(np.int64) * 1_000_000, unit="us")


def _of_kind(kind: Ints, field: int, names: tuple[str, ...] | None = None) -> pd.Series:
    values = [str(each[field]) for each in _KINDS]
    levels = list(names or sorted(set(values)))
    return _named(tuple(levels), np.array([levels.index(v) for v in values])[kind])


def _campaigns(kind: Ints, day: Ints, rng: np.random.Generator) -> pd.Series:
    """Marketing's touches belong to the campaign that their channel ran at the time, mostly."""
    channel = np.array([CHANNELS.index(each[1]) for each in _KINDS])[kind]
    marketing = np.array([each[2] == "marketing" for each in _KINDS])[kind]
    wave = day // _CAMPAIGN_DAYS
    waves = int(wave.max(initial=0)) + 1
    names = [f"{name}_{number + 1:02d}" for name in CHANNELS for number in range(waves)]
    mine = marketing & (rng.random(len(kind)) < 0.6)
    return _named(tuple(names), np.where(mine, channel * waves + wave, -1))


def _lateness(
    company: Company, kind: Ints, day: Ints, moment: Floats, rng: np.random.Generator
) -> Floats:
    attended = kind == [name for name, *_ in _KINDS].index("webinar_attended")
    weekday = (company.start + day + 3) % 7
    import_day = day + (7 - weekday) + 9.0 / 24.0
    stray = np.where(rng.random(len(kind)) < 0.02, rng.exponential(3.0, len(kind)), 0.0)
    late: Floats = np.where(attended, import_day - moment, stray)
    return late
