"""Emptying the outbox: batches, patience, and what becomes of each answer.

Retries are rows of the outbox with a time, not loops in memory: they survive a restart. So no
library for retries in process is used here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx
import pandas as pd

from delivery.outbox import WAITING, Item, Outbox
from delivery.overdue import Overdue
from delivery.targets import TARGETS, Target
from delivery.tokens import TokenError
from settings.crm import CrmSettings

RECEIVERS: Mapping[str, type[Target]] = {**TARGETS, Overdue.name: Overdue}
"""Everybody whom the outbox may have something for."""
MOST_ATTEMPTS = 8
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 3600.0
_ALREADY_THERE = frozenset({409, 412})
_OUR_SECRET = frozenset({401, 403})


@dataclass
class Delivery:
    """What became of the rows that were due.

    Parameters
    ----------
    sent, later, dead : rows by CRM.
    calls : requests by CRM.
    problems : CRMs that nothing was sent to, and why.
    """

    sent: Counter[str] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    problems: dict[str, str] = field(default_factory=dict)


def deliver(
    outbox: Outbox,
    crm: CrmSettings,
    client: httpx.Client,
    clock: Callable[[], pd.Timestamp],
    chance: random.Random,
) -> Delivery:
    """Send every row that is due.

    Parameters
    ----------
    outbox : the rows.
    crm : where the CRMs are.
    client : calls them, with a timeout of its own.
    clock : tells the time.
    chance : spreads retries, so that many senders do not come back at once.
    """
    done = Delivery()
    for name, make in RECEIVERS.items():
        target = make(crm)
        while items := outbox.claim(clock(), WAITING, target.most, name):
            if target.problem:
                done.problems[name] = target.problem
                for item in items:
                    later = clock() + pd.Timedelta(seconds=_FIRST_WAIT_S)
                    outbox.again(item, later, target.problem, counts=False)
                break
            if not _send(target, items, outbox, client, clock, chance, done):
                break  # it asked for patience: the others of it wait, too
    return done


def _send(
    target: Target,
    items: Sequence[Item],
    outbox: Outbox,
    client: httpx.Client,
    clock: Callable[[], pd.Timestamp],
    chance: random.Random,
    done: Delivery,
) -> bool:
    """Send one batch; tell whether the next one may follow at once."""
    done.calls[target.name] += 1
    wait: float | None = None
    try:
        answer = client.send(target.request(items), auth=target.auth)
        told = _told(target, items, answer)
        wait = retry_after(answer, clock())
    except TokenError as error:
        told = {item.record: f"again: {error}" for item in items}
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
        told = {item.record: f"again: {type(error).__name__}" for item in items}
    if told is None:  # one bad record fails a whole batch: find it
        middle = len(items) // 2
        first = _send(target, items[:middle], outbox, client, clock, chance, done)
        second = _send(target, items[middle:], outbox, client, clock, chance, done)
        return first and second
    outbox.sent([item for item in items if told[item.record] == ""])
    for item in items:
        _settle(item, told[item.record], wait, outbox, clock, chance, done)
    return not any(each.startswith("again") for each in told.values())


def _told(target: Target, items: Sequence[Item], answer: httpx.Response) -> dict[str, str] | None:
    """Return what the vendor says of each record; None where a smaller batch must tell."""
    status = answer.status_code
    if answer.is_success:
        return target.verdicts(items, answer)
    if status in _ALREADY_THERE and len(items) == 1 and target.name == "dynamics":
        return {items[0].record: ""}
    if status == 429 or status >= 500 or status in _OUR_SECRET or status == 408:
        return {item.record: f"again: HTTP {status}" for item in items}
    if len(items) > 1:
        return None
    return {items[0].record: f"HTTP {status}: {answer.text[:200]}"}


def _settle(
    item: Item,
    told: str,
    wait: float | None,
    outbox: Outbox,
    clock: Callable[[], pd.Timestamp],
    chance: random.Random,
    done: Delivery,
) -> None:
    if told == "":
        done.sent[item.target] += 1
    elif not told.startswith("again") or item.attempts + 1 >= MOST_ATTEMPTS:
        outbox.dead(item, told)
        done.dead[item.target] += 1
    else:
        seconds = back_off(item.attempts, chance) if wait is None else wait
        outbox.again(item, clock() + pd.Timedelta(seconds=seconds), told)
        done.later[item.target] += 1


def back_off(attempts: int, chance: random.Random) -> float:
    """Return seconds to wait: twice as long each time, somewhere in the upper half of it."""
    longest = min(_FIRST_WAIT_S * 2.0**attempts, _LONGEST_WAIT_S)
    return longest * (0.5 + 0.5 * chance.random())


def retry_after(answer: httpx.Response, now: pd.Timestamp) -> float | None:
    """Return the seconds that a vendor asks us to wait, as a number or as a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (pd.Timestamp(parsedate_to_datetime(text)) - now).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)
