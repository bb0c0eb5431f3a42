import numpy as np
import pytest

from models.breakdown import breakdown


@pytest.fixture
def judged(training_set):
    return training_set.take(training_set.labels[90].notna().to_numpy())


def test_parts_are_counted_and_a_broken_promise_is_seen(judged):
    y = judged.labels[90].to_numpy(dtype=float)
    software = (judged.values["industry"] == "software").to_numpy()
    rates = np.where(software, y[software].mean(), y[~software].mean())
    table = breakdown(rates, y, judged).set_index(["by", "value"])
    assert table.loc[("industry", "software"), "n"] == software.sum()
    assert table.loc[("industry", "software"), "conversions"] == y[software].sum()
    assert table.loc[("industry", "software"), "observed"] == pytest.approx(y[software].mean())
    assert table.loc[("industry", "software"), "kept"]
    halved = breakdown(np.where(software, rates / 2, rates), y, judged).set_index(["by", "value"])
    assert not halved.loc[("industry", "software"), "kept"]
    assert halved.loc[("industry", "retail"), "kept"] == table.loc[("industry", "retail"), "kept"]


def test_ages_part_the_leads(judged):
    y = judged.labels[90].to_numpy(dtype=float)
    table = breakdown(y * 0 + y.mean(), y, judged)
    ages = table[table["by"] == "age of the lead"].set_index("value")["n"]
    wanted = {
        "up to 7 days": (judged.snapshots["age_days"] < 7).sum(),
        "30 to 90 days": (judged.snapshots["age_days"] >= 30).sum(),
    }
    assert ages.to_dict() == wanted


def test_small_parts_are_left_out(judged):
    few = judged.take(np.arange(90))
    assert breakdown(np.full(90, 0.1), few.labels[90].to_numpy(dtype=float), few).empty
