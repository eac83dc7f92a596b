"""`make demo`: deploy `main.py` to the local cloud, call every service, and show the answers.

It ends with status 0 only if every answer was right. The local cloud stays up, so that the invoke URL can be called again.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace

from deploy_tools import interrupts
from deploy_tools.app import CdktfApp
from deploy_tools.callers import Callers
from deploy_tools.cloud import chosen_port
from deploy_tools.console import heading
from deploy_tools.deploy import deploy
from deploy_tools.errors import DeploymentError, TerraformError
from deploy_tools.hints import show_hints
from tools.calls import calls, error
from tools.demo_agents import run_agent
from tools.demo_budgets import show_budgets
from tools.demo_calls import Demo, request
from tools.demo_mcp import use_tools
from tools.demo_models import call_models
from tools.demo_workflows import run_workflows
from tools.project import PROJECT
from tools.refusals import limited_tenant, preflights, refusals


def call_services(demo: Demo) -> None:
    """Call every service."""
    heading("Call the services")
    for call in calls():
        demo.make(call)


def show_refusals(demo: Demo) -> None:
    """Show a rejected request for each reason."""
    heading("Rejected requests")
    for call in refusals(demo.callers):
        demo.refuse(call)
    with limited_tenant(demo.callers, demo.outputs, quota=1) as call:
        request(demo.invoke_url, call, demo.callers)
        demo.refuse(
            replace(call, title="a key whose quota is used up", status=429, check=error("quota_exceeded"))
        )
    with limited_tenant(demo.callers, demo.outputs, burst=1) as call:
        request(demo.invoke_url, call, demo.callers)
        demo.refuse(
            replace(call, title="a key that calls too fast", status=429, check=error("too_many_requests"))
        )
    for call, check in preflights("http://localhost:3000", "https://elsewhere.example"):
        demo.preflight(call, check)


def main() -> int:
    """Deploy and call; return 1 if an answer was wrong."""
    started = time.monotonic()
    app, port = CdktfApp.in_folder(PROJECT), chosen_port()
    heading(f"Deploy {app.title} to the local cloud")
    deployed = deploy(app, port)
    (one,) = deployed.stacks
    demo = Demo(one.outputs, Callers(deployed.cloud.url, one.outputs, region=one.stack.region))
    call_services(demo)
    call_models(demo)
    run_workflows(demo)
    run_agent(demo)
    use_tools(demo)
    show_budgets(demo)
    show_refusals(demo)
    total = demo.right + demo.wrong
    print(f"\n  {demo.right} of {total} answers right, {time.monotonic() - started:.0f} s in all")
    show_hints(app, deployed)
    return 1 if demo.wrong else 0


if __name__ == "__main__":
    sys.exit(interrupts.command(main, DeploymentError, TerraformError))
