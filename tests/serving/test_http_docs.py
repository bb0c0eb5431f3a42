"""The examples of docs/http.md, run as they stand."""

import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from playwright._impl._driver import compute_driver_executable

from history.keys import create_key
from serving.app import create_app
from serving.openapi import openapi_document
from tests.serving.running import running


@pytest.fixture
def page(root):
    return (root / "docs" / "http.md").read_text("utf-8")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def environment(empty_desk):
    key, _ = create_key(empty_desk.store, "admin", "", pd.Timestamp("2025-01-01", tz="UTC"))
    with running(create_app(empty_desk)) as address:
        yield {**os.environ, "SMARKETING": address, "KEY": key}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_curl_examples_run(page, environment):
    _, *examples = blocks(page, "sh")
    script = "set -e\n" + "\necho\n".join(examples)
    done = subprocess.run(  # noqa: PLW1510  the code is looked at
        ["bash", "-c", script], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"ok"' in done.stdout
    assert '"ready":true' in done.stdout


def test_the_python_examples_run(page, environment, tmp_path):
    script = tmp_path / "examples.py"
    script.write_text("\n".join(blocks(page, "python")))
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_javascript_examples_run(page, environment, tmp_path):
    node, _ = compute_driver_executable()  # the Node.js that comes with Playwright
    script = tmp_path / "examples.mjs"
    script.write_text("\n".join(blocks(page, "js")))
    done = subprocess.run(
        [node, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_example_is_of_an_action_in_all_three_languages(page):
    paths = openapi_document(1000)["paths"]
    known = {action["operationId"] for each in paths.values() for action in each.values()}
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    named = {section.split("\n", 1)[0]: section for section in sections}
    assert {"scoreLeads", "writeEngagements", "readLead"} <= set(named) & known
    for name in set(named) & known:
        assert all(len(blocks(named[name], each)) == 1 for each in ("sh", "python", "js")), name
