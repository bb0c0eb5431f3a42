"""Emptying the outbox: batches, patience, and what becomes of each answer.

Retries are rows of the outbox with a time, not loops in memory: they survive a restart. So no
library for retries in process is used here. A vendor who cannot be reached, or asks for patience,
is left alone as a whole: neither the next batch nor a new score is sent to it before that time.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx
import pandas as pd

from delivery.crms import TARGETS
from delivery.outbox import WAITING, Hold, Item, Outbox
from delivery.overdue import Overdue
from delivery.target import Target
from delivery.tokens import TokenError
from settings.crm import CrmSettings

RECEIVERS: Mapping[str, type[Target]] = {**TARGETS, Overdue.name: Overdue}
"""Everybody whom the outbox may have something for."""
MOST_ATTEMPTS = 40
"""With an hour between the later ones: about a day, longer than a vendor's maintenance."""
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 3600.0
_ALREADY_THERE = frozenset({409, 412})
_OUR_SECRET = frozenset({401, 403})
_NOT_TAKEN = _OUR_SECRET | {429}
_NEVER_THERE = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_TELLING = 5
"""So many records refused and none accepted: it is not the records that are wrong."""


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
        target, hold = make(crm), outbox.held(name)
        if hold is not None and hold.until > clock():
            continue
        if target.problem:
            later = clock() + pd.Timedelta(seconds=_FIRST_WAIT_S)
            if outbox.postpone(name, clock(), later, target.problem):
                done.problems[name] = target.problem
            continue
        call = _Call(target, outbox, client, clock, chance, done)
        while items := outbox.claim(clock(), WAITING, target.most, name):
            if not call.send(items):
                break  # the others of it wait, too
        if call.failed:
            call.leave_alone(0 if hold is None else hold.tries)
        elif hold is not None and done.calls[name]:
            outbox.hold(name, None)
    return done


@dataclass
class _Call:
    """Calls to one vendor within one delivery."""

    target: Target
    outbox: Outbox
    client: httpx.Client
    clock: Callable[[], pd.Timestamp]
    chance: random.Random
    done: Delivery
    failed: str = ""
    untouched: bool = False
    wait: float | None = None
    refused: int = 0

    def send(self, items: Sequence[Item]) -> bool:
        """Send one batch, what is there already left out; tell whether the next may follow."""
        there = self._there([item for item in items if item.unsure])
        self.outbox.sent([item for item in items if item.record in there])
        self.done.sent[self.target.name] += len(there)
        rest = [item for item in items if item.record not in there]
        return self._send(rest) if rest else not self.failed

    def _there(self, items: Sequence[Item]) -> set[str]:
        """Ask which records the vendor took although its answer was lost, so as not to repeat it.

        One who does not tell, or may not, is sent them again: they say the same.
        """
        asked = self.target.questions(items) if items else []
        answers = []
        for question in asked:
            self.done.calls[self.target.name] += 1
            answer = self._call(question)
            if answer is None or not answer.is_success:
                return set()
            answers.append(answer)
        try:
            return self.target.has(items, answers) if answers else set()
        except (ValueError, KeyError, TypeError, AttributeError):
            return set()

    def _send(self, items: Sequence[Item]) -> bool:
        name = self.target.name
        if self.failed:
            told: dict[str, str] | None = {item.record: self.failed for item in items}
        else:
            self.done.calls[name] += 1
            told = self._answer(items)
        if told is None:  # one bad record fails a whole batch: find it
            middle = len(items) // 2
            for half in (items[:middle], items[middle:]):
                self.outbox.renew(half, self.clock())
                self._send(half)
            return not self.failed
        self.outbox.sent([item for item in items if told[item.record] == ""])
        for item in items:
            self._settle(item, told[item.record])
        if self.refused >= _TELLING and not self.done.sent[name] and not self.failed:
            self._fail(f"all is refused, as with {next(iter(told.values()))}")
        return not self.failed

    def leave_alone(self, tries: int) -> None:
        """Let everything for this vendor wait, as long as it asks or longer each time."""
        seconds = back_off(tries, self.chance) if self.wait is None else self.wait
        until = self.clock() + pd.Timedelta(seconds=seconds)
        self.outbox.hold(self.target.name, Hold(until, tries + 1))

    def _answer(self, items: Sequence[Item]) -> dict[str, str] | None:
        """Return what the vendor says of each record; None where a smaller batch must tell."""
        answer = self._call(self.target.request(items))
        if answer is None:
            return {item.record: self.failed for item in items}
        try:
            return self._verdicts(items, answer)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._fail(f"an answer that makes no sense ({type(error).__name__})")
        return {item.record: self.failed for item in items}

    def _call(self, request: httpx.Request) -> httpx.Response | None:
        """Return what the vendor answers; None where it is to be left alone."""
        try:
            answer = self.client.send(request, auth=self.target.auth)
        except TokenError as error:
            self._fail(str(error), untouched=True)
            return None
        except httpx.HTTPError as error:
            self._fail(type(error).__name__, untouched=isinstance(error, _NEVER_THERE))
            return None
        self.wait = retry_after(answer, self.clock())
        status = answer.status_code
        if _for_later(status):
            self._fail(f"HTTP {status}", untouched=status in _NOT_TAKEN)
            return None
        return answer

    def _fail(self, problem: str, *, untouched: bool = False) -> None:
        self.failed, self.untouched = f"again: {problem}", untouched

    def _verdicts(self, items: Sequence[Item], answer: httpx.Response) -> dict[str, str] | None:
        told = _told(self.target, items, answer)
        if told is not None and not answer.is_success:
            self.refused += sum(verdict != "" for verdict in told.values())
        return told

    def _settle(self, item: Item, told: str) -> None:
        if told == "":
            self.done.sent[item.target] += 1
        elif not told.startswith("again") or item.attempts + 1 >= MOST_ATTEMPTS:
            self.outbox.dead(item, told)
            self.done.dead[item.target] += 1
        else:
            seconds = back_off(item.attempts, self.chance) if self.wait is None else self.wait
            when = self.clock() + pd.Timedelta(seconds=seconds)
            self.outbox.again(item, when, told, untouched=self.untouched)
            self.done.later[item.target] += 1


def _for_later(status: int) -> bool:
    """Tell whether a status speaks of the moment, or of our secret, and not of the records."""
    return status in (408, 429) or status >= 500 or status in _OUR_SECRET


def _told(target: Target, items: Sequence[Item], answer: httpx.Response) -> dict[str, str] | None:
    """Return what the vendor says of each record; None where a smaller batch must tell."""
    status = answer.status_code
    if answer.is_success:
        return target.verdicts(items, answer)
    if status in _ALREADY_THERE and len(items) == 1 and target.name == "dynamics":
        return {items[0].record: ""}
    if len(items) > 1:
        return None
    return {items[0].record: f"HTTP {status}: {answer.text[:200]}"}


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
