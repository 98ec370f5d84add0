"""A page opened in a real browser: headless Chromium, from disk, with no network."""

import os
import shutil

import pytest

from experiments.tests.pages.report.made_up import claim, page, run

HOW = (
    "a browser is needed: install Chromium (Debian: apt-get install chromium; or set "
    "HEADCLAIMS_CHROMIUM to its path) and pip install -e '.[browser]'"
)


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("HEADCLAIMS_CHROMIUM") or next(filter(None, map(shutil.which, names)), "")
    sync_api = pytest.importorskip("playwright.sync_api", reason=HOW)
    if not path:
        pytest.skip(HOW)
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path)
        yield launched
        launched.close()


@pytest.fixture
def opened(browser):
    """Opens a file at a view: its page. What its console says against it fails the test."""
    contexts, problems = [], []

    def open_page(path, view="claims", *, width=1200, dark=False):
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            offline=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda message: problems.append(message.text) if message.type == "error" else None,
        )
        page.goto(f"{path.as_uri()}#{view}")
        shown(page, view)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def report(tmp_path):
    """Writes a page, and gives its path."""

    def write(*runs, found=None):
        path = tmp_path / "report.html"
        made = runs or (run(claim(), claim("A3", verdict="NOT_REPRODUCED", study="other")),)
        path.write_text(page(*made, found=found), encoding="utf-8")
        return path

    return write


def shown(page, view):
    """Waits until a view is there."""
    page.locator(f'body[data-shown="#{view}"]').wait_for()
