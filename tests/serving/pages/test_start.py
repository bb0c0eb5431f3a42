def test_the_start_page_lists_the_best_leads_with_reasons(client):
    page = client.get("/").text
    best = client.get("/queue?limit=1").json()["leads"][0]
    assert best["lead_id"] in page
    assert "points" in page
    assert 'href="leads/' in page


def test_the_start_page_needs_nothing_from_elsewhere(client):
    page = client.get("/").text
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page


def test_what_callers_send_is_escaped(fresh):
    lead = {"lead_id": "<script>alert(1)</script>", "created_at": "2025-06-01T00:00:00Z"}
    assert fresh.post("/leads", json=[lead]).json()["accepted"] == 1
    page = fresh.get("/").text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
