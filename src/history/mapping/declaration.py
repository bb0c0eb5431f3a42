"""What a mapping may say, and its first check: words that mean nothing are refused by name."""

from __future__ import annotations

import difflib
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from history.errors import SourceError
from history.tables import TABLES
from settings.settings import SettingsError, check_zone


class MappingError(SourceError):
    """A mapping cannot be used; the message says which entry, why, and what to write instead."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Cell(_Part):
    """How one canonical column is made.

    Parameters
    ----------
    column : the source columns; the first that holds something counts. ``table.column`` names a
        column of a joined table.
    value : the same for every row.
    template : text with ``{column}`` in it, for ids made of several columns.
    latest : of these times, the latest.
    map : from the source's word (in any case) to ours.
    default : what a word outside `map` becomes; without it such a row gets nothing here.
    number : read money and numbers in any notation: signs, thousands, decimal commas, K and M.
    factor : by which a number is multiplied, as 60 for minutes.
    """

    column: tuple[str, ...] = ()
    value: str | None = None
    template: str | None = None
    latest: tuple[str, ...] = ()
    map: dict[str, str] = Field(default_factory=dict)
    default: str | None = None
    number: bool = False
    factor: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        """Accept ``"column"`` and ``["first", "else"]`` for the commonest case."""
        if isinstance(given, str):
            return {"column": (given,)}
        if isinstance(given, list):
            return {"column": tuple(given)}
        if isinstance(given, dict) and isinstance(given.get("column"), str):
            return {**given, "column": (given["column"],)}
        return given

    @model_validator(mode="after")
    def _one_way(self) -> Cell:
        ways = [bool(self.column), self.value is not None, bool(self.template), bool(self.latest)]
        if sum(ways) != 1:
            raise ValueError("give exactly one of column, value, template and latest")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns that it names outright."""
        return (*self.column, *self.latest)

    @property
    def named(self) -> tuple[str, ...]:
        """All source columns that it names, those of a template too."""
        return (*self.sources, *re.findall(r"{([^{}]+)}", self.template or ""))


class Join(_Part):
    """A further table whose columns a rule uses.

    Parameters
    ----------
    table : its name.
    on : from a column of the rule (or of an earlier join, ``table.column``) to one of its own.
    many : whether several of its rows may belong to one; otherwise a key that occurs twice is
        ambiguous and joins nothing.
    where : as in a rule.
    optional : whether the source may lack the table.
    """

    table: str
    on: dict[str, str] = Field(min_length=1)
    many: bool = False
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    optional: bool = False


class Rule(_Part):
    """How rows of one source table become rows of one canonical table.

    Parameters
    ----------
    into : the canonical table.
    from_ : the source table.
    join : further tables.
    where : only rows with one of these words in a column (in any case).
    unless : no rows with one of these words in a column.
    columns : how each canonical column is made.
    fixed : columns of leads or accounts that never change after creation: attributes. All others
        that are neither personal nor hindsight are kept as current-only.
    needs : columns that the table must have for the rule to be meant, where tables of one name come
        in several shapes.
    optional : whether the source may lack the table; a rule that no vendor's mapping has must say
        so itself.
    wide : rows are versions of whole records; into the attribute history goes each field that
        changed from one to the next.
    truth : what the choice of times means, in words for the dry run.
    """

    into: str
    from_: str = Field(alias="from")
    join: tuple[Join, ...] = ()
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    unless: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    columns: dict[str, Cell]
    fixed: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    optional: bool = True
    wide: bool = False
    truth: str = ""

    @model_validator(mode="after")
    def _canonical(self) -> Rule:
        if self.into not in TABLES:
            raise ValueError(f"into: expected one of {', '.join(TABLES)} (got {self.into!r})")
        table = TABLES[self.into]
        for name in self.columns:
            if name not in table.names and not table.attributes:
                near = difflib.get_close_matches(name, table.names, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"columns: {self.into} has no column {name!r}{hint}")
        missing = [name for name in table.required if name not in self.columns]
        if missing:
            raise ValueError(f"columns: {self.into} needs {missing[0]!r}, which is not mapped")
        return self


class Merge(_Part):
    """A table that says which leads were merged into which.

    Parameters
    ----------
    from_ : the source table.
    old : the column with the lead that is no more; several ids may stand in it.
    new : the column with the lead that it was merged into.
    where : as in a rule.
    """

    from_: str = Field(alias="from")
    old: str
    new: str
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Deletion(_Part):
    """A table whose rows name deleted leads.

    Parameters
    ----------
    from_ : the source table.
    lead : the column with the lead.
    where : as in a rule.
    """

    from_: str = Field(alias="from")
    lead: str
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Mapping(_Part):
    """How a foreign source becomes a history.

    Parameters
    ----------
    name, title : what it is called, short and in full.
    signature : tables, each with columns, by which such a source is recognised.
    affixes : what may stand before or after the names of tables.
    timezone : the zone of times that carry none, where the source fixes it.
    assumed_timezone : that zone where it is usual but not sure: ``--timezone`` wins.
    time_formats : strptime formats of times that are not ISO 8601.
    decimal : the decimal mark where a column does not show it.
    placeholders : words that stand for nothing, as "Select".
    cursor : the column that tells when a row was last synced, for reading only what is new.
    deleted : columns that mark a deleted row.
    hindsight : columns of leads and accounts that hold the outcome, with * and ?: never read.
    personal : columns with names and addresses of people: never read.
    merges, deletions : leads that are no more.
    rules : what is read.
    unused : tables that are not read, with the reason.
    loose : whether rows may speak of none of the leads, as in a sample of unrelated rows.
    """

    name: str
    title: str = ""
    signature: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    affixes: tuple[str, ...] = ()
    timezone: str | None = None
    assumed_timezone: str | None = None
    time_formats: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    placeholders: tuple[str, ...] = ()
    cursor: str | None = None
    deleted: tuple[str, ...] = ()
    hindsight: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    merges: tuple[Merge, ...] = ()
    deletions: tuple[Deletion, ...] = ()
    rules: tuple[Rule, ...] = Field(min_length=1)
    unused: dict[str, str] = Field(default_factory=dict)
    loose: bool = False

    @field_validator("timezone", "assumed_timezone")
    @classmethod
    def _zone(cls, name: str | None) -> str | None:
        try:
            return check_zone(name)
        except SettingsError as error:  # which pydantic tells of with the entry's name
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _has_leads(self) -> Mapping:
        if not any(rule.into == "leads" for rule in self.rules):
            raise ValueError("rules: none makes leads; a history needs them")
        return self


def parse_mapping(data: dict[str, Any], origin: str) -> Mapping:
    """Read a mapping.

    Parameters
    ----------
    data : as TOML gives it.
    origin : the file or section, for messages.

    Raises
    ------
    MappingError : an entry is unknown, missing or makes no sense.
    """
    try:
        return Mapping.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        said = str(first["msg"]).removeprefix("Value error, ")
        raise MappingError(f"{origin}: {where or 'mapping'}: {said}") from error
