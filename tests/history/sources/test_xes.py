"""XES logs: what is read of them, and what is refused."""

from __future__ import annotations

import gzip

import pytest

from history import SourceError
from history.sources.xes import find_log, read_cases

LOG = """<?xml version="1.0"?><log xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<global scope="event"><string key="concept:name" value="no event"/></global>
<string key="concept:name" value="the log"/>
<trace><string key="concept:name" value="1"/><event><string key="concept:name" value="A"/></event>
<event><string key="concept:name" value="B"/><int key="cost" value="3"/></event></trace>
<trace><string key="concept:name" value="2"/></trace>
</log>"""


def test_cases_have_their_attributes_and_events_in_order(tmp_path):
    (tmp_path / "log.xes").write_text(LOG)
    first, second = read_cases(tmp_path / "log.xes")
    assert first.attributes == {"concept:name": "1"}
    assert first.events == [{"concept:name": "A"}, {"concept:name": "B", "cost": "3"}]
    assert (second.attributes, second.events) == ({"concept:name": "2"}, [])


def test_a_packed_log_reads_as_the_plain_one(tmp_path):
    (tmp_path / "log.xes").write_text(LOG)
    (tmp_path / "log.xes.gz").write_bytes(gzip.compress(LOG.encode()))
    plain, packed = (list(read_cases(tmp_path / name)) for name in ("log.xes", "log.xes.gz"))
    assert plain == packed


def test_a_folder_stands_for_its_only_log(tmp_path):
    assert find_log(str(tmp_path)) is None
    (tmp_path / "one.xes").write_text(LOG)
    assert find_log(str(tmp_path)) == tmp_path / "one.xes"
    (tmp_path / "two.xes.gz").write_bytes(gzip.compress(LOG.encode()))
    assert find_log(str(tmp_path)) is None
    assert find_log(str(tmp_path / "two.xes.gz")) == tmp_path / "two.xes.gz"


def scrambled(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(255 - byte for byte in content[middle:-8]) + content[-8:]


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip at all",
        gzip.compress(LOG.encode())[:-40],
        scrambled(gzip.compress(LOG.encode())),
        gzip.compress(b""),
        gzip.compress(b"<log><trace>"),
        gzip.compress(b'<!DOCTYPE x [<!ENTITY a "aaaa">]><log>&a;</log>'),
    ],
    ids=["not gzip", "truncated", "scrambled", "empty", "not closed", "entities"],
)
def test_a_damaged_or_hostile_log_is_refused(tmp_path, content):
    file = tmp_path / "log.xes.gz"
    file.write_bytes(content)
    with pytest.raises(SourceError, match=r"log\.xes\.gz: not a readable XES log"):
        list(read_cases(file))
