"""Chromium of this machine, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from deploy_tools.errors import DeploymentError

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium or Chrome.

    Playwright runs an event loop on this thread until the block ends, so that `asyncio.run` cannot be called inside of it.

    Raises:
        DeploymentError: There is no Chromium on the PATH.
    """
    path = next((path for name in NAMES if (path := shutil.which(name)) is not None), None)
    if path is None:
        raise DeploymentError(f"no browser on the PATH ({', '.join(NAMES)}); install Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()
