"""Models that were trained before a field was marked as personal: what they use, what to do."""

from __future__ import annotations

from collections.abc import Collection

from features.attributes import field_of
from models.conversion import ConversionModel
from models.errors import ModelError


def personal_fields(model: ConversionModel, marked: Collection[str]) -> tuple[str, ...]:
    """Return the fields that a model uses and that are marked as personal, as ``table.column``."""
    used = {field_of(feature) for feature in model.features}
    return tuple(sorted(each for each in marked if each in used))


def outdated(model: ConversionModel, version: str, marked: Collection[str]) -> str:
    """Say that a model which serves uses personal fields; nothing where it uses none."""
    fields = personal_fields(model, marked)
    if not fields:
        return ""
    return (
        f"version {version} uses {', '.join(fields)}, marked as personal since: the values are "
        "kept from it, and count as missing; train anew with: smarketing retrain"
    )


def refuse_personal(model: ConversionModel, version: str, marked: Collection[str]) -> None:
    """Refuse a version that is to be promoted and uses personal fields.

    Raises
    ------
    ModelError : with what to do about it.
    """
    fields = personal_fields(model, marked)
    if fields:
        raise ModelError(
            f"version {version} uses {', '.join(fields)}, which is marked as personal, and cannot "
            "be promoted: train one without it with: smarketing train; or, if nobody can be told "
            f"by it, take the mark away with: smarketing personal --unmark {fields[0]}"
        )
