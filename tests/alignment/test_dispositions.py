import pandas as pd
import pytest

from alignment.dispositions import (
    RULES,
    DispositionError,
    check,
    follows,
    reason_counts,
    refusal_share,
    suggestions,
)
from history import History
from tests.conftest import at


def company(*given):
    count = len(given)
    leads = pd.DataFrame(
        {"lead_id": [f"L{n}" for n in range(count)], "created_at": [at("01-01")] * count}
    )
    rows = [
        {
            "lead_id": f"L{n}",
            "occurred_at": at("02-01"),
            "action": action,
            "reason": reason,
            "disposition_id": str(n),
        }
        for n, (action, reason) in enumerate(given)
    ]
    return History.from_frames(
        {"leads": leads, "dispositions": pd.DataFrame(rows)}, observed_until=at("06-01")
    )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason)
def test_each_reason_goes_with_its_action(rule):
    check(rule.action, rule.reason)
    assert follows(rule.action, rule.reason) == (
        "disqualified" if rule.action == "reject" else None
    )


@pytest.mark.parametrize(
    ("action", "reason", "says"),
    [
        ("dance", None, "action: expected accept, reject, recycle"),
        ("reject", None, "reason: expected one of wrong_fit"),
        ("reject", "boring", "got 'boring'"),
        ("reject", "bad_timing", "goes with recycle"),
    ],
)
def test_what_does_not_go_is_refused(action, reason, says):
    with pytest.raises(DispositionError, match=says):
        check(action, reason)


def test_an_acceptance_needs_no_reason():
    check("accept", None)
    assert follows("accept", None) == "sal"


def test_reasons_are_counted_among_all_dispositions():
    history = company(
        ("accept", None),
        ("reject", "wrong_fit"),
        ("reject", "wrong_fit"),
        ("recycle", "bad_timing"),
    )
    found = reason_counts(history, at("01-01"))
    assert found.loc[0, ["reason", "count", "share"]].tolist() == ["wrong_fit", 2, 0.5]
    assert len(found) == len(RULES)
    assert reason_counts(history, at("03-01"))["count"].sum() == 0
    assert refusal_share(history, at("01-01"), at("03-01")) == 0.75


def test_a_rule_is_suggested_where_refusals_pile_up_and_nowhere_else():
    given = [("reject", "wrong_fit")] * 15 + [("accept", None)] * 5 + [("accept", None)] * 60
    history = company(*given)
    sources = ["list"] * 20 + ["web"] * 60
    described = pd.DataFrame({"lead_id": history.leads["lead_id"]})
    order = {f"L{n}": source for n, source in enumerate(sources)}
    described["source"] = described["lead_id"].map(order)
    found = suggestions(history, described, at("01-01"), ("source",))
    assert found["rule"].tolist() == ["source=list"]
    assert found.loc[0, "refused"] == 0.75
