"""`smarketing schedule`: which minute is whose, nothing beside itself, and a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import schedule
from pipelines.failures import UsageError
from pipelines.schedule import Runner, read

MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001  local time, as cron has it
WEEK = [MONDAY + timedelta(minutes=each) for each in range(7 * 24 * 60)]


def crontab(folder, *lines):
    file = folder / "crontab"
    file.write_text("\n".join(lines))
    return file


@pytest.mark.parametrize(
    ("times", "begins"),
    [
        ("0 2 * * *", [MONDAY + timedelta(days=day, hours=2) for day in range(7)]),
        ("30 3 * * 0", [MONDAY + timedelta(days=6, hours=3, minutes=30)]),
        ("30 3 * * 7", [MONDAY + timedelta(days=6, hours=3, minutes=30)]),
        (
            "15,45 8 * * 1-2",
            [MONDAY + timedelta(days=d, hours=8, minutes=m) for d in (0, 1) for m in (15, 45)],
        ),
        ("0 0 4 3 *", [MONDAY + timedelta(days=2)]),
        ("0 */12 2 * *", [MONDAY, MONDAY + timedelta(hours=12)]),
    ],
)
def test_a_job_begins_in_its_minutes_and_no_others(tmp_path, times, begins):
    (job,) = read(crontab(tmp_path, f"{times} true"))
    assert [minute for minute in WEEK if job.due(minute)] == begins


@given(minute=st.integers(0, 59), hour=st.integers(0, 23))
def test_a_daily_job_begins_once_a_day(tmp_path_factory, minute, hour):
    folder = tmp_path_factory.mktemp("daily")
    (job,) = read(crontab(folder, f"{minute} {hour} * * * true"))
    begins = [each for each in WEEK if job.due(each)]
    assert [(each.hour, each.minute) for each in begins] == [(hour, minute)] * 7


def test_comments_are_left_out_and_percent_is_as_in_cron(tmp_path):
    jobs = read(crontab(tmp_path, "# nightly", "", "0 2 * * *  echo $(date +\\%u)"))
    assert [(job.line, job.times, job.command) for job in jobs] == [
        (3, "0 2 * * *", "echo $(date +%u)")
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("0 2 * *", "line 1: expected five fields and a command"),
        ("0 25 * * * true", "line 1: 25 is not a valid input"),
        ("0 two * * * true", "line 1: two is not a valid input"),
        ("0 2 1 * 1 true", "the month or of the week, not both"),
        ("0 2 * * * date +%u", r"write it as \\%"),
        ("# nothing", "there is no job in it"),
    ],
)
def test_a_line_that_cron_would_misread_is_refused(tmp_path, line, words):
    with pytest.raises(UsageError, match=words):
        read(crontab(tmp_path, line))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="crontab cannot be read"):
        read(tmp_path / "crontab")


def until_ended(runner):
    ended = {}
    while not ended:
        ended = runner.collect()
    return ended


def test_a_job_is_not_started_beside_itself_but_again_after_it(tmp_path):
    gate, log = tmp_path / "gate", tmp_path / "log"
    os.mkfifo(gate)
    runner = Runner(read(crontab(tmp_path, f"0 2 * * * echo x >> {log}; cat {gate}; exit 3")))
    two = MONDAY + timedelta(hours=2)
    assert [job.line for job in runner.begin(two)] == [1]
    assert runner.begin(two + timedelta(hours=1)) == []
    assert runner.begin(two + timedelta(days=1)) == []
    gate.write_text("go on")
    assert until_ended(runner) == {1: 3}
    assert [job.line for job in runner.begin(two + timedelta(days=2))] == [1]
    gate.write_text("go on")
    assert until_ended(runner) == {1: 3}
    assert log.read_text() == "x\nx\n"


def test_what_is_at_work_is_ended_when_the_schedule_is(tmp_path):
    runner = Runner(read(crontab(tmp_path, "0 2 * * * sleep 1000 | cat")))
    runner.begin(MONDAY + timedelta(hours=2))
    runner.stop()
    assert runner.collect() == {}


def test_the_commands_of_this_installation_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found = schedule._environment()["PATH"].split(os.pathsep)
    assert found == [os.path.dirname(sys.executable), "/nowhere"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path, number):
    file = crontab(tmp_path, "0 0 1 1 * true")
    words = [sys.executable, "-m", "pipelines.cli", "schedule", str(file)]
    running = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert "1 jobs of" in running.stderr.readline()
    running.send_signal(number)
    assert running.wait(timeout=60) == 0
    running.stderr.close()


def test_jobs_begin_by_the_clock(tmp_path, monkeypatch):
    """The loop looks at the clock each second, and begins each minute's jobs once."""
    seen, ticks = [], iter([MONDAY + timedelta(seconds=each) for each in range(0, 240, 20)])

    class Ended:
        def wait(self, _seconds):
            return len(seen) >= 3

        def set(self):
            raise AssertionError("no signal was sent")

    monkeypatch.setattr(schedule, "_local", lambda: next(ticks))
    monkeypatch.setattr(schedule.threading, "Event", Ended)
    monkeypatch.setattr(schedule.signal, "signal", lambda *_: None)
    monkeypatch.setattr(Runner, "begin", lambda _self, minute: seen.append(minute))
    schedule.run(crontab(tmp_path, "* * * * * true"))
    assert seen == [MONDAY + timedelta(minutes=each) for each in (1, 2, 3)]
