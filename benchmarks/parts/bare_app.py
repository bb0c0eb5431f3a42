"""The floor: an application that does nothing but read a body and call the model."""

from __future__ import annotations

import os

import numpy as np
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from models import ConversionModel

MODEL = ConversionModel.load(os.environ["BENCH_MODEL"])
PLACES = {
    str(feature.column): place
    for place, feature in enumerate(MODEL.features)
    if feature.source == "lead"
}


async def score(request: Request) -> Response:
    """Score one lead from its attributes."""
    lead = orjson.loads(await request.body())["leads"][0]
    row = np.full((1, len(MODEL.features)), np.nan)
    for name, value in lead["attributes"].items():
        row[0, PLACES[name]] = value
    chances = MODEL.probabilities_of(row)[0].tolist()
    return Response(orjson.dumps({"probabilities": chances}), media_type="application/json")


async def ready(_request: Request) -> Response:
    """Say that the model is loaded."""
    return Response(b"{}")


app = Starlette(routes=[Route("/score", score, methods=["POST"]), Route("/ready", ready)])
