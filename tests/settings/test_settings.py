"""What an installation may configure, and what it is told when it errs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from settings import Settings, SettingsError

EXAMPLE = Path(__file__).resolve().parents[2] / "smarketing.toml"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def uncommented() -> str:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    return "\n".join(re.sub(r"^# (\w+ = )", r"\1", line) for line in lines)


def test_the_example_changes_nothing_as_it_is():
    assert Settings.load(EXAMPLE) == Settings.load()


def test_the_example_names_every_setting_and_every_entry_is_valid(tmp_path):
    file = tmp_path / "all.toml"
    file.write_text(uncommented(), "utf-8")
    settings = Settings.load(file)
    named = {name: set(section) for name, section in tomllib.loads(uncommented()).items()}
    assert named == {
        name: set(type(getattr(settings, name)).model_fields)
        for name in Settings.model_fields
        if name != "mapping"
    }


def test_defaults_of_the_example_are_the_defaults(tmp_path):
    given = tomllib.loads(uncommented())
    defaults = Settings.load().model_dump()
    for section, entries in given.items():
        for name, value in entries.items():
            default = defaults[section][name]
            if default not in (None, (), {}):
                assert (list(default) if isinstance(default, tuple) else default) == value, name


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "smarketing.toml").write_text('[serving]\nport = 4000\nhost = "127.0.0.2"\n')
    monkeypatch.setenv("SMARKETING_SERVING__PORT", "5000")
    settings = Settings.load()
    assert (settings.serving.port, settings.serving.host) == (5000, "127.0.0.2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[serving]\nport = 0\n", r"serving\.port: .*greater than or equal to 1 \(got 0\)"),
        ("[serving]\ndoor = 1\n", r"serving\.door: there is no such setting"),
        ("[training]\nhorizons = [90, 30]\n", r"training\.horizons: expected rising whole days"),
        ('[history]\ntimezone = "Mars"\n', r"history\.timezone: 'Mars' is no time zone"),
        ("[history]\nobserved_until = 2025-01-01T00:00:00\n", "needs a zone"),
        ("[grades]\na = 10.0\n", "grades must fall"),
        ("[serving\n", "not a TOML file"),
    ],
)
def test_a_wrong_entry_is_named_with_what_was_expected(tmp_path, text, words):
    file = tmp_path / "wrong.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=words):
        Settings.load(file)


def test_a_named_file_must_be_there(tmp_path):
    with pytest.raises(SettingsError, match="no such configuration file"):
        Settings.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SMARKETING_TRAINING__TRIALS", "0", "greater than or equal to 1"),
        ("SMARKETING_TRAINING__TRAILS", "5", "there is no such setting"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}: .*{words}"):
        Settings.load()


def test_settings_of_a_folder_keep_everything_there(tmp_path):
    settings = Settings.in_folder(tmp_path)
    home = tmp_path.resolve()
    assert settings.history.url == f"sqlite:///{home}/history.db"
    assert settings.tracking.uri == f"sqlite:///{home}/mlflow.db"
    assert settings.tracking.artifacts == f"{home}/artifacts"
    assert settings.training == Settings().training


def test_another_process_loads_the_same_settings(tmp_path, monkeypatch):
    settings = Settings.in_folder(tmp_path)
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == settings
