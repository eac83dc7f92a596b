"""Pictures of the console for the README: `python -m tools.pictures` writes `docs/images/console-*.webp`.

It deploys `main.py` to the local cloud, calls a few routes, and takes each picture in Chromium, light and dark.
"""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Page

from deploy_tools import interrupts
from deploy_tools.app import CdktfApp
from deploy_tools.callers import Callers
from deploy_tools.cloud import chosen_port
from deploy_tools.console import step
from deploy_tools.deploy import deploy
from deploy_tools.errors import DeploymentError, TerraformError
from handlers.language.contract import analyse_text
from handlers.vision.contract import find_labels
from tools.browser import chromium
from tools.calls import REVIEW, SAMPLES, Call
from tools.demo_calls import call
from tools.project import PROJECT
from workflows.contract import summarize_reliably, understand_document

FOLDER: Final = PROJECT / "docs" / "images"
WIDTH, HEIGHT = 1280, 800
_QUALITY = 88
_PATIENCE_MS = 60_000


def _route(page: Page) -> None:
    """A route that was called."""
    page.get_by_role("link", name="POST /language/analysis", exact=True).click()
    page.get_by_label("Body application/json").fill(f'{{\n  "text": "{REVIEW}"\n}}')
    for _ in range(2):  # the second answer is that of a warm function
        page.get_by_role("button", name="Send").click()
        page.get_by_role("region", name="Answer").wait_for()


def _workflow(page: Page) -> None:
    """An execution of the workflow `document`."""
    page.goto(page.url.partition("#")[0] + "#/workflows")
    group = page.locator("h2.group", has_text="workflows-document")
    group.locator("xpath=following-sibling::ul[1]").get_by_role("link").first.click()
    page.locator(".timeline").wait_for()


def _requests(page: Page) -> None:
    """The list of requests, and one that was rejected."""
    page.goto(page.url.partition("#")[0] + "#/requests")
    page.get_by_role("link").filter(has_text="validation").first.click()
    page.locator(".notice").wait_for()


PICTURES: Final = {"api": _route, "workflow": _workflow, "requests": _requests}


def _call_some(invoke_url: str, callers: Callers) -> None:
    """Make the requests that the pictures show."""
    receipt = base64.b64encode((SAMPLES / "receipt.png").read_bytes()).decode()
    bodies: list[tuple[Any, dict[str, Any]]] = [
        (find_labels, {"image": base64.b64encode((SAMPLES / "cat.jpg").read_bytes()).decode()}),
        (analyse_text, {"text": REVIEW}),
        (summarize_reliably, {"text": REVIEW, "max_sentences": 1}),
        (understand_document, {"image": receipt}),
        (analyse_text, {"words": "London"}),
        (understand_document, {"image": receipt}),
    ]
    for operation, body in bodies:
        call(invoke_url, Call.of(operation, "", str, body=body), callers)


def take_pictures(url: str, folder: Path) -> list[Path]:
    """Take the pictures; return their files.

    Args:
        url: Address of the local cloud.
        folder: Folder for the pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with chromium() as browser:
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            context.set_default_timeout(_PATIENCE_MS)
            page = context.new_page()
            page.goto(f"{url}/_local_cloud/")
            for name, show in PICTURES.items():
                show(page)
                page.mouse.move(WIDTH - 1, HEIGHT - 1)
                page.wait_for_function("document.fonts.ready.then(() => true)")
                file = folder / f"console-{name}-{scheme}.webp"
                Image.open(io.BytesIO(page.screenshot())).save(file, quality=_QUALITY, method=6)
                files.append(file)
            context.close()
    return files


def main() -> int:
    """Deploy, call, and write the pictures."""
    app = CdktfApp.in_folder(PROJECT)
    deployed = deploy(app, chosen_port())
    (one,) = deployed.stacks
    callers = Callers(deployed.cloud.url, one.outputs, region=one.stack.region)
    with step("call some routes"):
        _call_some(str(one.outputs["invoke_url"]), callers)
    with step("take the pictures") as current:
        files = take_pictures(deployed.cloud.url, FOLDER)
        largest = max(file.stat().st_size for file in files)
        current.note(f"{len(files)} in docs/images, at most {largest // 1000} KB")
    return 0


if __name__ == "__main__":
    sys.exit(interrupts.command(main, DeploymentError, TerraformError))
