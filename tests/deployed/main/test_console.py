"""The console in Chromium, over the deployed stack: what each view shows and does, and for whom it can be used."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from handlers.language.contract import analyse_text
from handlers.vision.contract import read_text
from tests.support.browser import PATIENCE_MS
from tests.support.deployment import Deployed
from tests.support.paths import PROJECT
from tests.support.web_server import WebServer
from tools.calls import SAMPLES, Call
from tools.demo_calls import call
from workflows.contract import summarize_reliably

VIEWS = ("apis", "playground", "requests", "workflows", "functions", "data", "spend")
SHIFTS = """() => new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => (sum += entry.value)))
        .observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => setTimeout(() => done(sum)));
})"""


def show(page: Page, deployed: Deployed, view: str) -> None:
    page.goto(f"{deployed.workspace.cloud.url}/_local_cloud/#/{view}")
    expect(page.locator(".loading")).to_have_count(0)
    expect(page.locator("main :is(h1, h2):visible").first).to_be_visible()


def choose(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).first.click()


def send(deployed: Deployed, operation: Any, body: dict[str, Any]) -> int:
    request = Call.of(operation, "", lambda answer: "", body=body)
    return call(deployed.invoke_url, request, deployed.callers)[0]


def test_a_route_is_tried_and_its_request_opened(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "apis")
    choose(page, "POST /language/analysis")
    expect(page.get_by_label("Body application/json")).to_have_value(re.compile("Ada Lovelace"))
    page.get_by_role("button", name="Send").click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer).to_contain_text('"label": "POSITIVE"', timeout=PATIENCE_MS)
    page.get_by_role("link", name="request", exact=True).click()
    expect(page.get_by_role("heading", name="/language/analysis")).to_be_visible()
    expect(page.get_by_role("region", name=re.compile("^Log of")).last).to_contain_text("REPORT RequestId")
    expect(page.get_by_role("region", name="Body of the request")).to_contain_text("Ada Lovelace")


def test_an_operator_signs_with_a_click(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "apis")
    choose(page, "GET /health")
    expect(page.get_by_role("radio", name="Operator")).to_be_checked()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Answer")).to_contain_text('"status": "ok"', timeout=PATIENCE_MS)


def test_a_rejected_request_names_the_step(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "apis")
    choose(page, "POST /language/analysis")
    page.get_by_role("radio", name="No credentials").click()
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Answer")).to_contain_text('"code": "unauthorized"')
    page.get_by_role("link", name="request", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Rejected at: authorization.")


def test_requests_appear_as_they_are_answered(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "requests")
    rows = page.locator(".requests li")
    before = rows.count()
    assert send(deployed, analyse_text, {"wrong": 1}) == 400
    expect(rows).to_have_count(before + 1)
    expect(rows.first).to_contain_text("validation: ")


def test_an_execution_has_its_graph_and_runs_again(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "workflows")
    assert (
        send(deployed, analyse_text, {"text": "Warm."}) == 200
    )  # a cold start may be too long for the workflow
    body = {"text": "It was full by noon. It closed.", "max_sentences": 1}
    assert send(deployed, summarize_reliably, body) == 200
    executions = page.locator("h2.group", has_text="workflows-summary").locator(
        "xpath=following-sibling::ul[1]"
    )
    executions.get_by_role("link", name=newest(page, "workflows-summary")["name"][:8]).click()
    expect(page.locator(".node.succeeded").first).to_be_visible()
    page.get_by_role("button", name=re.compile(r"^answer, \w+, succeeded")).click()
    expect(page.get_by_role("region", name="Output of the state")).to_contain_text("full by noon")
    first = page.url
    page.get_by_role("button", name="Restart with the same input").click()
    page.wait_for_url(lambda url: url != first)
    expect(page.locator(".heading .pill")).to_have_text("succeeded", timeout=PATIENCE_MS)
    expect(page.get_by_role("region", name="Output", exact=True)).to_contain_text("full by noon")


def newest(page: Page, machine: str) -> dict[str, Any]:
    machines = page.evaluate("async () => (await fetch('api/machines')).json()")
    (found,) = [one for one in machines if one["name"].endswith(machine)]
    execution: dict[str, Any] = found["executions"][0]
    return execution


def test_a_function_has_its_processes_and_its_log(page: Page, deployed: Deployed) -> None:
    assert send(deployed, analyse_text, {"text": "Ada loved London."}) == 200
    show(page, deployed, "functions")
    page.get_by_role("link", name=re.compile("^language")).click()
    expect(page.locator(".processes li").first).to_contain_text("idle")
    expect(page.get_by_role("region", name="Log")).to_contain_text("REPORT RequestId")


def test_tables_buckets_and_queues_are_listed(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "data")
    page.get_by_role("link", name=re.compile("archives-")).click()
    expect(page.locator("section").first).to_contain_text(".zip")
    for kind in ("Tables", "Buckets", "Queues"):
        expect(page.get_by_role("heading", name=kind)).to_be_visible()


def test_a_picture_is_read_in_the_playground(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "playground")
    page.get_by_role("radio", name="Picture").click()
    page.get_by_label("Service").select_option(label=f"{read_text.path}: {read_text.summary}")
    page.locator("input[type=file]").set_input_files(SAMPLES / "receipt.png")
    expect(page.locator(".words")).to_contain_text("COFFEE", timeout=PATIENCE_MS)


def test_a_model_answers_in_the_playground(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "playground")
    expect(page.get_by_label("Model")).to_have_value("fast", timeout=PATIENCE_MS)
    page.get_by_label("Message").fill("Say hello.")
    page.get_by_label("Message").press("Enter")
    expect(page.locator(".turn.assistant small")).to_contain_text("tokens", timeout=PATIENCE_MS)
    assert page.locator(".turn.assistant p").inner_text() != "…"


def test_it_can_be_used_with_the_keyboard(page: Page, deployed: Deployed) -> None:
    show(page, deployed, "apis")
    page.get_by_label("Filter routes").focus()
    page.keyboard.type("v1/models")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="/v1/models")).to_be_visible()
    page.get_by_role("radio", checked=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Operator")).to_be_checked()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("region", name="Answer")).to_contain_text('"fast"', timeout=PATIENCE_MS)


def test_every_view_is_accessible(page: Page, deployed: Deployed) -> None:
    axe = (PROJECT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    views = [*VIEWS, *opened(page, deployed)]
    page.evaluate(axe)  # the views share one document
    for view in views:
        show(page, deployed, view)
        page.emulate_media(color_scheme="light")
        assert violations(page) == [], view
        page.emulate_media(color_scheme="dark")
        assert violations(page, {"runOnly": ["color-contrast"]}) == [], view


def violations(page: Page, options: dict[str, Any] | None = None) -> list[Any]:
    chosen = {"resultTypes": ["violations"]} | (options or {})
    found = page.evaluate("async (options) => (await axe.run(options)).violations", chosen)
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def test_every_view_fits_360_pixels_and_does_not_shift(browser: Browser, deployed: Deployed) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    for view in [*VIEWS, *opened(page, deployed)]:
        page.goto("about:blank")
        show(page, deployed, view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
        assert page.evaluate(SHIFTS) <= 0.01, view
    context.close()


def opened(page: Page, deployed: Deployed) -> list[str]:
    """A route, a request, an execution and a function, as the address names them."""
    assert send(deployed, analyse_text, {"text": "Warm."}) == 200
    assert send(deployed, summarize_reliably, {"text": "It was full by noon.", "max_sentences": 1}) == 200
    root = f"{deployed.workspace.cloud.url}/_local_cloud/"
    page.goto(root)
    found: list[str] = page.evaluate(
        """async () => {
            const get = async (path) => (await fetch("api/" + path)).json();
            const path = (...parts) => parts.map(encodeURIComponent).join("/");
            const [api] = await get("apis");
            const [request] = await get("requests");
            const machine = (await get("machines")).find((one) => one.executions.length);
            const [used] = (await get("functions")).filter((one) => one.invocations.length);
            const route = api.routes.find((one) => one.method === "POST");
            return [
                path("apis", api.id, api.stage, `${route.method} ${route.path}`),
                path("requests", request.id),
                path("workflows", machine.name),
                path("workflows", machine.name, machine.executions[0].arn),
                path("functions", used.name),
            ];
        }"""
    )
    return found


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_another_origin_can_neither_read_nor_act(
    context: BrowserContext, deployed: Deployed, web_server: WebServer, host: str
) -> None:
    root = f"{deployed.workspace.cloud.url}/_local_cloud"
    web_server.headers, web_server.body = [("Content-Type", "text/html")], b"<!doctype html>"
    page = context.new_page()
    page.goto(f"http://{host}:{web_server.port}/")
    answered: list[Response] = []
    page.on("response", lambda response: answered.append(response))
    tried = page.evaluate(
        """async (root) => {
            const outcomes = [];
            for (const [path, options] of [
                ["/api/requests", {}],
                ["/api/requests", { mode: "no-cors" }],
                ["/api/events", { mode: "no-cors" }],
                ["/api/sign-in/user", { method: "POST", mode: "no-cors", body: '{"region": "us-east-1"}' }],
            ])
                outcomes.push(await fetch(root + path, options).then((answer) => answer.text(), () => "refused"));
            const frame = document.createElement("iframe");
            frame.src = root + "/";
            document.body.append(frame);
            await new Promise((loaded) => (frame.onload = loaded));
            return [...outcomes, frame.contentDocument === null];
        }""",
        root,
    )
    assert tried == ["refused", "", "", "", True]
    statuses = [answer.status for answer in answered if "/api/" in answer.url]
    assert len(statuses) >= 3
    assert set(statuses) == {403}
