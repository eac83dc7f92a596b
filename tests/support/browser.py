"""Pages in Chromium, for the tests of one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from deploy_tools.errors import DeploymentError
from tests.support.deployment import Deployed
from tools.browser import chromium

PATIENCE_MS: Final = 60_000
"""How long a cold start may take on a busy machine."""


@pytest.fixture(scope="module")
def browser(deployed: Deployed) -> Iterator[Browser]:
    try:
        with chromium() as started:
            yield started
    except DeploymentError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 860})
    opened.set_default_timeout(PATIENCE_MS)
    yield opened
    opened.close()


@pytest.fixture
def page(
    context: BrowserContext, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """A page, which may not log an error; a picture of its end is kept with the other files of the test run."""
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "console",
        lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield opened
    name = re.sub(r"\W+", "-", request.node.name)
    opened.screenshot(path=tmp_path_factory.getbasetemp() / f"console-{name}.png")
    assert problems == []
