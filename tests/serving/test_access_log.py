import io
import json

import pytest

from serving.access_log import AccessLog, Visit


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_holds_the_template_and_nothing_of_anybody():
    stream = io.StringIO()
    log = AccessLog(stream, 1.0)
    log.note(Visit("GET", "/leads/{lead_id}", "ab12", "sales", 200, 0.00123))
    log.close()
    (line,) = lines(stream)
    assert line | {"at": ""} == {
        "at": "",
        "method": "GET",
        "route": "/leads/{lead_id}",
        "status": 200,
        "ms": 1.23,
        "key": "ab12",
        "role": "sales",
    }


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.0, 0, 0), (0.25, 150, 350), (1.0, 1000, 1000)]
)
def test_a_share_of_the_requests_is_written_and_every_error(share, least, most):
    stream = io.StringIO()
    log = AccessLog(stream, share)
    for _ in range(1000):
        log.note(Visit("GET", "/queue", status=200))
    log.note(Visit("GET", "/queue", status=503))
    log.close()
    written = [line["status"] for line in lines(stream)]
    assert least <= written.count(200) <= most
    assert written.count(503) == 1


def test_closing_twice_is_no_mistake():
    log = AccessLog(io.StringIO(), 1.0)
    log.note(Visit("GET", "/queue", status=200))
    log.close()
    log.close()
