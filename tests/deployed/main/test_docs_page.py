"""The documentation page of the deployed API in Chromium: it loads nothing from elsewhere, and calls with a bearer token."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.support.browser import PATIENCE_MS
from tests.support.deployment import Deployed


def test_a_route_is_called_with_a_bearer_token(page: Page, deployed: Deployed) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{deployed.invoke_url}/docs")
    expect(page.get_by_role("heading", name="aiOrchestratorApi")).to_be_visible(timeout=PATIENCE_MS)
    assert page.title() == "aiOrchestratorApi"
    token = deployed.callers.headers("user", "GET", deployed.invoke_url, None)["Authorization"]
    route = page.locator("#operations-language-language_analysis")
    route.locator(".authorization__btn").click()
    page.get_by_label("auth-bearer-value").fill(token.removeprefix("Bearer "))
    page.get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux .close-modal").click()
    route.locator(".opblock-summary-control").click()
    route.get_by_role("button", name="Execute").click()
    expect(route.locator(".live-responses-table")).to_contain_text("POSITIVE", timeout=PATIENCE_MS)
    assert hosts == {urlsplit(deployed.invoke_url).netloc}
