import asyncio

import pytest

from serving.deadline import within


async def at_once(done):
    done.append("done")


async def later(done, seconds=0.0):
    try:
        for _ in range(3):
            await asyncio.sleep(seconds)
        done.append("done")
    except asyncio.CancelledError:
        done.append("cancelled")
        raise


@pytest.mark.parametrize("work", [at_once, later])
def test_what_is_done_in_time_is_done(work):
    done = []
    assert asyncio.run(within(5.0, work(done)))
    assert done == ["done"]


def test_what_is_not_is_cancelled():
    done = []
    assert not asyncio.run(within(0.01, later(done, 60.0)))
    assert done == ["cancelled"]


def test_what_never_waits_is_given_no_timer(monkeypatch):
    monkeypatch.setattr(asyncio, "timeout", lambda _seconds: 1 / 0)
    assert asyncio.run(within(5.0, at_once([])))


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("kind", [ValueError, TimeoutError])
def test_what_goes_wrong_in_it_is_raised(waits, kind):
    async def work():
        if waits:
            await asyncio.sleep(0)
        raise kind("its own")

    with pytest.raises(kind, match="its own"):
        asyncio.run(within(5.0, work()))


def test_a_cancellation_from_outside_reaches_it():
    done = []

    async def main():
        task = asyncio.create_task(within(60.0, later(done, 60.0)))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert done == ["cancelled"]


def test_what_it_waits_for_may_go_wrong_and_be_caught():
    async def failing():
        await asyncio.sleep(0)
        raise ValueError("of another")

    async def work(done):
        try:
            await asyncio.create_task(failing())
        except ValueError as problem:
            done.append(str(problem))

    done = []
    assert asyncio.run(within(5.0, work(done)))
    assert done == ["of another"]
