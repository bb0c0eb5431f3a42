"""`smarketing outbox`: what is on its way to CRMs, and sending it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from delivery import Delivery, Outbox, deliver, keep_addresses_out_of_logs, target_of
from history import Store
from history.moved import former_ids
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings

_SHOWN = 20
_NEEDED = ("lead_id", "score", "grade")


def run(
    settings: Settings,
    *,
    scores: Path | None = None,
    crm: str | None = None,
    send: bool = False,
    replay: bool = False,
    as_json: bool = False,
) -> None:
    """Put scores in, let dead rows wait again, send what is due, and list what there is.

    Parameters
    ----------
    scores : a file that `smarketing score` wrote; scores that the CRM has already stay out.
    crm : the CRM that they are for, or whose dead rows are replayed; all where missing.
    send : send what is due.
    replay : let dead rows wait again.

    Raises
    ------
    ValueError : the file or the CRM cannot be used.
    """
    if crm is not None:
        target_of(crm, settings.crm)
    store = context.store_of(settings)
    outbox = Outbox(store.engine)
    result: dict[str, Any] = {}
    if scores is not None:
        if crm is None:
            raise UsageError("--scores: name the CRM that they are for, as in --crm hubspot")
        result["put_in"] = outbox.put(crm, payloads(settings, scores, crm, store))
    if replay:
        result["replayed"] = outbox.replay(crm or "")
    if send:
        keep_addresses_out_of_logs()
        with (
            context.working("sending"),
            httpx.Client(timeout=settings.crm.timeout_s) as client,
        ):
            done = deliver(outbox, settings.crm, client, context.now, random.SystemRandom())
        result["delivery"] = _plain(done)
    rows = outbox.rows()
    result["states"] = {str(state): int(n) for state, n in rows["state"].value_counts().items()}
    result["held"] = {
        name: {"until": hold.until.isoformat(), "failed_calls": hold.tries}
        for name in sorted(set(rows["target"]))
        if (hold := outbox.held(name)) is not None
    }
    result["rows"] = _timed(rows[rows["state"] != "sent"].sort_values("state", kind="stable"))
    if as_json:
        context.print_json(result)
    else:
        _print(result)


def payloads(settings: Settings, file: Path, crm: str, store: Store) -> dict[str, dict[str, Any]]:
    """Return what a CRM is told of the scores in a file, by its record.

    Raises
    ------
    UsageError : the file is missing, or none that `smarketing score` wrote.
    """
    if not file.is_file():
        raise UsageError(f"--scores: {file}: there is no such file")
    text = {"lead_id": "str"}
    frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file, dtype=text)
    longest = [name for name in frame.columns if str(name).startswith("probability_")][-1:]
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing or not longest:
        raise UsageError(
            f"--scores: {file}: expected the columns that smarketing score writes "
            f"(missing {(missing or ['probability_90d'])[0]!r})"
        )
    target = target_of(crm, settings.crm)
    frame = frame.rename(columns={longest[0]: "probability"})
    with store.reading() as connection:
        former = former_ids(connection)
    return {
        target.record(lead, former.get(lead, ())): target.payload(_score(row))
        for row in frame.to_dict("records")
        for lead in [str(row["lead_id"])]
    }


def _score(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row with its reasons as a list: CSV holds them as JSON, Parquet as an array."""
    given = row.get("reasons")
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except json.JSONDecodeError:
            given = [{"label": given}]
    reasons = [] if given is None or isinstance(given, float) else list(given)
    return {**{str(name): value for name, value in row.items()}, "reasons": reasons}


def _plain(done: Delivery) -> dict[str, Any]:
    return {
        "sent": dict(done.sent),
        "later": dict(done.later),
        "dead": dict(done.dead),
        "calls": dict(done.calls),
        "problems": done.problems,
    }


def _timed(rows: pd.DataFrame) -> list[dict[str, Any]]:
    due = pd.to_datetime(rows["not_before"], unit="us", utc=True)
    told = rows.assign(not_before=[stamp.isoformat() for stamp in due])
    return [{str(key): value for key, value in row.items()} for row in told.to_dict("records")]


def _print(result: dict[str, Any]) -> None:
    for name, words in (("put_in", "put in"), ("replayed", "let wait again")):
        if name in result:
            context.say(f"{result[name]:,} {words}")
    for name, counts in result.get("delivery", {}).items():
        for crm, told in counts.items():
            context.say(f"{crm}: {name} {told}")
    for crm, hold in result["held"].items():
        context.say(f"{crm}: {hold['failed_calls']} calls failed; left alone until {hold['until']}")
    states = ", ".join(f"{count:,} {state}" for state, count in result["states"].items())
    context.say(f"outbox: {states or 'empty'}")
    if result["rows"]:
        columns = ("target", "record", "state", "attempts", "not_before", "problem")
        rows = [tuple(str(row[name]) for name in columns) for row in result["rows"][:_SHOWN]]
        context.print_table("Not sent", columns, rows)
        if len(result["rows"]) > _SHOWN:
            context.say(f"... and {len(result['rows']) - _SHOWN:,} more: --json lists all")
        if result["states"].get("dead"):
            context.say("dead rows were refused; mend the cause, then: smarketing outbox --replay")
