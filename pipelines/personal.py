"""`smarketing personal`: which fields are marked, unmarking one, and what was logged before."""

from __future__ import annotations

from collections.abc import Collection

from features.attributes import field_of
from history import Store
from history.personal import marked, unmark
from history.scrubbing import scrub
from models.registry import Registry
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings


def run(
    settings: Settings,
    *,
    remove: str | None = None,
    clean: bool = False,
    as_json: bool = False,
) -> frozenset[str]:
    """Print the marked fields, without one whose mark is to be taken away.

    Parameters
    ----------
    settings : of the installation, whose marks the store keeps.
    remove : ``table.column`` of a field that is not personal after all.
    clean : take the values that were logged before the mark out of score log and hand-offs.
    as_json : print JSON instead of sentences.

    Raises
    ------
    UsageError : the settings mark the field still, or nobody has.
    ModelError : `clean` finds a version that cannot be read, so that its features are unknown.
    """
    store = context.store_of(settings)
    if remove in settings.history.personal:
        raise UsageError(
            f"{remove}: [history] personal names it still, and would mark it again: "
            "take it out of the settings first"
        )
    if remove is not None:
        with store.writing() as connection:
            had = unmark(connection, remove)
        if not had:
            raise UsageError(f"{remove}: the field is not marked as personal")
    with store.reading() as connection:
        fields = marked(connection)
    cleaned = _cleaned(settings, store, fields) if clean else None
    if as_json:
        told = {"personal": sorted(fields), "unmarked": remove, "scrubbed": cleaned}
        context.print_json({**told, "at": context.now().isoformat()})
        return fields
    if remove is not None:
        context.say(f"{remove} is not personal any more: features may be made of it")
    context.say(f"marked as personal: {', '.join(sorted(fields)) or 'no field'}")
    if cleaned is not None:
        context.say(f"values taken out of {context.plural(cleaned)}; the scores stay")
    return fields


def _cleaned(settings: Settings, store: Store, fields: Collection[str]) -> dict[str, int]:
    """Scrub the logs of what any registered version made of the fields."""
    registry = Registry.of(settings.tracking)
    models = (registry.load(version) for version in registry.versions())
    named = {f.name for model in models for f in model.features if field_of(f) in fields}
    with context.working("taking logged values out"):
        return scrub(store, named)
