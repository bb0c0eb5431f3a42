"""`smarketing personal`: which fields are marked as personal, and how a mark is taken away."""

from __future__ import annotations

from history.personal import marked, unmark
from pipelines import context
from pipelines.failures import UsageError
from settings import Settings


def run(settings: Settings, *, remove: str | None = None, as_json: bool = False) -> frozenset[str]:
    """Print the marked fields, without one whose mark is to be taken away.

    Parameters
    ----------
    settings : of the installation, whose marks the store keeps.
    remove : ``table.column`` of a field that is not personal after all.
    as_json : print JSON instead of sentences.

    Raises
    ------
    UsageError : the settings mark the field still, or nobody has.
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
    if as_json:
        context.print_json({"personal": sorted(fields), "unmarked": remove})
        return fields
    if remove is not None:
        context.say(f"{remove} is not personal any more: features may be made of it")
    context.say(f"marked as personal: {', '.join(sorted(fields)) or 'no field'}")
    return fields
