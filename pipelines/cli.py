"""The command line. Each verb's module is loaded when the verb is called, so that help is quick.

The file is long because it is a list: one function a verb, its options, and a call.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from typer.exceptions import TyperException

from pipelines.failures import UsageError, in_one_line
from settings import Settings

app = typer.Typer(
    name="smarketing",
    help="One calibrated number per lead, with reasons, for sales and marketing alike.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

keys = typer.Typer(help="API keys of the service: create, list, revoke.", no_args_is_help=True)
app.add_typer(keys, name="keys")

Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file; smarketing.toml by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Timezone = Annotated[
    str | None, typer.Option(help="Zone of times that carry none, e.g. Europe/Berlin.")
]


def _verb(name: str) -> ModuleType:
    """Load the module of a verb: the one place where imports wait until they are needed."""
    return importlib.import_module(f"pipelines.{name}")


@app.command()
def demo(
    leads: Annotated[int, typer.Option(min=500, help="Leads of the sample company.")] = 8000,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the search.")] = 12,
    start: Annotated[
        str | None, typer.Option(help="First day; two years before today by default.")
    ] = None,
    config: Config = None,
) -> None:
    """Run the whole way on the sample company: history, model, scores, report."""
    _verb("demo").run(Settings.load(config), leads=leads, trials=trials, start=start)


@app.command()
def ingest(
    source: Annotated[str, typer.Argument(help="A folder, a file or a database URL.")],
    format: Annotated[str | None, typer.Option(help="Reader; recognised by default.")] = None,
    timezone: Timezone = None,
    observed_until: Annotated[
        str | None, typer.Option(help="The source is complete up to here.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse everything if one row is bad.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Read all of it again, not just what is new.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the mapping and the counts; write nothing.")
    ] = False,
    write_mapping: Annotated[
        bool, typer.Option("--write-mapping", help="Save the mapping in the configuration.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Read a source into the history; reading it twice changes nothing."""
    if dry_run or write_mapping:
        _verb("ingest").preview(
            Settings.load(config), source, format=format, timezone=timezone, as_json=as_json,
            save_to=(config or Path("smarketing.toml")) if write_mapping else None,
        )  # fmt: skip
        return
    _verb("ingest").run(
        Settings.load(config),
        source,
        format=format,
        timezone=timezone,
        observed_until=observed_until,
        strict=strict,
        full=full,
        as_json=as_json,
    )


@app.command()
def audit(
    source: Annotated[
        str | None, typer.Argument(help="A source to look at; the configured history by default.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="Reader; recognised by default.")] = None,
    timezone: Timezone = None,
    against: Annotated[
        str | None, typer.Option(help="The same source, extracted on an earlier day.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Column with the outcome, if SOURCE is one flat table.")
    ] = None,
    key: Annotated[str, typer.Option(help="Column with the id in a flat table.")] = "lead_id",
    order: Annotated[
        str | None, typer.Option(help="Column of a flat table that rises with creation.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a report with plots.")] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Look for leaks and faults; exit code 1 on a leak that nobody waived."""
    settings, verb = Settings.load(config), _verb("audit")
    table = None if outcome is None else verb.FlatTable(outcome, key, order)
    found = verb.run(
        settings, source, format=format, timezone=timezone, against=against, table=table,
        out=out, as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(1 if found.leaks else 0)


@app.command()
def features(
    as_of: Annotated[str | None, typer.Option(help="Cutoff, exclusive, ISO 8601.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .parquet or .csv file; with --describe a .md file.")
    ] = None,
    describe: Annotated[
        bool, typer.Option("--describe", help="Print the catalogue instead.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Write the features of the leads open at an instant, or describe them."""
    settings = Settings.load(config)
    if describe:
        _verb("features").catalogue(settings, out=out, as_json=as_json)
    elif as_of is None or out is None:
        raise UsageError("give --as-of TIME and --out FILE, or --describe")
    else:
        _verb("features").run(settings, as_of, out)


@app.command()
def train(
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of the search.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds after which no trial starts.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Pretend that today is this day.")] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Train on the history and register a challenger."""
    _verb("train").run(
        Settings.load(config), trials=trials, timeout=timeout, until=until, as_json=as_json
    )


@app.command()
def models(as_json: AsJson = False, config: Config = None) -> None:
    """List the registered models with their figures."""
    _verb("versions").show(Settings.load(config), as_json=as_json)


@app.command()
def promote(
    version: Annotated[
        str | None, typer.Argument(help="Version; the challenger by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Skip the gate.")] = False,
    why: Annotated[str | None, typer.Option(help="Reason, kept with the version.")] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Make the challenger champion, if the gate finds it better."""
    _verb("versions").promote(
        Settings.load(config), version=version, force=force, why=why, as_json=as_json
    )


@app.command()
def rollback(
    why: Annotated[
        str, typer.Option(help="Reason, kept with the version.")
    ] = "rolled back by hand",
    force: Annotated[
        bool, typer.Option("--force", help="Even to one that uses a field marked as personal.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Return to the champion before."""
    _verb("versions").rollback(Settings.load(config), why=why, force=force, as_json=as_json)


@app.command()
def score(
    out: Annotated[Path, typer.Option(help="A .parquet or .csv file.")],
    as_of: Annotated[
        str | None, typer.Option(help="Cutoff; the end of the history by default.")
    ] = None,
    reasons: Annotated[int, typer.Option(min=0, max=20, help="Reasons per lead.")] = 3,
    config: Config = None,
) -> None:
    """Score every open lead with the champion."""
    _verb("score").run(Settings.load(config), as_of, out, top_reasons=reasons)


@app.command()
def monitor(
    as_of: Annotated[
        str | None, typer.Option(help="End of the newest week; of the history by default.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="Earlier scores, to be held against what came of them.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Tell what changed by more than noise, and whether promises were kept."""
    _verb("monitor").run(Settings.load(config), as_of, scores, as_json=as_json)


@app.command()
def retrain(
    force: Annotated[
        bool, typer.Option("--force", help="Train, whatever the policy says.")
    ] = False,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of the search.")] = None,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds after which no trial starts.")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Train anew when the policy says so; the gate decides what serves."""
    _verb("retrain").run(
        Settings.load(config), force=force, trials=trials, timeout=timeout, as_json=as_json
    )


@app.command()
def replay(
    leads: Annotated[int, typer.Option(min=500, help="Leads of the sample company.")] = 12_000,
    weeks: Annotated[int, typer.Option(min=1, max=520, help="Weeks to replay.")] = 52,
    per_week: Annotated[
        int | None,
        typer.Option(min=1, help="Leads that sales works a week; as in the year before if unset."),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of each search.")] = None,
    own: Annotated[
        bool, typer.Option("--own", help="Replay the configured history, not a sample company.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("report/replay"),
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Live through a past year week by week and count the wins that the loop reaches."""
    _verb("replay").run(
        Settings.load(config),
        leads=leads,
        weeks=weeks,
        per_week=per_week,
        trials=trials,
        own=own,
        out=out,
        as_json=as_json,
    )


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("report"),
    config: Config = None,
) -> None:
    """Write the pages as files, for people without the service."""
    _verb("report").run(Settings.load(config), out)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")] = None,
    config: Config = None,
) -> None:
    """Start the scoring service."""
    Settings.load(config)
    words = [sys.executable, "-m", "serving.launch"]
    for name, value in (("--host", host), ("--port", port), ("--config", config)):
        words += [name, str(value)] if value is not None else []
    # Replaced, not started: signals reach the service's launcher, and pipelines import no serving.
    os.execv(sys.executable, words)  # noqa: S606  our own module, no shell


@app.command()
def schedule(
    file: Annotated[Path, typer.Argument(help="A crontab, as deploy/crontab.")],
) -> None:
    """Run the jobs of a crontab in the foreground, where there is no cron or systemd."""
    _verb("schedule").run(file)


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    key_file: Annotated[
        Path | None,
        typer.Option(help="Holds the key of the pseudonyms; else SMARKETING_EXPORT_KEY is read."),
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Write the history under pseudonyms as a folder that can be ingested."""
    _verb("export").run(Settings.load(config), out, key_file=key_file, as_json=as_json)


@app.command()
def erase(
    lead_id: Annotated[str, typer.Argument(help="The lead to forget.")],
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Take rows of a forgotten lead in again.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Forget a person everywhere, with a receipt; sources cannot bring them back."""
    verb = _verb("erase")
    (verb.readmit if readmit else verb.run)(Settings.load(config), lead_id, as_json=as_json)


@app.command()
def personal(
    unmark: Annotated[
        str | None, typer.Option(help="A field that is not personal after all: table.column.")
    ] = None,
    scrub: Annotated[
        bool, typer.Option("--scrub", help="Take values out of the logs that were there before.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Show which fields are marked as personal, unmark one, or scrub the logs of their values."""
    _verb("personal").run(Settings.load(config), remove=unmark, clean=scrub, as_json=as_json)


@app.command()
def backup(
    out: Annotated[Path, typer.Option(help="File to write, as in smarketing-backup.zip.")],
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Write history, runs and models into one file, while the service goes on."""
    _verb("backup").run(Settings.load(config), out, as_json=as_json)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file of `smarketing backup`.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Put what a backup holds in its place, after every part of it was checked."""
    _verb("backup").restore(Settings.load(config), file, force=force, as_json=as_json)


@app.command()
def migrate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the SQL, take everything back.")
    ] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Bring the store to this release's tables, all of it or nothing; stop the service first."""
    _verb("migrate").run(Settings.load(config), dry_run=dry_run, as_json=as_json)


@app.command()
def quarantine(as_json: AsJson = False, config: Config = None) -> None:
    """List the rows that were set aside, with the reasons."""
    _verb("quarantine").run(Settings.load(config), as_json=as_json)


@keys.command("create")
def keys_create(
    role: Annotated[str, typer.Option(help="crm, sales, marketing or admin.")],
    note: Annotated[str, typer.Option(help="Whom or what it is for.")] = "",
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Make a key and print it, this once."""
    _verb("keys").create(Settings.load(config), role, note, as_json=as_json)


@keys.command("list")
def keys_list(as_json: AsJson = False, config: Config = None) -> None:
    """List the keys by id, role and note."""
    _verb("keys").show(Settings.load(config), as_json=as_json)


@keys.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key.")],
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """Refuse a key from now on."""
    _verb("keys").revoke(Settings.load(config), key_id, as_json=as_json)


@app.command()
def outbox(
    scores: Annotated[
        Path | None, typer.Option(help="A file of `smarketing score` to put in.")
    ] = None,
    crm: Annotated[
        str | None, typer.Option(help="The CRM that the scores, or the replay, are for.")
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send what is due.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Let dead rows wait again.")] = False,
    as_json: AsJson = False,
    config: Config = None,
) -> None:
    """List what is on its way to CRMs; put scores in, send them, replay what failed."""
    _verb("outbox").run(
        Settings.load(config), scores=scores, crm=crm, send=send, replay=replay, as_json=as_json
    )


def main() -> None:
    """Run the command line; what a user can mend is one line and exit code 2."""
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="smarketing", standalone_mode=False)
    except (TyperException, ValueError, OSError) as error:
        line = in_one_line(error)
        if line is None:
            raise
        print(f"smarketing: {line}", file=sys.stderr)  # noqa: T201  the terminal is whom this is for
        raise SystemExit(2) from None
    raise SystemExit(code)


if __name__ == "__main__":
    main()
