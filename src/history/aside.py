"""Reading a large SQLite file in a process of its own, for a service that must not stand still.

Arrow's driver brings a second SQLite library. In one process with the first it would break the
locks that keep acknowledged records safe; in a process of its own it reads the file as any other
program does, beside the writers, and four times as fast as row by row. What it read comes back as
Arrow files, which are mapped and not copied.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
from adbc_driver_sqlite import dbapi as sqlite

from history.errors import StoreError
from history.schema import STORED
from history.tables import TABLES

LARGE_BYTES = 32 * 1024 * 1024
"""Below that, starting a process takes longer than it saves."""

_CALM = 10
_WORK = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
_WORK += "from history.aside import write; write(*sys.argv[2:])"


def is_large(path: str) -> bool:
    """Tell whether a file, with what was just written to it, is worth a process of its own."""
    files = (Path(path), Path(f"{path}-wal"))
    return sum(each.stat().st_size for each in files if each.exists()) >= LARGE_BYTES


def read_aside(path: str, folder: str) -> dict[str, pa.Table]:
    """Read all tables of a SQLite file, as they are at one moment.

    Parameters
    ----------
    path : of the file.
    folder : an empty one; it may be deleted once the tables are not needed any more.

    Raises
    ------
    StoreError : the file cannot be read.
    """
    command = [sys.executable, "-c", _WORK, json.dumps(sys.path), path, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  ours
    if done.returncode:
        last = (done.stderr.strip() or "the reader ended").splitlines()[-1]
        raise StoreError(f"{path}: {last}")
    return {name: _mapped(Path(folder) / f"{name}.arrow") for name in TABLES}


def write(path: str, folder: str) -> None:
    """Do the reading, in the process of its own, behind everything else on the machine."""
    os.nice(_CALM)
    try:
        with sqlite.connect(f"file:{Path(path).absolute()}?mode=ro", autocommit=False) as whole:
            for name in TABLES:
                _write_table(whole, name, f"{folder}/{name}.arrow")
    except sqlite.Error as error:
        raise SystemExit(str(error).splitlines()[0]) from error


def _write_table(connection: Any, name: str, path: str) -> None:
    columns = ", ".join(column.name for column in STORED[name].columns)
    with connection.cursor() as cursor:
        # A column's type is inferred from its first batch: let that be everything.
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": 1 << 30})
        cursor.execute(f"SELECT {columns} FROM {name}")  # noqa: S608  names of our own schema
        table = cursor.fetch_arrow_table()
    with pa.ipc.new_file(path, table.schema) as out:
        out.write_table(table)


def _mapped(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()
