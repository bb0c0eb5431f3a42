import numpy as np
import pandas as pd
import pytest

from alignment.goals import attainment, figures, proposed, quarter
from settings.agreement import AgreementSettings


def instant(text):
    return pd.Timestamp(text, tz="UTC").as_unit("us")


def test_quarters():
    found = quarter(instant("2025-11-15"))
    assert (found.name, found.start, found.end) == (
        "Q4 2025",
        instant("2025-10-01"),
        instant("2026-01-01"),
    )
    assert found.elapsed == pytest.approx(45 / 92)
    assert found.before().name == "Q3 2025"
    assert quarter(instant("2025-01-01")).elapsed == 0.0


@pytest.fixture(scope="module")
def counted(small_company):
    period = quarter(instant("2025-09-30"))
    return period, figures(small_company.history, period, AgreementSettings())


def test_figures_are_those_of_the_history(small_company, counted):
    period, found = counted
    outcomes = small_company.history.outcomes
    won = outcomes[
        (outcomes["stage"] == "won") & outcomes["occurred_at"].between(period.start, period.now)
    ]
    assert found.wins == len(won)
    assert found.revenue == pytest.approx(won["amount"].sum())
    given = small_company.history.dispositions
    given = given[given["occurred_at"].between(period.start, period.now)]
    assert found.rates["mql_to_sal"] == pytest.approx(
        (given["action"] == "accept").mean(), abs=0.02
    )
    assert 0 < found.rates["opportunity_to_won"] < 1


def test_what_nobody_agreed_to_is_proposed_from_before(counted):
    _, before = counted
    terms = proposed(AgreementSettings(target_wins=7), before)
    assert terms.target_wins == 7
    assert terms.target_leads == before.leads
    assert terms.capacity_per_week >= 1
    assert terms.least_probability is None


def test_attainment_asks_for_the_part_that_is_due(small_company):
    history = small_company.history
    period = quarter(instant("2025-08-15"))
    terms = AgreementSettings(target_wins=1000, target_leads=0, mql_to_sal=0.0)
    table = attainment(figures(history, period, terms), terms, period).set_index("name")
    assert table.loc["target_wins", "due"] == pytest.approx(1000 * period.elapsed)
    assert table.loc["target_wins", "status"] == "behind"
    assert table.loc["target_leads", "status"] == "kept"
    assert table.loc["sal_to_sql", "status"] == "no target"
    assert set(table["team"]) == {"marketing", "sales", "both"}


def test_a_quarter_without_anything(small_history):
    period = quarter(instant("2030-02-01"))
    found = figures(small_history, period, AgreementSettings())
    assert (found.wins, found.revenue, found.leads) == (0, 0.0, 0)
    assert np.isnan(found.handoff_kept)
    table = attainment(found, AgreementSettings(mql_to_sal=0.5), period).set_index("name")
    assert table.loc["mql_to_sal", "status"] == "nothing yet"
