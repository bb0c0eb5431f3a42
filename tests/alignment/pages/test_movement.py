"""What moves groups of leads, side by side."""

from __future__ import annotations

import numpy as np

from alignment.pages import drivers
from alignment.pages.movement import ALL, Focus, focused, side_by_side, table


def test_each_column_is_what_a_look_at_that_value_alone_says(situation):
    found = side_by_side(situation, Focus(), "source")
    assert found.columns[0] == ALL
    assert 2 <= found.shape[1] - 1 <= 5
    whole = table(situation, Focus()).set_index("label")["mean_abs_effect"]
    assert np.allclose(found[ALL], whole.reindex(found.index))
    assert found[ALL].is_monotonic_decreasing
    sizes = []
    for value in found.columns[1:]:
        focus = Focus("source", value)
        sizes.append(int(focused(situation, focus).sum()))
        alone = table(situation, focus).set_index("label")["mean_abs_effect"]
        assert np.allclose(found[value], alone.reindex(found.index))
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) >= 30


def test_only_leads_in_focus_are_compared(situation):
    value = side_by_side(situation, Focus(), "source").columns[1]
    within = side_by_side(situation, Focus("source", value), "source")
    assert within.columns.tolist() == [ALL, value]
    assert np.allclose(within[ALL], within[value])


def test_the_page_shows_dimensions_that_tell_leads_apart_and_no_other(situation):
    shown = drivers.view(situation, Focus())["beside"]
    assert "source" in [each["by"] for each in shown]
    assert len(shown) <= 2
    for each in shown:
        assert len(each["columns"]) == len(each["rows"][0]) >= 4
        assert max(cell["shade"] for row in each["rows"] for cell in row) == 40
    value = side_by_side(situation, Focus(), "source").columns[1]
    one = drivers.view(situation, Focus("source", value))["beside"]
    assert "source" not in [each["by"] for each in one]
