"""The site builds strictly, and fetches nothing from the net when it is opened."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
WIDTHS = {"phone": (390, 844), "desk": (1440, 900)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "true", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text("utf-8")
        loads = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"?([^\"\s>]+)", text)
        assert [each for each in loads if re.match(r"(https?:)?//", each)] == [], page.name


def test_every_page_of_docs_is_in_the_site(site):
    for source in (ROOT / "docs").rglob("*.md"):
        name = source.relative_to(ROOT / "docs")
        built = name.with_name("index.html" if name.stem == "README" else f"{name.stem}.html")
        assert (site / built).is_file(), name


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_and_ask_for_nothing_on_the_net(site, width):
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    wide, high = WIDTHS[width]
    words = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=words)
        page = browser.new_page(viewport={"width": wide, "height": high})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for file in sorted(site.rglob("*.html")):
            page.goto(file.as_uri())
            beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert beyond <= 0, f"{file.name} is {beyond} pixels too wide"
            if "SMARKETING_SCREENSHOTS" in os.environ:
                folder = Path(os.environ["SMARKETING_SCREENSHOTS"])
                page.screenshot(path=folder / f"{file.stem}-{width}.png")
        browser.close()
    assert [each for each in asked if not each.startswith(("file:", "data:", "blob:"))] == []
