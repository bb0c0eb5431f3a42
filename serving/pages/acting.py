"""What people do on the pages and through the API: act on a lead, change the agreement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignment.agreement import rules, terms_of
from alignment.dispositions import BY_REASON, check, follows
from alignment.pages.form import adoption, new_terms
from history.spend import note_spend
from history.teamwork import agree, dispose
from serving import reading
from serving.contract import Spend
from serving.desk import Desk
from serving.errors import RequestError

Form = Mapping[str, str]
_MOST_TEXT = 500
_PATIENCE_S = 10.0
"""Who has filled in a form waits rather than fills it in again."""


def act(desk: Desk, row: Mapping[str, Any], seen: int) -> int:
    """Take what sales decided of a lead, and move the lead by the declared rules.

    Parameters
    ----------
    desk : holds the store.
    row : lead_id, action, reason and owner.
    seen : how many dispositions of the lead its writer had seen.

    Raises
    ------
    DispositionError : the action and the reason do not go.
    ConflictError : somebody else was quicker.
    HistoryError : no such lead.
    """
    action, reason = str(row.get("action", "")), row.get("reason") or None
    check(action, reason)
    told = {
        "lead_id": str(row["lead_id"]),
        "action": action,
        "reason": reason,
        "owner": row.get("owner") or None,
    }
    return dispose(desk.store, told, seen=seen, stage=follows(action, reason), now=desk.now())


def act_by_form(desk: Desk, lead_id: str, form: Form) -> str:
    """Take what somebody clicked; return what became of it, in words.

    Raises
    ------
    RequestError : 422, the form is incomplete.
    """
    reason = form.get("reason", "")
    if form.get("verdict") == "accept":
        row = {"lead_id": lead_id, "action": "accept", "owner": form.get("owner", "")}
        act(desk, row, _seen(form))
        return f"{lead_id} is accepted: it is in work now."
    rule = BY_REASON.get(reason)
    if rule is None:
        raise RequestError(422, "choose a reason before sending a lead back")
    row = {"lead_id": lead_id, "action": rule.action, "reason": reason}
    act(desk, {**row, "owner": form.get("owner", "")}, _seen(form))
    if rule.action == "reject":
        return f"{lead_id} is rejected: {rule.words.lower()}. Marketing sees the reason."
    return f"{lead_id} goes back to marketing: {rule.words.lower()}."


def agree_by_form(desk: Desk, form: Form) -> str:
    """Take a change of the agreement; return what became of it, in words.

    Raises
    ------
    AgreementError, ValueError : a field cannot stand.
    ConflictError : another version was agreed on meanwhile.
    """
    situation = desk.situation(_PATIENCE_S)
    written = terms_of(new_terms(situation, dict(form)))
    rules(written)
    terms = situation.solved(written)
    version = agree(
        desk.store,
        terms.model_dump(mode="json"),
        who=form.get("who", "")[:_MOST_TEXT],
        why=form.get("why", "")[:_MOST_TEXT],
        seen=_seen(form),
        now=desk.now(),
    )
    desk.reread()
    return f"Version {version} of the agreement holds from now on."


def adopt_by_form(desk: Desk, form: Form) -> str:
    """Adopt a rule that the dispositions speak for; it goes into the log of changes.

    Raises
    ------
    ValueError : they do not speak for it.
    ConflictError : another version was agreed on meanwhile.
    """
    situation = desk.situation(_PATIENCE_S)
    content, entry = adoption(situation, form.get("rule", ""))
    terms = terms_of(content)
    agree(
        desk.store,
        (terms if terms.grades else situation.solved(terms)).model_dump(mode="json"),
        who=form.get("who", "")[:_MOST_TEXT],
        why=f"sales said: {entry['said']}",
        seen=_seen(form),
        now=desk.now(),
        changed=entry,
    )
    desk.reread()
    return f"Adopted: {entry['changed']}."


def spend_by_form(desk: Desk, form: Form) -> str:
    """Write down what a campaign cost; return what became of it, in words.

    Raises
    ------
    RequestError : 422, a field cannot stand.
    """
    told = {name: form.get(name, "").strip() for name in ("campaign", "day", "amount", "who")}
    row = reading.parsed(Spend, {**told, "amount": told["amount"].replace(",", "")})
    counts = note_spend(desk.store, [row.model_dump()], desk.now())
    desk.reread()
    if counts.duplicate:
        return "That was written down already."
    return f"{row.amount:,.2f} on {row.campaign} is written down."


def _seen(form: Form) -> int:
    text = form.get("seen", "")
    if not (text.isascii() and text.isdigit()):
        raise RequestError(422, "seen: the form is not one of ours: open the page again")
    return int(text[:9])
