import pandas as pd

from serving.rows import records, timeline


def test_missing_values_are_none():
    frame = pd.DataFrame(
        {"a": [1.0, None], "t": [pd.NaT, pd.Timestamp(0, tz="UTC")], "l": [[1], []]}
    )
    assert records(frame) == [
        {"a": 1.0, "t": None, "l": [1]},
        {"a": None, "t": pd.Timestamp(0, tz="UTC"), "l": []},
    ]


def test_a_timeline_has_the_newest_first(small_history):
    times = [each["occurred_at"] for each in timeline(small_history)]
    assert times == sorted(times, reverse=True)
    assert {each["what"] for each in timeline(small_history)} == {"engagement", "outcome"}
