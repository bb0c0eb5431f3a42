"""The pages for both teams, as the service shows them and as the report saves them.

They live here, below both, since the service and the command line do not import each other.
"""

from alignment.pages.render import Links, render, saved_links, served_links

__all__ = ["Links", "render", "saved_links", "served_links"]
