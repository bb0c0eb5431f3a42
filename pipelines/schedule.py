"""`smarketing schedule`: run the lines of a crontab in the foreground, where there is no cron.

For containers: the jobs are the same file that cron would be given, run as this user, one line
never beside itself. Where systemd or cron is there already, deploy/ has units and the crontab.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from huey.api import crontab

from pipelines import context
from pipelines.failures import UsageError

_PATIENCE_S = 60.0
_LINE = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S.*)")


@dataclass(frozen=True)
class Job:
    """One line of a crontab.

    Parameters
    ----------
    line : its number in the file.
    times : its five fields, as written.
    command : for the shell.
    due : tells of a local minute whether the job begins in it.
    """

    line: int
    times: str
    command: str
    due: Callable[[datetime], bool] = field(repr=False, compare=False)


def read(file: Path) -> list[Job]:
    """Read the jobs of a crontab: five fields and a command a line, # for comments.

    Raises
    ------
    UsageError : the file or a line cannot be read; the line is named.
    """
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: the crontab cannot be read: {error}") from error
    jobs = [
        _job(f"{file}, line {number}", number, line.strip())
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.strip().startswith("#")
    ]
    if not jobs:
        raise UsageError(f"{file}: there is no job in it")
    return jobs


def _job(where: str, number: int, line: str) -> Job:
    match = _LINE.fullmatch(line)
    if match is None:
        raise UsageError(f"{where}: expected five fields and a command, as in 0 2 * * * COMMAND")
    *times, command = match.groups()
    minute, hour, day, month, weekday = times
    if day != "*" and weekday != "*":
        raise UsageError(f"{where}: give a day of the month or of the week, not both")
    if re.search(r"(?<!\\)%", command):
        raise UsageError(f"{where}: cron ends a command at %: write it as \\%")
    try:
        due = crontab(minute, hour, day, month, weekday, strict=True)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error
    return Job(number, " ".join(times), command.replace("\\%", "%"), due)


class Runner:
    """Starts jobs when they are due, and knows which ones still run.

    Parameters
    ----------
    jobs : of `read`.
    """

    def __init__(self, jobs: Iterable[Job]) -> None:
        self.jobs = list(jobs)
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def begin(self, minute: datetime) -> list[Job]:
        """Start what is due in a minute of local time; return it. A job still at work is left."""
        begun = []
        for job in self.jobs:
            if not job.due(minute):
                continue
            if job.line in self._running:
                context.note(f"line {job.line} is still at work, and is not started again")
                continue
            context.note(f"line {job.line} begins: {job.command}")
            self._running[job.line] = subprocess.Popen(  # noqa: S603  the operator's own line
                ["/bin/sh", "-c", job.command], env=_environment(), start_new_session=True
            )
            begun.append(job)
        return begun

    def collect(self) -> dict[int, int]:
        """Return the exit codes, by line, of jobs that ended since the last call."""
        ended = {
            line: code for line, each in self._running.items() if (code := each.poll()) is not None
        }
        for line, code in ended.items():
            del self._running[line]
            context.note(f"line {line} ended with exit code {code}")
        return ended

    def stop(self) -> None:
        """End what is at work: asked first, and after a minute made to."""
        for each in self._running.values():
            os.killpg(each.pid, signal.SIGTERM)
        for each in self._running.values():
            try:
                each.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(each.pid, signal.SIGKILL)
                each.wait()
        self.collect()


def run(file: Path) -> None:
    """Run the jobs of a crontab until a signal ends it; times are of the local zone.

    Raises
    ------
    UsageError : as for `read`.
    """
    runner, stopped = Runner(read(file)), threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda _number, _frame: stopped.set())
    context.note(f"{len(runner.jobs)} jobs of {file}, in {_local():%Z} time (stop with Ctrl-C)")
    done = _minute(_local())
    while not stopped.wait(1.0):
        runner.collect()
        minute = _minute(_local())
        if minute > done:
            done = minute
            runner.begin(minute)
    runner.stop()


def _local() -> datetime:
    return context.now().to_pydatetime().astimezone()


def _minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def _environment() -> dict[str, str]:
    """Return the environment with the commands of this installation first on the path."""
    here = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([here, os.environ.get("PATH", os.defpath)])}
