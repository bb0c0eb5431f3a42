"""The model that serves, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from alignment.facts import Facts
from models import ConversionModel


@dataclass(frozen=True, eq=False)
class Champion:
    """The model that serves.

    Parameters
    ----------
    model : loaded and checked.
    version : its version in the registry.
    """

    model: ConversionModel
    version: str


class ChampionSource(Protocol):
    """Finds the champion."""

    def version(self) -> str:
        """Return the version that should serve now.

        Raises
        ------
        ModelError : there is no champion.
        """

    def load(self) -> Champion:
        """Load the champion.

        Raises
        ------
        ModelError : there is no champion, or it is damaged.
        """

    def challenger(self) -> str:
        """Return the version that scores in the shadow; empty where there is none."""

    def load_challenger(self) -> Champion:
        """Load the challenger.

        Raises
        ------
        ModelError : there is none, or it is damaged.
        """

    def facts(self, version: str) -> Facts:
        """Return what is known of a version beside the model itself."""
