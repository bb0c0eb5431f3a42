import re
import threading

import pytest

from alignment.pages import charts


def drawn(name="x", **more):
    series = {"a <b>": [1.0, 2.0, float("nan")], "c": [2.0, 1.0, 0.5]}
    return charts.lines([0, 1, 2], series, name=name, across="days", up="leads", **more)


def test_every_colour_is_a_variable_of_the_page():
    for svg in (drawn(mark=(1.0, "cut")), charts.bars(["a"], {"v": [1.0]}, name="y", along="z")):
        assert "var(--c1)" in svg
        assert re.findall(r"#[0-9a-f]{6}", svg) == []
    assert "var(" not in charts.standalone(drawn())


def test_words_stay_words_and_are_escaped():
    svg = drawn()
    assert ">days<" in svg
    assert "a &lt;b&gt;" in svg
    assert "<b>" not in svg


def test_two_charts_of_a_page_share_no_id():
    one, other = drawn("one"), drawn("other")
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (one, other)]
    assert not ids[0] & ids[1]
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', one))
    assert used <= ids[0]


def test_a_chart_is_the_same_from_every_thread():
    found = []
    threads = [threading.Thread(target=lambda: found.append(drawn())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


@pytest.mark.parametrize(("value", "text"), [(0.5, "50 %"), (0.015, "1.5 %"), (0, "0 %")])
def test_shares(value, text):
    assert charts.percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(12, "12"), (12_000, "12 k"), (2.5e6, "2.5 M")])
def test_counts(value, text):
    assert charts.count(value) == text
