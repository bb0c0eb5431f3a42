"""From what a page shows to HTML: one file, escaped, in need of nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from alignment.pages.parts import numeric

PAGES = (
    ("today", "Today"),
    ("drivers", "What drives conversion"),
    ("funnel", "Funnel"),
    ("goals", "Goals"),
    ("model", "Model"),
    ("health", "Health"),
)
_CODE = re.compile("`([^`]+)`")


def typed(text: str) -> Markup:
    """Return a message in which what is to be typed stands out."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  escaped


_templates = Environment(
    loader=PackageLoader("alignment.pages", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(numeric=numeric, typed=typed)


@dataclass(frozen=True)
class Links:
    """Where pages are, and whether anybody can write there.

    Parameters
    ----------
    page : the address of a page by name, with query parameters.
    lead : the address of a lead's page by its id; empty where it has none.
    live : whether forms are answered.
    """

    page: Callable[..., str]
    lead: Callable[[str], str]
    live: bool


def served_links(prefix: str = "/pages") -> Links:
    """Return the addresses that the service answers."""

    def page(name: str, **query: Any) -> str:
        told = {key: value for key, value in query.items() if value not in ("", None)}
        path = "/" if name == "today" else f"{prefix}/{name}"
        return f"{path}?{urlencode(told)}" if told else path

    return Links(page, lambda lead_id: f"{prefix}/lead/{quote(lead_id, safe='')}", live=True)


def render_alone(name: str, data: Mapping[str, Any]) -> str:
    """Render a page that stands by itself, without the way to the others."""
    return _templates.get_template(f"{name}.html").render(
        data, page=name, pages=(), links=saved_links({}), foot=""
    )


def saved_links(leads: Mapping[str, str]) -> Links:
    """Return the names of the files that a report saves.

    Parameters
    ----------
    leads : file by lead id; leads without a file are not linked.
    """

    def page(name: str, **_query: Any) -> str:
        return "index.html" if name == "today" else f"{name}.html"

    return Links(page, lambda lead_id: leads.get(lead_id, ""), live=False)


def render(name: str, data: Mapping[str, Any], links: Links, *, foot: str = "") -> str:
    """Render a page.

    Parameters
    ----------
    name : of the page: today, lead, drivers, funnel, goals, model, health or notice.
    data : what it shows.
    links : where the other pages are.
    foot : one line at the end of the page: as of when, with which model.
    """
    template = _templates.get_template(f"{name}.html")
    return template.render(data, page=name, pages=PAGES, links=links, foot=foot)
