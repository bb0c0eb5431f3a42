"""The history that a request is scored on: what the store knows, and what the request adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from history import History, Store
from history.reading import read_rows
from serving.body import MOMENT, Wanted
from serving.live import reading


def stored_history(store: Store | None, wanted: Sequence[Wanted], now: pd.Timestamp) -> History:
    """Read what the store knows of these leads, of the accounts that they name, and of colleagues.

    Parameters
    ----------
    store : the live history; None where there is none.
    wanted : the leads, known or not.
    now : the end of the history.
    """
    if store is None:
        return History.from_frames({}, observed_until=now)
    ids = list(dict.fromkeys(each.lead_id for each in wanted))
    named = [each.body.account_id for each in wanted if each.body is not None]
    accounts = sorted({account for account in named if account is not None})
    if not accounts:
        return store.lead_history(ids, observed_until=now)
    with reading(store) as connection:
        colleagues = read_rows(connection, "leads", "account_id", accounts)["lead_id"]
        rows = read_rows(connection, "accounts", "account_id", accounts)
    history = store.lead_history(list(dict.fromkeys([*ids, *colleagues])), observed_until=now)
    new = rows[~rows["account_id"].isin(history.accounts["account_id"])]
    if new.empty:
        return history
    frames = history.frames() | {"accounts": _joined(history.accounts, new)}
    return History.from_frames(frames, observed_until=now, current_only=history.current_only)


def batches(stored: History, wanted: Sequence[Wanted]) -> list[list[Wanted]]:
    """Part leads so that nothing that a request tells of one reaches the score of another.

    Leads named by id alone go together. Of those that the request describes, no two of one batch
    are the same lead or belong to the same account.
    """
    plain = [each for each in wanted if each.body is None]
    parts: list[tuple[set[str], list[Wanted]]] = []
    account_of = stored.leads.set_index("lead_id")["account_id"].dropna().to_dict()
    for each in wanted:
        if each.body is None:
            continue
        account = account_of.get(each.lead_id) or each.body.account_id
        keys = {f"lead {each.lead_id}", f"account {account}" if account else ""} - {""}
        fitting = next((part for part in parts if not part[0] & keys), None)
        if fitting is None:
            parts.append((keys, [each]))
        else:
            fitting[0].update(keys)
            fitting[1].append(each)
    return ([plain] if plain else []) + [part for _, part in parts]


def assembled(stored: History, batch: Sequence[Wanted]) -> History:
    """Return the stored history with what the request tells of a batch of leads.

    A lead that the store does not know is added as described. Of one that it knows, attributes
    from the request are its values at the cutoff. Engagements join those in the store; one that
    is there already does not count twice.
    """
    told = [each for each in batch if each.body is not None]
    if not told:
        return stored
    known = set(stored.leads["lead_id"])
    frames = stored.frames()
    accounts = _accounts(stored, told)
    new = [_lead(each, accounts.get(each.place)) for each in told if each.lead_id not in known]
    frames["leads"] = _settled(_joined(stored.leads, pd.DataFrame(new)), told, accounts)
    frames["accounts"], changes = _described_accounts(stored, told, accounts)
    for each in told:
        if each.lead_id in known and each.body is not None:
            changes += _changes("lead", each.lead_id, each.body.attributes, each.as_of)
    frames["attribute_history"] = _joined(stored.attribute_history, pd.DataFrame(changes))
    touches = [w.body.engagements for w in told if w.body and w.body.engagements is not None]
    if touches:
        joined = _joined(stored.engagements, pd.concat(touches, ignore_index=True))
        frames["engagements"] = joined.drop_duplicates("engagement_id", keep="last")
    return History.from_frames(
        frames, observed_until=stored.observed_until, current_only=stored.current_only
    )


def _accounts(stored: History, told: Iterable[Wanted]) -> dict[int, str]:
    """Return the account of each described lead, by place; one is made up where it needs one."""
    account_of = stored.leads.set_index("lead_id")["account_id"].dropna().to_dict()
    accounts: dict[int, str] = {}
    for each in told:
        if each.body is None:
            continue
        account = account_of.get(each.lead_id) or each.body.account_id
        if account is None and each.body.account:
            account = f"the account of {each.lead_id}"
        if account is not None:
            accounts[each.place] = str(account)
    return accounts


def _lead(wanted: Wanted, account: str | None) -> dict[str, Any]:
    attributes = {} if wanted.body is None else wanted.body.attributes
    own = {"lead_id": wanted.lead_id, "created_at": wanted.created_at, "account_id": account}
    return {**attributes, **own}


def _settled(leads: pd.DataFrame, told: Iterable[Wanted], accounts: dict[int, str]) -> pd.DataFrame:
    """Put described leads into their accounts where the store has none for them."""
    account_of = {each.lead_id: accounts[each.place] for each in told if each.place in accounts}
    named = leads["lead_id"].map(account_of).astype("str")
    return leads.assign(account_id=leads["account_id"].fillna(named))


def _described_accounts(
    stored: History, told: Iterable[Wanted], accounts: dict[int, str]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    known = set(stored.accounts["account_id"])
    new: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for each in told:
        if each.body is None or not each.body.account:
            continue
        account = accounts[each.place]
        if account in known:
            changes += _changes("account", account, each.body.account, each.as_of)
        else:
            new.append({**each.body.account, "account_id": account})
    return _joined(stored.accounts, pd.DataFrame(new)), changes


def _changes(
    entity: str, entity_id: str, attributes: dict[str, Any], as_of: pd.Timestamp
) -> list[dict[str, Any]]:
    """Say that attributes have these values from just before the cutoff."""
    at = as_of - MOMENT
    return [
        {
            "change_id": f"~{entity}/{entity_id}/{name}",
            "entity": entity,
            "entity_id": entity_id,
            "field": name,
            "value": value,
            "valid_from": at,
            "recorded_at": at,
        }
        for name, value in attributes.items()
    ]


def _joined(frame: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Append rows, whatever columns either side lacks."""
    if more.empty:
        return frame
    names = list(dict.fromkeys([*frame.columns, *more.columns]))
    columns: dict[str, Any] = {}
    for name in names:
        parts = [_objects(part, name) for part in (frame, more)]
        columns[name] = np.concatenate(parts)
    return pd.DataFrame(columns)


def _objects(frame: pd.DataFrame, name: str) -> np.ndarray:
    if name not in frame.columns:
        return np.full(len(frame), np.nan, dtype=object)
    return frame[name].astype(object).to_numpy(dtype=object, na_value=np.nan)
