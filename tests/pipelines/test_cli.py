"""The command line, from a folder of files to scores, and what it says to mistakes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
VERBS = (
    "demo",
    "ingest",
    "audit",
    "features",
    "train",
    "models",
    "promote",
    "rollback",
    "score",
    "monitor",
    "retrain",
    "report",
    "serve",
    "schedule",
    "erase",
    "personal",
    "backup",
    "restore",
    "migrate",
    "quarantine",
    "keys",
    "outbox",
)
COLUMNS = [
    "lead_id",
    "as_of",
    "probability_30d",
    "probability_60d",
    "probability_90d",
    "score",
    "grade",
    "reasons",
    "model_version",
]


class Terminal:
    """A shell in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("SMARKETING_")
            },
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines.cli", *map(str, words)]
        return subprocess.run(  # noqa: PLW1510  the tests look at the code
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=300
        )

    def refused(self, *words: object) -> str:
        done = self.run(*words)
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        assert (done.returncode, len(lines)) == (2, 1), done.stderr
        assert lines[0].startswith("smarketing: ")
        return lines[0]


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path)


def write(folder: Path, **tables: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return folder


LEADS = "lead_id,created_at\na,2024-01-01T00:00:00Z\nb,2024-01-02T00:00:00Z\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(terminal, verb):
    done = terminal.run(verb, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    ("tables", "words", "expected"),
    [
        (
            {"leads": "id,created_at\na,2024-01-01T00:00:00Z\n"},
            [],
            ["leads.csv", "'lead_id' is missing"],
        ),
        (
            {"leads": "lead_id,created_at\na,2024-01-01T10:00:00\n"},
            [],
            ["leads.csv, row 1, created_at", "carries no time zone", "--timezone"],
        ),
        (
            {"leads": "lead_id,created_at\na,soon\n"},
            [],
            ["leads.csv, row 1, created_at", "ISO 8601", "'soon'"],
        ),
        ({"leads": LEADS}, ["--format", "excel"], ["unknown format 'excel'", "canonical"]),
        ({"leads": LEADS}, ["--timezone", "Mars"], ["'Mars' is no time zone"]),
        (
            {"leads": LEADS + "c,never\n"},
            ["--strict"],
            ["leads.csv, row 3, created_at", "nothing was taken in"],
        ),
        ({"deals": "id\n1\n"}, [], ["not recognised", "leads.csv"]),
    ],
)
def test_a_source_that_cannot_be_read_is_explained_in_one_line(terminal, tables, words, expected):
    folder = write(terminal.folder / "in", **tables)
    line = terminal.refused("ingest", folder, *words)
    for part in expected:
        assert part in line


def test_conflicting_ids_go_to_quarantine_and_are_counted(terminal):
    folder = write(
        terminal.folder / "in",
        leads="lead_id,created_at,source\na,2024-01-01T00:00:00Z,web\na,2024-01-01T00:00:00Z,event\n",
    )
    done = terminal.run("ingest", folder, "--json")
    counts = json.loads(done.stdout)["tables"]["leads"]
    assert (counts["accepted"], counts["rejected"]) == (1, 1)
    listed = json.loads(terminal.run("quarantine", "--json").stdout)
    assert [(row["row"], row["field"]) for row in listed] == [(2, "lead_id")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ingest", "nowhere"], "no such file or folder"),
        (["train"], "the history is empty"),
        (["features", "--as-of", "2024-06-01T00:00:00Z", "--out", "f.csv"], "the history is empty"),
        (["features", "--as-of", "noon", "--out", "f.csv"], "--as-of: 'noon' is no ISO 8601 time"),
        (["features", "--as-of", "2024-06-01T00:00:00", "--out", "f.csv"], "carries no time zone"),
        (["score", "--out", "scores.xlsx"], "must end in .parquet or .csv"),
        (["score", "--out", "nowhere/scores.csv"], "there is no folder"),
        (["score", "--out", "scores.csv"], "champion"),
        (["promote", "--force"], "--why"),
        (["audit", "--outcome", "paid"], "name it"),
        (["audit", "none.csv", "--outcome", "paid"], "no such file"),
        (["erase", "nobody"], "no lead 'nobody'"),
        (["train", "--config", "none.toml"], "no such configuration file"),
        (["train", "--trials", "none"], "--trials"),
    ],
)
def test_a_mistake_is_told_in_one_line(terminal, words, expected):
    assert expected in terminal.refused(*words)


def test_an_as_of_before_the_first_lead_names_that_lead_s_day(terminal):
    terminal.run("ingest", write(terminal.folder / "in", leads=LEADS))
    line = terminal.refused("features", "--as-of", "2023-01-01T00:00:00Z", "--out", "f.csv")
    assert "before the first lead" in line
    assert "2024-01-01" in line


def test_a_wrong_configuration_names_its_entry(terminal):
    (terminal.folder / "smarketing.toml").write_text("[serving]\nport = 99999\n")
    assert "serving.port" in terminal.refused("models")


def test_a_port_in_use_is_told_before_anything_starts(terminal):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot be used" in terminal.refused("serve", "--port", taken.getsockname()[1])


def test_without_conversions_a_prior_serves_and_says_so(terminal):
    rows = "".join(f"l{n},2024-01-{1 + n % 28:02d}T00:00:00Z\n" for n in range(60))
    late = "lead_id,occurred_at,kind\nl1,2025-01-01T00:00:00Z,visit\n"
    terminal.run(
        "ingest",
        write(terminal.folder / "in", leads="lead_id,created_at\n" + rows, engagements=late),
    )
    done = terminal.run("train", "--trials", "2")
    assert done.returncode == 0, done.stderr
    assert "Too few conversions" in " ".join(done.stdout.split())
    assert terminal.run("promote").returncode == 0
    assert (
        terminal.run("score", "--as-of", "2024-03-01T00:00:00Z", "--out", "s.csv").returncode == 0
    )
    assert pd.read_csv(terminal.folder / "s.csv")["probability_90d"].nunique() == 1


FLAT = "id,paid,verdict\n" + "".join(
    f"{n},{n % 2},{'yes' if n % 2 else 'no'}\n" for n in range(200)
)


def test_an_audit_of_a_flat_file_names_the_leak_and_draws_it(terminal):
    (terminal.folder / "flat.csv").write_text(FLAT)
    words = ["audit", "flat.csv", "--outcome", "paid", "--key", "id", "--out", "audit"]
    done = terminal.run(*words, "--json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert [each["where"] for each in told["findings"]] == ["leads.verdict"]
    page = (terminal.folder / "audit" / "audit.html").read_text("utf-8")
    assert "leads.verdict" in page
    assert "data:image/png" in page


def test_a_waived_leak_lets_the_audit_pass(terminal):
    (terminal.folder / "flat.csv").write_text(FLAT)
    (terminal.folder / "smarketing.toml").write_text(
        '[training]\nwaived = ["L101:leads.verdict"]\n'
    )
    done = terminal.run("audit", "flat.csv", "--outcome", "paid", "--key", "id")
    assert done.returncode == 0, done.stderr
    assert "(waived)" in done.stdout


def test_a_leak_stops_the_training_and_says_how_to_go_on(terminal, small_company):
    folder = terminal.folder / "company"
    folder.mkdir()
    for name, frame in small_company.history.frames().items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    assert terminal.run("ingest", folder).returncode == 0
    line = terminal.refused("train", "--trials", "1")
    assert "leads.crm_status" in line
    assert "current_only" in line
    assert terminal.run("audit").returncode == 1
    assert terminal.run("audit", folder, "--against", folder, "--json").returncode == 1


def test_the_catalogue_is_written_as_a_page(terminal):
    terminal.run("ingest", write(terminal.folder / "in", leads=LEADS))
    assert terminal.run("features", "--describe", "--out", "features.md").returncode == 0
    assert "`age_days`" in (terminal.folder / "features.md").read_text("utf-8")
    assert "ending in .md" in terminal.refused("features", "--describe", "--out", "features.csv")


@pytest.mark.slow
def test_the_whole_way(terminal, small_company):
    folder = terminal.folder / "company"
    folder.mkdir()
    for name, frame in small_company.history.frames().items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    (folder / "current_only.txt").write_text("leads.crm_status\n")
    for words in (
        ["ingest", folder],
        ["features", "--as-of", "2025-06-01T00:00:00Z", "--out", "features.parquet"],
        ["train", "--trials", "3"],
        ["promote", "--force", "--why", "the first one"],
        ["score", "--as-of", "2025-06-01T00:00:00Z", "--out", "scores.parquet"],
        ["score", "--as-of", "2025-06-01T00:00:00Z", "--out", "scores.csv"],
        ["report"],
    ):
        done = terminal.run(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
    assert (
        json.loads(terminal.run("ingest", folder, "--json").stdout)["tables"]["leads"]["accepted"]
        == 0
    )
    features = pd.read_parquet(terminal.folder / "features.parquet")
    assert "lead_crm_status" not in features
    assert len(features) == features["lead_id"].nunique()
    scores = pd.read_parquet(terminal.folder / "scores.parquet")
    assert (
        list(scores.columns) == COLUMNS == list(pd.read_csv(terminal.folder / "scores.csv").columns)
    )
    rising = scores[["probability_30d", "probability_60d", "probability_90d"]].to_numpy()
    assert (rising[:, :-1] <= rising[:, 1:]).all()
    assert scores["score"].between(0, 100).all()
    assert set(scores["grade"]) <= set("ABCD")
    assert "Who next" in (terminal.folder / "report" / "index.html").read_text("utf-8")
    (listed,) = json.loads(terminal.run("models", "--json").stdout)
    assert "champion" in listed["aliases"]
    assert "first champion" in terminal.refused("rollback")
    assert "cannot be made a folder" in terminal.refused("report", "--out", "scores.csv")
    for file in (terminal.folder / "mlruns").rglob("arrays.npz"):
        file.write_bytes(b"damaged")
    assert "damaged" in terminal.refused("score", "--out", "scores.csv")
