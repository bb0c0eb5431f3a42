"""What a request is scored on: what the store knows, and what the request adds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from history import Store
from history.lead_rows import Account, Change, Lead, LeadRows, Row, read_lead_rows
from serving.body import MOMENT_US, Wanted


def stored_rows(
    store: Store | None,
    wanted: Sequence[Wanted],
    of_colleagues: Collection[str] | None = None,
    *,
    in_place: bool = False,
) -> LeadRows:
    """Read what the store knows of these leads, of the accounts that they name, and of colleagues.

    Parameters
    ----------
    store : the live history; None where there is none.
    wanted : the leads, known or not.
    of_colleagues : which columns of what colleagues did are wanted; all where missing.
    in_place : as in `history.lead_rows`.
    """
    if store is None:
        return LeadRows()
    named = {each.body.account_id for each in wanted if each.body is not None} - {None}
    ids = [each.lead_id for each in wanted]
    return read_lead_rows(store, ids, sorted(map(str, named)), of_colleagues, in_place=in_place)


def batches(stored: LeadRows, wanted: Sequence[Wanted]) -> list[list[Wanted]]:
    """Part leads so that nothing that a request tells of one reaches the score of another.

    Leads named by id alone go together. Of those that the request describes, no two of one batch
    are the same lead or belong to the same account.
    """
    if len(wanted) == 1:
        return [list(wanted)]
    plain = [each for each in wanted if each.body is None]
    parts: list[tuple[set[str], list[Wanted]]] = []
    for each in wanted:
        if each.body is None:
            continue
        account = _account_of(stored, each)
        keys = {f"lead {each.lead_id}", f"account {account}" if account else ""} - {""}
        fitting = next((part for part in parts if not part[0] & keys), None)
        if fitting is None:
            parts.append((keys, [each]))
        else:
            fitting[0].update(keys)
            fitting[1].append(each)
    return ([plain] if plain else []) + [part for _, part in parts]


def assembled(stored: LeadRows, batch: Sequence[Wanted]) -> LeadRows:
    """Return what is stored with what the request tells of a batch of leads.

    A lead that the store does not know is added as described. Of one that it knows, attributes
    from the request are its values at the cutoff. Engagements join those in the store; one that
    is there already does not count twice.
    """
    told = [each for each in batch if each.body is not None]
    if not told:
        return stored
    leads, accounts = dict(stored.leads), dict(stored.accounts)
    changes = dict(stored.changes)
    for each in told:
        body = each.body
        if body is None:
            continue
        account = _account_of(stored, each)
        known = stored.leads.get(each.lead_id)
        if known is None:
            leads[each.lead_id] = Lead(each.created, account, body.attributes)
        else:
            leads[each.lead_id] = known._replace(account=account)
            _tell(changes, ("lead", each.lead_id), known, body.attributes, each)
        if body.account and account is not None:
            if account in stored.accounts:
                _tell(changes, ("account", account), stored.accounts[account], body.account, each)
            else:
                accounts[account] = Account(None, body.account)
    touches = [row for each in told if each.body is not None for row in each.body.engagements]
    return LeadRows(
        leads,
        accounts,
        changes,
        _joined(stored.engagements, touches) if touches else stored.engagements,
        stored.outcomes,
        stored.dispositions,
    )


def _account_of(stored: LeadRows, wanted: Wanted) -> str | None:
    """Return the account of a described lead; one is made up where it needs one."""
    known = stored.leads.get(wanted.lead_id)
    if known is not None and known.account is not None:
        return known.account
    if wanted.body is None or wanted.body.account_id is not None:
        return None if wanted.body is None else wanted.body.account_id
    return f"the account of {wanted.lead_id}" if wanted.body.account else None


def _tell(
    changes: dict[tuple[str, str, str], list[Change]],
    named: tuple[str, str],
    known: Lead | Account,
    attributes: dict[str, Any],
    wanted: Wanted,
) -> None:
    """Say that attributes have these values from just before the cutoff.

    A field without a history had the value that was fixed at creation until then.
    """
    at = wanted.cutoff - MOMENT_US
    for name, value in attributes.items():
        key = (*named, name)
        before = changes.get(key)
        if before is None and name in known.attributes:
            born = known.created or 0
            before = [Change(born, born, "", known.attributes[name])]
        change = Change(at, at, f"~{named[0]}/{named[1]}/{name}", value)
        changes[key] = [*(before or ()), change]


def _joined(rows: Iterable[Row], more: Iterable[Row]) -> list[Row]:
    """Append engagements; of one id the last counts."""
    return list({row[0]: row for row in [*rows, *more]}.values())
