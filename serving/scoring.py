"""`POST /score`: the body in, the answer out, as close to the server as can be.

It is an ASGI application of its own, for a request object, a response object and the wrapping of
an endpoint together take as long as reading and answering.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from history.errors import NotInPlaceError
from serving import reading
from serving.contract import LeadScore, LeadToScore, ScoreRequest
from serving.desk import Desk
from serving.errors import RequestError
from serving.turns import Turns

_FEW_LEADS, _FEW_BYTES = 2, 32_768
_A_PASS = 4
"""Requests that are scored in one pass of the loop, a millisecond or so each."""


class ScoreEndpoint:
    """Scores the leads of a request.

    Small requests are scored where they arrive: handing one to a thread and back takes longer.

    Parameters
    ----------
    desk : holds the champion.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turns = Turns(_A_PASS)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        desk = self._desk
        body = await reading.whole_body(receive)
        wanted = reading.parsed(ScoreRequest, reading.loaded(body))
        limit = desk.settings.serving.max_leads
        if len(wanted.leads) > limit:
            raise RequestError(
                413, f"leads: at most {limit} in one request (got {len(wanted.leads)})"
            )
        top = wanted.top_reasons
        top = desk.settings.serving.default_reasons if top is None else top
        scores = None
        if len(wanted.leads) <= _FEW_LEADS and len(body) <= _FEW_BYTES:
            await self._turns.wait()
            with suppress(NotInPlaceError):
                scores = scores_of(desk, wanted.leads, top, in_place=True)
        if scores is None:
            scores = await asyncio.to_thread(scores_of, desk, wanted.leads, top)
        content = orjson.dumps({"scores": scores})
        length = str(len(content)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def scores_of(
    desk: Desk, leads: list[Any], top_reasons: int, *, in_place: bool = False
) -> list[LeadScore]:
    """Score leads as they came; one that breaks the contract is told so in its own answer.

    Parameters
    ----------
    desk : holds the champion.
    leads : one JSON value each.
    top_reasons : reasons per lead.
    in_place : score only if that takes no longer than an event loop may wait.

    Raises
    ------
    NotReadyError : there is no champion.
    StoreError : the history cannot be read.
    NotInPlaceError : it cannot be read in place.
    """
    scorer = desk.scorer
    answers: dict[int, LeadScore] = {}
    understood: list[tuple[int, LeadToScore]] = []
    for place, raw in enumerate(leads):
        try:
            understood.append((place, LeadToScore.model_validate(raw)))
        except ValidationError as error:
            named = raw.get("lead_id") if isinstance(raw, dict) else None
            lead_id = named[:500] if isinstance(named, str) else ""
            message = f"leads.{place}: {reading.sentence(error)}"
            answers[place] = scorer.answers.refusal(lead_id, "", "invalid", message)
    answers.update(scorer.score(understood, top_reasons, desk.moment(), in_place=in_place))
    return [answers[place] for place in range(len(leads))]
