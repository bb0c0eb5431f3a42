"""The pages for both teams: server-rendered, self-contained, escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from serving.desk import Desk

_SHOWN = 20
_templates = Environment(
    loader=PackageLoader("serving.pages", "templates"), autoescape=True, undefined=StrictUndefined
)


def start(desk: Desk) -> str:
    """Render the start page: the top of the queue, or why there is none yet."""
    about = desk.about()
    queue: dict[str, Any] = {"open_leads": 0, "leads": []}
    problem = about["message"]
    if about["ready"]:
        problem = about["problem"]
        try:
            queue = desk.queue(_SHOWN)
            problem = problem or queue["message"]
        except ValueError as error:
            problem = str(error)
    return _templates.get_template("start.html").render(about=about, queue=queue, problem=problem)
