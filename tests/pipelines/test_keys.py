import json

import pytest

from pipelines import keys
from settings import Settings
from settings.settings import HistorySettings


@pytest.fixture
def settings(tmp_path):
    return Settings(history=HistorySettings(url=f"sqlite:///{tmp_path}/history.db"))


def test_a_key_is_printed_once_and_listed_without_itself(settings, capsys):
    made = keys.create(settings, "marketing", "the team")
    key = capsys.readouterr().out.strip()
    assert key.startswith(f"smk_{made.key_id}_")
    keys.show(settings, as_json=True)
    listed = capsys.readouterr().out
    assert key not in listed
    assert made.digest not in listed
    assert json.loads(listed)[0] | {"created_at": ""} == {
        "key_id": made.key_id,
        "role": "marketing",
        "note": "the team",
        "created_at": "",
        "revoked_at": None,
    }


def test_a_revoked_key_says_since_when(settings, capsys):
    made = keys.create(settings, "crm", "")
    keys.revoke(settings, made.key_id)
    keys.show(settings)
    assert "revoked" in capsys.readouterr().out
    assert keys.show(settings)[0].revoked_at is not None


def test_mistakes_are_told(settings):
    with pytest.raises(ValueError, match="--role: 'boss'"):
        keys.create(settings, "boss", "")
    with pytest.raises(ValueError, match="--note"):
        keys.create(settings, "crm", "a" * 201)
    with pytest.raises(ValueError, match="no good key"):
        keys.revoke(settings, "none")
