"""What readers of foreign folders share."""

from __future__ import annotations

import pandas as pd
import pytest

from history import SourceError
from history.sources.tabular import days_after_the_last, in_seconds, read_columns


def test_a_missing_column_is_named_beside_the_ones_that_are_there(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n1,x\n")
    assert read_columns(tmp_path, "a.csv", ("id",))["id"].tolist() == ["1"]
    with pytest.raises(SourceError, match=r"a\.csv: the column 'when' is missing \(found id, name"):
        read_columns(tmp_path, "a.csv", ("id", "when"))
    with pytest.raises(SourceError, match=r"b\.csv is missing"):
        read_columns(tmp_path, "b.csv", ())


def test_minutes_become_seconds_and_what_is_none_stays():
    assert in_seconds(pd.Series(["1.5", "many", ""])).tolist() == [90.0, "many", ""]


def test_the_end_of_the_last_day_knows_its_zone():
    dates = pd.Series(["2022-03-26", "2022-03-27", "soon", None])
    assert days_after_the_last(dates, 1, "UTC") == pd.Timestamp("2022-03-28T00:00Z")
    assert days_after_the_last(dates, 1, "Europe/Berlin") == pd.Timestamp("2022-03-27T22:00Z")
    with pytest.raises(SourceError, match="no date can be read"):
        days_after_the_last(dates[2:], 1, "UTC")
