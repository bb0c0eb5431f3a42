"""deploy/: every command line is one that there is, and nothing listens beyond this machine."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import tomllib
import warnings

import pytest
import typer.main
import yaml

from pipelines.cli import app
from pipelines.schedule import read
from settings import Settings
from tests.conftest import ROOT

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # MLflow's own, about SQLAlchemy
    from mlflow.cli import cli as mlflow_command

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TIMERS = sorted((DEPLOY / "systemd").glob("*.timer"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
NIGHTLY, WEEKLY = {"ingest", "score", "backup"}, {"monitor", "retrain"}


def unit(file):
    """Return a unit; settings that stand there more than once are joined."""

    class Joined(dict):
        def __setitem__(self, key, value):
            if isinstance(value, list) and key in self:
                self[key].extend(value)
            else:
                super().__setitem__(key, value)

    parser = configparser.RawConfigParser(strict=False, dict_type=Joined, delimiters=("=",))
    parser.optionxform = str
    parser.read(file, "utf-8")
    return parser


def commands():
    """Return every command line of deploy/ as words, with where it stands."""
    for name, service in COMPOSE["services"].items():
        if "command" in service:
            yield f"compose.yaml, {name}", service["command"]
    for file in UNITS:
        line = unit(file)["Service"]["ExecStart"].replace("$$", "$").replace("%%", "%")
        words = shlex.split(line)
        yield file.name, shlex.split(words[2])[1:] if words[0] == "/bin/sh" else words
    for job in read(DEPLOY / "crontab"):
        yield f"crontab, line {job.line}", shlex.split(job.command)


COMMANDS = [pytest.param(words, id=where) for where, words in commands()]


def accepted(words):
    """Read words as the program would, without running it; raise where it would refuse them."""
    program, rest = os.path.basename(words[0]), list(words[1:])
    command = {"smarketing": typer.main.get_command(app), "mlflow": mlflow_command}[program]
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    command.make_context(command.name, rest).close()
    return command.name


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_line_is_one_that_there_is(words):
    assert accepted(words) in {
        "serve", "server", "migrate", "schedule", *NIGHTLY, *WEEKLY
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [["smarketing", "serv"], ["smarketing", "serve", "--hots", "x"], ["smarketing", "score"]],
)
def test_a_command_line_that_there_is_not_is_seen(words):
    with pytest.raises(Exception, match=r"serv|hots|out"):
        accepted(words)


def test_the_regular_work_is_the_same_everywhere():
    jobs = {shlex.split(job.command)[1]: job for job in read(DEPLOY / "crontab")}
    timers = {file.stem.removeprefix("smarketing-"): unit(file)["Timer"] for file in TIMERS}
    assert set(jobs) == set(timers) == NIGHTLY | WEEKLY
    for verb, job in jobs.items():
        minute, hour, *_, weekday = job.times.split()
        day = "Mon " if weekday == "1" else ""
        assert timers[verb]["OnCalendar"] == f"{day}*-*-* {int(hour):02}:{int(minute):02}"
        assert (weekday == "*") == (verb in NIGHTLY)
        words = dict(commands())[f"smarketing-{verb}.service"]
        assert words[1:] == shlex.split(job.command)[1:]


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_ports_are_published_on_loopback_alone(name):
    service = COMPOSE["services"][name]
    assert "network_mode" not in service
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_units_listen_on_loopback_alone(file):
    words = shlex.split(unit(file)["Service"]["ExecStart"])
    assert "0.0.0.0" not in words
    assert "--host" not in words or words[words.index("--host") + 1] == "127.0.0.1"
    assert Settings().serving.host == "127.0.0.1"


@pytest.mark.parametrize("name", sorted(set(COMPOSE["services"]) - {"postgres"}))
def test_our_containers_may_do_little(name):
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


def test_the_image_runs_as_a_user_without_rights():
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").splitlines()
    last = max(place for place, line in enumerate(lines) if line.startswith("FROM"))
    assert "USER smarketing" in lines[last:]
    assert lines[last] == "FROM python:3.11-slim"


def test_what_the_image_copies_is_there_and_not_left_out():
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").split()
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.M
    )
    for name in " ".join(copied).split():
        assert (ROOT / name).exists()
        assert f"!{name}" in kept


def test_secrets_come_from_files_that_are_not_checked_in():
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert "environment" not in text
    assert not re.search(r"PASSWORD|://\w+:", text)
    named = {file for each in COMPOSE["services"].values() for file in each.get("env_file", [])}
    assert named == {f"env/{kind}.env" for kind in ("postgres", "mlflow", "smarketing")}
    for file in named:
        example = DEPLOY / f"{file}.example"
        assert set(re.findall(r":([^:@/]+)@|PASSWORD=(.+)", example.read_text("utf-8"))) <= {
            ("CHANGE_ME", ""),
            ("", "CHANGE_ME"),
        }
    assert "/deploy/env/*.env" in (ROOT / ".gitignore").read_text("utf-8").split()


def test_the_settings_of_the_containers_are_accepted(monkeypatch):
    for line in (DEPLOY / "env" / "smarketing.env.example").read_text("utf-8").splitlines():
        name, value = line.split("=", 1)
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.history.url.endswith("@postgres/smarketing")
    assert settings.tracking.uri == "http://mlflow:5000"
    assert str(settings.tracking.search_storage).endswith("@postgres/optuna")


def test_the_image_has_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    ours = {each["image"] for name, each in COMPOSE["services"].items() if name != "postgres"}
    assert ours == {f"smarketing:{version}"}


@pytest.fixture
def installed(tmp_path):
    """Return a folder with the units, their commands replaced by one that is on every machine."""
    folder = tmp_path / "units"
    shutil.copytree(DEPLOY / "systemd", folder, symlinks=True)
    for file in folder.glob("*.service"):
        text = re.sub(r"/opt/smarketing/\.venv/bin/\w+", "/bin/true", file.read_text("utf-8"))
        file.write_text(text)
    return folder


def analysed(folder, *words):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    done = subprocess.run(
        ["systemd-analyze", *words],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_the_units(installed):
    files = [str(each) for each in installed.iterdir() if each.is_file()]
    assert len(files) == len(UNITS) + len(TIMERS)
    assert analysed(installed, "verify", *files) == (0, "")


@pytest.mark.parametrize("name", [file.name for file in UNITS])
def test_units_are_confined(installed, name):
    _, told = analysed(installed, "security", "--offline=true", name)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert float(found.group(1)) < 2.5, told


@pytest.mark.parametrize("file", TIMERS, ids=lambda file: file.name)
def test_every_timer_has_its_service_and_what_was_missed_is_made_up_for(file):
    assert file.with_suffix(".service") in UNITS
    assert unit(file)["Timer"]["Persistent"] == "yes"
    assert unit(file.with_suffix(".service"))["Service"]["Type"] == "oneshot"
