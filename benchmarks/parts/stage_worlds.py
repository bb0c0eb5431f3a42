"""Worlds of leadforge whose CRM keeps the history of stages, as real ones do.

leadforge (the Python package of that name) moves leads through a funnel day by day, and its
bundles show only where each ended. Here the moves are listened to while it simulates, and told to
the history at their dates, as a warehouse's table of stage changes would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from leadforge.api.generator import Generator
from leadforge.simulation import engine
from parts.world_law import law_of

from history.extract import Extract, RawTable
from history.sources import read

STAGES = {"sal": "sal", "sql": "sql", "proposal_sent": "opportunity", "lost": "lost"}
"""Which of its stages are stages of ours; the others are values of a field of the lead."""
Move = tuple[str, str, int]
"""A lead, the stage that it came to, and the day since its creation."""


def write_world(out: Path, *, mode: str, difficulty: str, seed: int, leads: int) -> None:
    """Simulate a world, save its bundle, and beside it the moves between stages and its law."""
    recipe = Generator.from_recipe(
        "b2b_saas_procurement_v1",
        seed=seed,
        exposure_mode=mode,
        difficulty=difficulty,
        n_leads=leads,
    )
    with _listening() as moves:
        world = recipe.generate()
    world.save(str(out))
    np.savez(out / "law.npz", **law_of(world)._asdict())
    columns = ["lead_id", "stage", "day"]
    pd.DataFrame(moves, columns=columns).to_parquet(out / "moves.parquet")


@contextmanager
def _listening() -> Iterator[list[Move]]:
    """Note each move of a lead while leadforge simulates."""
    moves: list[Move] = []
    silent = engine.LeadSimState

    class Heard(silent):  # type: ignore[misc, valid-type]
        def advance_stage(self, new_stage: str, day: int) -> None:
            moves.append((self.lead_id, new_stage, day))
            super().advance_stage(new_stage, day)

        def mark_churned(self, day: int) -> None:
            moves.append((self.lead_id, "lost", day))
            super().mark_churned(day)

    engine.LeadSimState = Heard
    try:
        yield moves
    finally:
        engine.LeadSimState = silent


def read_world(folder: Path, *, with_stages: bool) -> Extract:
    """Read a world as `history.sources` does; with the moves between stages where asked.

    Parameters
    ----------
    folder : of `write_world`.
    with_stages : stages of ours become outcomes at their dates, every stage a value of the field
        ``crm_stage``; without, what the bundle itself shows.
    """
    extract = read(folder)
    if not with_stages:
        return extract
    moves = _dated(folder)
    won = extract.tables["outcomes"].frame.loc[lambda frame: frame["stage"] == "won"]
    ours = moves[moves["stage"].isin(STAGES)]
    outcomes = pd.DataFrame(
        {
            "outcome_id": ours["lead_id"] + "-" + ours["day"].astype(str),
            "lead_id": ours["lead_id"],
            "occurred_at": ours["date"],
            "stage": ours["stage"].map(STAGES),
        }
    )
    open_moves = moves[moves["stage"] != "lost"]
    values = pd.DataFrame(
        {
            "entity": "lead",
            "entity_id": open_moves["lead_id"],
            "field": "crm_stage",
            "value": open_moves["stage"],
            "valid_from": open_moves["date"],
        }
    )
    told = {
        "outcomes": RawTable(pd.concat([won, outcomes], ignore_index=True), "moves"),
        "attribute_history": RawTable(values, "moves"),
    }
    return replace(extract, tables={**extract.tables, **told})


def _dated(folder: Path) -> pd.DataFrame:
    moves = pd.read_parquet(folder / "moves.parquet")
    leads = pd.read_parquet(folder / "tables" / "leads.parquet").set_index("lead_id")
    born = pd.to_datetime(moves["lead_id"].map(leads["lead_created_at"]))
    dates = born + pd.to_timedelta(moves["day"], unit="D")
    return moves.assign(date=dates.dt.strftime("%Y-%m-%d"))
