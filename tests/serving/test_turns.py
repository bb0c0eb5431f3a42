"""A few a pass, in order, and the loop looks at everything else in between."""

from __future__ import annotations

import asyncio

import pytest

from serving.turns import Turns


class Passes:
    """Counts the passes of a loop, as everything else that waits for one would see them."""

    def __init__(self) -> None:
        self.number = 0
        self.over = False

    def count(self) -> None:
        self.number += 1
        if not self.over:
            asyncio.get_running_loop().call_soon(self.count)


@pytest.mark.parametrize("most", [1, 2, 4])
@pytest.mark.parametrize("callers", [1, 4, 33])
def test_a_few_have_their_turn_in_a_pass_in_the_order_in_which_they_came(most, callers):
    async def run() -> list[tuple[int, int]]:
        turns, passes, seen = Turns(most), Passes(), []
        passes.count()

        async def call(number: int) -> None:
            await turns.wait()
            seen.append((number, passes.number))

        await asyncio.gather(*(call(number) for number in range(callers)))
        passes.over = True
        return seen

    seen = asyncio.run(run())
    assert [number for number, _ in seen] == list(range(callers))
    at_work = [sum(at == each for _, at in seen) for each in {at for _, at in seen}]
    assert max(at_work) <= most
    assert len(at_work) <= -(-callers // most) + 1


def test_who_comes_later_does_not_overtake():
    async def run() -> list[str]:
        turns, order = Turns(1), []

        async def call(name: str, passes: int = 0) -> None:
            for _ in range(passes):
                await asyncio.sleep(0)
            await turns.wait()
            order.append(name)

        await asyncio.gather(call("a"), call("b"), call("later", passes=1), call("c"))
        return order

    assert asyncio.run(run()) == ["a", "b", "c", "later"]


def test_who_gives_up_takes_no_turn():
    async def run() -> list[str]:
        turns, order = Turns(1), []

        async def call(name: str) -> None:
            await turns.wait()
            order.append(name)

        tasks = [asyncio.create_task(call(name)) for name in ("first", "gone", "there")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order

    assert asyncio.run(run()) == ["first", "there"]


def test_nobody_waits_where_nobody_else_is():
    async def run() -> int:
        turns, passes = Turns(1), Passes()
        for _ in range(3):
            await turns.wait()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        passes.count()
        await turns.wait()
        return passes.number

    assert asyncio.run(run()) == 1
