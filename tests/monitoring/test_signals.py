"""A share that only scatters is left alone; one that moves is told with its direction."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.signals import Signal, judge, level


def signal(hits, trials, fall=0.2, rise=0.2):
    return Signal("kind", "subject", np.array(hits, float), np.array(trials, float), fall, rise)


def test_false_alarms_of_scattering_shares_keep_their_budget():
    rng = np.random.default_rng(3)
    probability = level(0.5, signals=20)
    told = 0
    for _ in range(2000):
        share = np.clip(rng.normal(0.2, 0.02, 29), 0.01, 0.9)
        told += judge(signal(rng.binomial(300, share), [300] * 29, 0, 0), probability) is not None
    # Two thousand signal-weeks of twenty signals are not quite two years: one is to be expected.
    assert told <= 3


@pytest.mark.parametrize(("after", "sign"), [(20, -1), (120, 1)])
def test_a_move_is_told_with_its_direction(after, sign):
    found = judge(signal([60] * 26 + [after] * 3, [300] * 29), level(0.5, 20))
    assert np.sign(found.strength) == sign
    assert found.expected == pytest.approx(0.2, abs=0.001)
    assert found.weeks == 3


def test_a_move_that_nobody_need_care_for_is_not_told():
    moved = signal([60_000] * 26 + [48_500] * 3, [300_000] * 29)
    assert judge(moved, level(0.5, 20)) is None


def test_few_reference_weeks_say_nothing():
    assert judge(signal([60] * 7 + [0] * 3, [300] * 10), level(0.5, 20)) is None


def test_a_share_that_was_always_whole_may_fall():
    found = judge(signal([100] * 26 + [100, 100, 0], [100] * 29), level(0.5, 20))
    assert found.weeks == 1
    assert found.observed == 0.0
