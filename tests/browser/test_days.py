"""A real browser at a real service: a rep's morning, a marketer's review, the goals change."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from history import Sample, open_store, sample_company
from history.history import History
from history.keys import create_key, revoke_key
from tests.serving.conftest import fill
from tests.serving.installation import Installation

pytestmark = pytest.mark.slow
PATHS = ["/", "/pages/drivers", "/pages/funnel", "/pages/goals", "/pages/model", "/pages/health"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PICTURES = os.environ.get("SMARKETING_SCREENSHOTS", "")
"""Folder for the documentation's pictures, of a larger company; none are kept without it."""
WIDTHS = {"phone": (390, 844), "desk": (1440, 900)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    words = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=words)
        yield browser
        browser.close()


def as_of_today(history: History) -> History:
    """Move a history so that it ends now: a queue of last year's leads would be overdue."""
    shift = pd.Timestamp.now("UTC").as_unit("us").floor("h") - history.observed_until
    moved = {}
    for name, frame in history.frames().items():
        times = [each for each in frame if isinstance(frame[each].dtype, pd.DatetimeTZDtype)]
        moved[name] = frame.assign(**{each: frame[each] + shift for each in times})
    return History.from_frames(moved, observed_until=history.observed_until + shift)


@pytest.fixture(scope="module")
def installed(
    small_company: Sample, tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> Iterator[Installation]:
    drawn = sample_company(5_000, seed=7) if PICTURES else small_company
    history = as_of_today(drawn.history)
    installation = Installation(tmp_path_factory.mktemp("installation"))
    planted = '[history]\ncurrent_only = ["leads.crm_status"]\n'
    (installation.folder / "smarketing.toml").write_text(planted)
    fill(f"sqlite:///{installation.folder}/history.db", history)
    for words in (["train", "--trials", "4"], ["promote", "--why", "the first model"]):
        done = installation.run("-m", "pipelines.cli", *words)
        assert done.returncode == 0, done.stderr
    installation.start("-m", "serving.launch", "--port", str(installation.port))
    installation.wait_for(lambda: installation.get("/readyz").status_code == 200, 180)
    installation.wait_for(lambda: 'ol class="queue"' in installation.get("/").text, 180)
    yield installation
    installation.close()


@pytest.fixture(scope="module")
def service(installed: Installation) -> str:
    return f"http://127.0.0.1:{installed.port}"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    yield page
    context.close()
    told = [each for each in problems if not any(code in each for code in ("401", "409"))]
    assert told == []


def picture(page: Page, name: str) -> None:
    """Keep a picture for the documentation, where somebody asked for it."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def test_a_reps_morning(page, service, browser):
    page.goto(service)
    cards = page.locator("ol.queue > li")
    first = cards.nth(0).locator("h2").inner_text()
    second = cards.nth(1).locator("h2").inner_text()
    assert len(cards.nth(0).locator("ul li").all()) >= 1
    expect(cards.nth(0).locator("ul")).to_contain_text("points")
    picture(page, "today")
    page.get_by_role("link", name=first, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(first)
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    picture(page, "lead")
    colleague = browser.new_context().new_page()
    colleague.goto(service)
    page.goto(service)
    page.get_by_role("button", name=f"Accept {first}").click()
    expect(page.get_by_role("status").first).to_contain_text(f"{first} is accepted")
    page.get_by_label(f"Why not {second}").select_option("wrong_fit")
    page.get_by_role("button", name=f"Send {second} back").click()
    expect(page.get_by_role("status").first).to_contain_text(f"{second} is rejected: wrong fit")
    assert page.get_by_role("link", name=second, exact=True).count() == 0
    page.goto(f"{service}/pages/lead/{second}")
    expect(page.locator("ol.time")).to_contain_text("rejected")
    expect(page.locator("ol.time")).to_contain_text("wrong fit")
    colleague.get_by_role("button", name=f"Accept {first}").click()
    expect(colleague.get_by_role("status").first).to_contain_text("was accepted by")
    colleague.context.close()


def test_the_queue_is_worked_by_keyboard_alone(page, service):
    page.goto(service)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    accept = page.get_by_role("button", name=re.compile("^Accept ")).first
    words = accept.get_attribute("aria-label") or ""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.locator(":focus").get_attribute("aria-label") == words:
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text(words.removeprefix("Accept "))


def test_a_marketers_review(page, service):
    page.goto(f"{service}/pages/drivers")
    expect(page.locator(".notice")).to_contain_text("association")
    chosen = page.get_by_label("Only leads with").locator("optgroup[label=campaign] option").first
    value = chosen.get_attribute("value") or ""
    page.get_by_label("Only leads with").select_option(value)
    page.get_by_role("button", name="Show").click()
    shown = f"with campaign {value.partition('=')[2]}"
    expect(page.locator("main")).to_contain_text(shown, timeout=30_000)  # it looks again by itself
    with page.expect_download() as numbers:
        page.locator("#drivers").get_by_role("link", name="Save the numbers").click()
    text = Path(numbers.value.path()).read_text("utf-8")
    assert text.startswith("feature,group,share of all movement")
    assert len(text.splitlines()) > 5
    with page.expect_download() as drawn:
        page.locator("#drivers").get_by_role("link", name="Save the picture").click()
    assert Path(drawn.value.path()).read_text("utf-8").startswith("<svg")
    picture(page, "drivers")
    page.goto(f"{service}/pages/funnel")
    page.locator("select[name=by]").select_option("segment")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("table caption", has_text="By segment")).to_be_visible()
    picture(page, "funnel")


def test_the_goals_are_changed(page, service):
    page.goto(f"{service}/pages/goals?cut=5")
    expect(page.locator("main")).to_contain_text("Nobody has agreed to goals yet")
    expect(page.locator("table", has_text="to try")).to_be_visible()
    page.get_by_label("Wins a quarter").fill("25")
    page.get_by_label("Who you are").last.fill("Ann of sales, Ben of marketing")
    page.get_by_label("Why", exact=True).fill("a plan for the year")
    page.get_by_role("button", name="Agree").click()
    expect(page.get_by_role("status").first).to_contain_text("Version 1")
    expect(page.locator("main")).to_contain_text("Ann of sales, Ben of marketing")
    picture(page, "goals")


def test_a_leader_reads_how_right_the_model_has_been(page, service):
    page.goto(f"{service}/pages/model")
    expect(page.get_by_role("heading", name="In plain words")).to_be_visible()
    expect(page.locator("main")).to_contain_text("times out of 100")
    expect(page.get_by_role("img", name="How many wins does each order")).to_be_visible()
    page.get_by_text("Every part, promised and won").click()
    expect(page.locator("table", has_text="than promised")).to_contain_text("age of the lead")
    picture(page, "model")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(browser, service, width, scheme):
    wide, high = WIDTHS[width]
    context = browser.new_context(viewport={"width": wide, "height": high}, color_scheme=scheme)
    page = context.new_page()
    page.goto(service)
    lead = page.locator("ol.queue h2 a").first.get_attribute("href")
    for path in [
        *PATHS,
        str(lead),
        "/pages/lead/nobody",
        "/?show=overdue&campaign=none",
        "/signin",
    ]:
        page.goto(f"{service}{path}")
        beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert beyond <= 0, f"{path} is {beyond} pixels too wide at {wide}"
        options = {"runOnly": {"type": "tag", "values": RULES}}
        found = Axe().run(page, options=options).response["violations"]
        told = [(each["id"], each["nodes"][0]["html"][:200]) for each in found]
        assert told == [], f"{path} at {wide} in {scheme}"
        name = "today" if path == "/" else path.rsplit("/", 1)[-1]
        if width == "phone" and path in ("/", "/pages/goals"):
            picture(page, f"{name}-phone-{scheme}")
    context.close()


def test_somebody_signs_in_and_out_again(service, installed, page):
    """The last test here: from the first key on, every request needs one."""
    store = open_store(f"sqlite:///{installed.folder}/history.db")
    key, made = create_key(store, "sales", "Ann", pd.Timestamp.now("UTC"))
    installed.wait_for(lambda: installed.get("/queue").status_code == 401, 30)
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status))
    page.goto(f"{service}/pages/goals")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=30_000)
    page.get_by_label("API key").fill("not a key")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("This key is not known, or was revoked.")
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    expect(page).to_have_title("Today - smarketing", timeout=30_000)
    page.get_by_role("link", name="Goals", exact=True).click()
    out = page.get_by_role("button", name="Sign out")
    expect(out).to_be_visible()
    options = {"runOnly": {"type": "tag", "values": RULES}}
    assert Axe().run(page, options=options).response["violations"] == []
    out.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=30_000)
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)
    assert page.context.cookies() == []
    page.goto(service)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=30_000)
    page.get_by_label("API key").fill(key)
    page.keyboard.press("Enter")
    expect(page).to_have_title("Today - smarketing", timeout=30_000)
    revoke_key(store, made.key_id, pd.Timestamp.now("UTC"))
    other = create_key(store, "sales", "Ben", pd.Timestamp.now("UTC"))[0]
    headers = {"X-API-Key": key}
    url = f"{service}/queue"
    installed.wait_for(lambda: httpx.get(url, headers=headers).status_code == 401, 30)
    assert httpx.get(url, headers={"X-API-Key": other}).status_code == 200
    page.goto(service)  # a key that holds no more
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=30_000)
    store.close()
    assert set(answers) <= {200, 303, 401}
