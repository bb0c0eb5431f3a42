"""The page about the quality of models, from the figures of each set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEAD = """# Quality of the models

`python benchmarks/model_quality.py DATA --write-docs`

Everybody learns from the same rows and columns of the past and forecasts the same newer ones;
intervals are the central 95 % of 200 draws of whole accounts. A gain is the log loss of a rival
less ours on the same draws: above nought ours is the better. *By chance* is the calibration error
that a forecast which is exactly right would show on the same rows.
"""
LAW = """In leadforge's worlds the law is known. What *the law* forecasts is computed from what can
be seen of each lead (`benchmarks/parts/world_law.py`): the best that anybody could do with that
lead alone. Worlds of another motif obey another law, and some allow less: the test worlds of seeds
5 and 18 have ceilings of their own. *Attained* is (AUC - 0.5) / (the law's AUC - 0.5).

*Told what matters* says what so few leads can teach at all: stumps fitted to the same leads, told
beforehand which eight of the hundred features the law can be read from, and as many as turn out
best on the test part. Nobody knows either, and what is missing above it no choice of features would
bring. [Four times as many leads](leads.md) bring most of it, but not in the public advanced worlds.
"""
WINS = """In the sample company the law speaks of what nobody can see: a lead's interest and its
buying project, past and future. What it forecasts is no bound that could be reached; its order of
work tells how many wins are luck. Leads come up for work at every age, so that the wins of a week
are counted too.
"""
_ORDER = (
    *("bpic2012", "d365", "x_education", "sample company"),
    *("leadforge intermediate", "leadforge advanced"),
)


def slug(name: str) -> str:
    """Return a set's name as part of the name of a file."""
    return "".join(c if c.isalnum() else "-" for c in name.lower())


def page(sets: Sequence[Mapping[str, Any]]) -> str:
    """Return the whole page as Markdown."""
    ordered = sorted(sets, key=lambda each: _place(each["name"]))
    sections = [section(each, plot=True) for each in ordered]
    wins = [WINS] if any(each.get("wins") for each in ordered) else []
    return "\n".join([HEAD, summary(ordered), LAW, *wins, *sections])


def _place(name: str) -> int:
    return next(n for n, start in enumerate(_ORDER) if name.startswith(start))


def summary(sets: Sequence[Mapping[str, Any]]) -> str:
    """Return one row a set: ours, the best rival, and how far from what is possible."""
    lines = [
        "| set | log loss | best rival | gain over it | calibration error | by chance | attained "
        "| told what matters |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in sets:
        ours, rival = each["figures"]["smarketing"], each["best_rival"]
        cells = [
            each["name"],
            f"{ours['log_loss'][0]:.4f}",
            f"{rival} {each['figures'][rival]['log_loss'][0]:.4f}",
            told(each["gains"][rival]),
            f"{ours['calibration_error'][0]:.4f}",
            f"{each['chance'][0]:.4f}",
            *(_share(each[key]) if each.get(key) else "" for key in ("attained", "told")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def section(done: Mapping[str, Any], *, plot: bool = False) -> str:
    """Return one set's table as Markdown.

    Parameters
    ----------
    done : what `compare` gave.
    plot : whether to show the reliability plot that lies beside the page.
    """
    parts = ", ".join(f"{word} {weight:.2f}" for word, weight in done["parts"])
    lines = [
        f"## {done['name']}\n",
        f"{done['past'][0]:,} snapshots to learn from, {done['past'][1]:,} converted; judged on "
        f"{done['test'][0]:,}, {done['test'][1]:,} converted. Chosen: {done['chosen']} ({parts}), "
        f"calibration {done['calibration']}.\n",
        "| | log loss | ROC-AUC | calibration error | model's gain in log loss | seconds |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, figures in done["figures"].items():
        cells = [told(each) for each in figures.values()]
        gain = told(done["gains"][name]) if name in done["gains"] else ""
        seconds = done["seconds"].get(name, "")
        lines.append(f"| {name} | {' | '.join(cells)} | {gain} | {seconds} |")
    mean, low, high = done["chance"]
    lines.append(
        f"\nA forecast that is exactly right would show a calibration error of {mean:.4f} "
        f"({low:.4f} to {high:.4f}) on these rows, by chance alone."
    )
    if done["settled"]:
        lines.append(f"\n{done['settled']:,} leads known to be lost count with 0.001 for all.")
    if done["attained"] is not None:
        lines.append(
            f"\nOf the ranking that the law allows, {_share(done['attained'])} is reached."
        )
    if done.get("wins"):
        lines += _wins(done["wins"])
    if plot:
        lines.append(
            f"\n![Reliability on the test part: {done['name']}]"
            f"(images/reliability-{slug(done['name'])}.svg)"
        )
    return "\n".join(lines) + "\n"


def _wins(wins: Mapping[str, Any]) -> list[str]:
    """Return the wins of each order of work as lines of a table."""
    lines = [
        f"\nWins reached when sales works {wins['per_week']:,} leads a week:\n",
        "| order of work | wins | model's wins beyond it |",
        "| --- | ---: | ---: |",
    ]
    for name, (won, low, high, margin, less, more) in wins["orders"].items():
        beyond = "" if name == "smarketing" else f"{margin:+} ({less:+} to {more:+})"
        lines.append(f"| {name} | {won} ({low} to {high}) | {beyond} |")
    return lines


def told(interval: Sequence[float]) -> str:
    """Return a figure with its interval."""
    return f"{interval[0]:.4f} ({interval[1]:.4f} to {interval[2]:.4f})"


def _share(interval: Sequence[float]) -> str:
    return f"{interval[0]:.0%} ({interval[1]:.0%} to {interval[2]:.0%})"
