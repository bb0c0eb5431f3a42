"""`smarketing features`: the feature matrix of the leads open at an instant, or the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from features import Feature, compute_features, default_features, describe, open_leads
from pipelines import context, output
from pipelines.failures import UsageError
from settings import Settings


def run(settings: Settings, as_of: str, out: Path) -> pd.DataFrame:
    """Compute and write the features of every lead open at `as_of`.

    Raises
    ------
    ValueError : the time, the file or the history cannot be used.
    """
    output.check(out)
    moment = context.instant(as_of, "--as-of", settings.history.timezone)
    with context.working("reading the history") as (progress, task):
        history = context.history_of(settings, context.store_of(settings))
        snapshots = open_leads(history, moment)
        progress.update(task, description="computing features")
        matrix = compute_features(history, snapshots, default_features(history, moment))
    frame = pd.concat([matrix.snapshots, matrix.values.drop(columns="age_days")], axis=1)
    output.write(frame, out)
    context.note(f"{len(frame):,} open leads x {len(matrix.features)} features -> {out}")
    return frame


def catalogue(
    settings: Settings, *, out: Path | None = None, as_json: bool = False
) -> pd.DataFrame:
    """Print every declared feature in plain words, or write them as a page.

    Raises
    ------
    UsageError : the page's name does not end in .md.
    """
    if out is not None and out.suffix != ".md":
        raise UsageError(f"{out}: the catalogue is written as Markdown; name a file ending in .md")
    history = context.history_of(settings, context.store_of(settings))
    features = default_features(history)
    table = describe(features)
    if out is not None:
        out.write_text(as_markdown(features), encoding="utf-8")
        context.note(f"{len(table)} features -> {out}")
    elif as_json:
        context.print_json(table.astype(object).where(table.notna(), None).to_dict("records"))
    else:
        rows = table[["name", "label", "group", "unit"]].itertuples(index=False)
        context.print_table(
            f"{len(table)} features", ("name", "label", "group", "unit"), [tuple(r) for r in rows]
        )
    return table


def as_markdown(features: Sequence[Feature]) -> str:
    """Return the catalogue as a page: one table a business group, and how to declare one more."""
    table = describe(features)
    parts = [_INTRODUCTION.format(count=len(table))]
    for group, rows in table.groupby("group", sort=False):
        lines = [f"\n## {str(group).capitalize()}\n", "| name | in plain words | unit | made of |"]
        lines.append("| --- | --- | --- | --- |")
        for row in rows.itertuples(index=False):
            made = " ".join(str(part) for part in (row.source, row.column) if part)
            where = f" where {row.where!s}" if row.where else ""
            lines.append(f"| `{row.name}` | {row.label} | {row.unit} | {made}{where} |")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


_INTRODUCTION = """# Features

The {count} features declared for a sample company of 600 leads, written as
`smarketing features --describe --out FILE.md` writes them for your history. Another history has
other kinds, channels and campaigns, and so other features of the same families.

A feature is a few lines, in a notebook first:

```python
from features import Feature, build_training_set, default_features

pricing = Feature(
    "pricing_visits_14d",
    "visits to the pricing page in the last 14 days",
    source="engagements",
    aggregate="count",
    where={{"kind": ("pricing_visit",)}},
    window_days=14,
)
training_set = build_training_set(history, [*default_features(history), pricing])
```

To keep it, move the declaration unchanged into its family in `src/features/definitions.py`.
"""
