import random

import httpx
import pandas as pd

from delivery import deliver, escalate
from delivery.overdue import words
from settings.crm import CrmSettings

NOW = pd.Timestamp("2025-01-01T00:00:00Z").as_unit("us")
ROW = {"lead_id": "a", "turn": 0, "handed_at": "2024-12-28", "due_at": "2024-12-30", "owner": "ann"}


def send(outbox, crm_server, now=NOW):
    crm = CrmSettings(overdue_url=f"{crm_server.url}/hook", overdue_token="secret")
    with httpx.Client(timeout=0.3) as client:
        return deliver(outbox, crm, client, lambda: now, random.Random(1))


def test_each_crossing_is_told_once_whoever_has_it_since(outbox, crm_server):
    assert escalate(outbox, [ROW, {**ROW, "lead_id": "b"}]) == 2
    send(outbox, crm_server)
    assert escalate(outbox, [{**ROW, "owner": "bob"}, ROW]) == 0
    send(outbox, crm_server)
    ((method, path, body, headers),) = crm_server.bodies
    assert (method, path, headers["Authorization"]) == ("POST", "/hook", "Bearer secret")
    assert [each["lead_id"] for each in body["overdue"]] == ["a", "b"]
    assert "2 leads are overdue" in body["text"]
    assert "a (ann)" in body["text"]
    assert escalate(outbox, [{**ROW, "turn": 1}]) == 1
    send(outbox, crm_server)
    assert len(crm_server.bodies) == 2


def test_a_webhook_that_fails_is_told_later(outbox, crm_server):
    crm_server.script.append("500")
    escalate(outbox, [ROW])
    assert send(outbox, crm_server).later == {"overdue": 1}
    assert escalate(outbox, [ROW]) == 0
    assert send(outbox, crm_server, NOW + pd.Timedelta(hours=1)).sent == {"overdue": 1}


def test_the_line_for_people_is_short():
    rows = [{"lead_id": f"L{n}", "owner": ""} for n in range(12)]
    assert words(rows).startswith("12 leads are overdue for a first touch by sales: L0 (nobody), ")
    assert words(rows).endswith("L9 (nobody) and 2 more")
    assert words(rows[:1]).startswith("1 lead is overdue")
