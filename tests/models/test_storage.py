import json

import numpy as np
import pytest

from models.errors import ModelError
from models.storage import MANIFEST, read_state, write_state

STATE = {"a": [1, 2.5, None], "b": {"c": np.array([0.1, np.nan]), "d": "x" * 3000}, "e": "short"}


def test_gives_back_what_it_got(tmp_path):
    write_state(tmp_path / "m", STATE)
    again = read_state(tmp_path / "m")
    np.testing.assert_array_equal(again["b"].pop("c"), STATE["b"]["c"])
    assert again == {"a": [1, 2.5, None], "b": {"d": "x" * 3000}, "e": "short"}


def test_writes_the_same_bytes_twice(tmp_path):
    for name in ("one", "two"):
        write_state(tmp_path / name, STATE)
    manifests = [(tmp_path / name / MANIFEST).read_text() for name in ("one", "two")]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize("file", ["model.json", "arrays.npz", "b.d.txt"])
def test_names_the_damaged_file(tmp_path, file):
    write_state(tmp_path, STATE)
    (tmp_path / file).write_bytes(b"?")
    with pytest.raises(ModelError, match=file.replace(".", r"\.")):
        read_state(tmp_path)


def test_names_the_missing_file(tmp_path):
    write_state(tmp_path, STATE)
    (tmp_path / "arrays.npz").unlink()
    with pytest.raises(ModelError, match=r"arrays\.npz: missing or damaged"):
        read_state(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_says_when_the_manifest_is_damaged(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ModelError, match="damaged"):
        read_state(tmp_path)


def test_says_when_there_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="no model here"):
        read_state(tmp_path / "nowhere")


def test_refuses_a_newer_format(tmp_path):
    write_state(tmp_path, STATE)
    manifest = json.loads((tmp_path / MANIFEST).read_text()) | {"format": 99}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="format 99"):
        read_state(tmp_path)
