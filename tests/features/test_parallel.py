import pytest

from features.parallel import in_parallel


@pytest.mark.parametrize("workers", [1, 3])
def test_keeps_the_order(workers):
    assert in_parallel(lambda x: x * x, range(5), workers) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("workers", [1, 3])
def test_raises_what_went_wrong(workers):
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda x: 1 / x, [1, 0, 2], workers)
