"""The revisions of the store's tables, run by Alembic: one file each in `versions`.

A revision says in full what it does, and takes nothing from `history.schema`, which goes on
changing. `history.upgrading` runs them; a new store is made without them.
"""
