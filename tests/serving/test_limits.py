import asyncio

import pytest

from serving.errors import RequestError
from serving.limits import Buckets, limited


def test_a_bucket_gives_its_burst_and_then_its_rate():
    now = [0.0]
    buckets = Buckets(2.0, 3, lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0.0] * 3
    assert buckets.take("a") == 0.5
    assert buckets.take("b") == 0.0
    now[0] = 0.5
    assert (buckets.take("a"), buckets.take("a")) == (0.0, 0.5)
    now[0] = 100.0
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def received(parts, length=None, most=1 << 20):
    messages = iter({"type": "http.request", "body": part} for part in parts)

    async def receive():
        return next(messages)

    async def drain():
        read = limited(receive, length, most)
        return [(await read())["body"] for _ in parts]

    return asyncio.run(drain())


def test_a_body_within_the_limit_passes():
    assert received([b"a" * (1 << 19)] * 2, b"%d" % (1 << 20)) == [b"a" * (1 << 19)] * 2


@pytest.mark.parametrize("length", [None, b"7", b"many", b"%d" % ((1 << 20) + 1), b"9" * 500])
def test_a_longer_one_does_not_whatever_it_says_of_itself(length):
    with pytest.raises(RequestError, match="1 MiB") as caught:
        received([b"a" * (1 << 19)] * 2 + [b"a"], length)
    assert caught.value.status == 413
