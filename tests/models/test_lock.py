"""One process at a time."""

import pytest

from models.lock import alone


def test_a_second_holder_waits_in_vain(tmp_path):
    file = tmp_path / "folder" / "lock"
    with alone(file, 1), pytest.raises(TimeoutError, match="within"), alone(file, 0.1):
        pytest.fail("both hold it")


def test_it_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="inside"), alone(tmp_path / "lock", 1):
        raise ValueError("inside")
    with alone(tmp_path / "lock", 0.1):
        pass
