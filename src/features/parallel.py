"""Do independent pieces of work at the same time, in threads.

For code that leaves Python's lock alone: the kernel, and LightGBM's fits. Each fit runs on one
thread and several run side by side. LightGBM's own threads meet at a barrier many times a tree: on
trees so small that gains little, and whenever another process wants the cores it costs a
hundredfold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> list[Result]:
    """Return the results of `work` in the order of `items`; the first error is raised."""
    waiting = list(items)
    if workers <= 1 or len(waiting) <= 1:
        return [work(item) for item in waiting]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, waiting))
