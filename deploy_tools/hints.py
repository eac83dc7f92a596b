"""Commands to go on with after a deployment to the local cloud: only those that the outputs of the stacks allow."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy_tools.app import CdktfApp
from deploy_tools.callers import OPENAI_OUTPUTS, USER_OUTPUTS
from deploy_tools.console import heading
from deploy_tools.deploy import DeployedApp, DeployedStack
from deploy_tools.errors import DeploymentError
from deploy_tools.tenant_register import TENANT_OUTPUTS

SCRIPT: Final = "ai-orchestrator"
"""Name of the console script."""

_URL: Final = re.compile(r"(\w*_)?(invoke|base)_url")
_ROUTE: Final = re.compile(
    r"^\| (?P<method>[A-Z]+) \| `(?P<path>[^`{]+)` \| (?P<callers>[^|]+) \|", re.MULTILINE
)


def show_hints(app: CdktfApp, deployed: DeployedApp) -> None:
    """Print the invoke URLs, and how to call, follow and stop what was deployed."""
    rows = list(_rows(app, deployed))
    heading("The app is up" if not any(_urls(one) for one in deployed.stacks) else "The API is up")
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")


def _rows(app: CdktfApp, deployed: DeployedApp) -> Iterator[tuple[str, str]]:
    for one in deployed.stacks:
        yield from _urls(one).items()
    has_users = _has(deployed, USER_OUTPUTS)
    if has_users:
        yield "sign in", f"export TOKEN=$({_command(app, 'token')})"
    for one in deployed.stacks:
        for url in list(_urls(one).values())[:1]:
            yield from _call(one.stack.directory, url, with_token=has_users)
    if _has(deployed, OPENAI_OUTPUTS):
        yield "OpenAI's SDK", f'eval "$({_command(app, "openai")})"'
    if _has(deployed, TENANT_OUTPUTS):
        yield "a tenant", _command(app, "tenants", "add shop")
    yield "console", f"{deployed.cloud.url}/_local_cloud/"
    yield "logs", _command(app, "logs")
    yield "stop it", _command(app, "down")


def _urls(one: DeployedStack) -> dict[str, str]:
    return {name: str(url) for name, url in one.outputs.items() if _URL.fullmatch(name)}


def _has(deployed: DeployedApp, names: Sequence[str]) -> bool:
    try:
        deployed.with_outputs(*names, purpose="hints")
    except DeploymentError:
        return False
    return True


def _call(directory: Path, url: str, *, with_token: bool) -> Iterator[tuple[str, str]]:
    """Yield how to call the first route that takes no parameter and nothing but a token."""
    table = directory / "routes.md"
    if not table.is_file():
        return
    routes = [found.groupdict() for found in _ROUTE.finditer(table.read_text(encoding="utf-8"))]
    callable_routes = [route for route in routes if _headers(route, with_token=with_token) is not None]
    for route in sorted(callable_routes, key=lambda route: route["method"] not in ("GET", "ANY"))[:1]:
        body = _body(directory, route)
        # curl's method is GET, and POST with a body.
        default = ("POST", "ANY") if body else ("GET", "ANY")
        method = "" if route["method"] in default else f"-X {route['method']} "
        headers = _headers(route, with_token=with_token)
        yield "call it", f"curl -s {method}{headers}{shlex.quote(url + route['path'])}{body}"


def _body(directory: Path, route: Mapping[str, str]) -> str:
    """Return curl's options for the example of a route's request in the OpenAPI documents. Empty if it has none."""
    for file in sorted(directory.glob("*.openapi.json")):
        paths = json.loads(file.read_text(encoding="utf-8")).get("paths", {})
        operation = paths.get(route["path"], {}).get(route["method"].lower(), {})
        content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in content:
            example = json.dumps(content["example"], ensure_ascii=False)
            return f" -H 'Content-Type: application/json' -d {shlex.quote(example)}"
    return ""


def _headers(route: Mapping[str, str], *, with_token: bool) -> str | None:
    """Return curl's options for the callers of a route; None if they need more than a token."""
    if route["callers"] == "anyone":
        return ""
    takes_tokens = route["callers"].startswith("bearer (") or route["callers"].endswith("(Cognito)")
    return '-H "Authorization: Bearer $TOKEN" ' if with_token and takes_tokens else None


def _command(app: CdktfApp, name: str, arguments: str = "") -> str:
    """Return a command as the user runs it: by `make` if that is what runs this one."""
    here = Path.cwd()
    if "MAKELEVEL" in os.environ:
        quiet = "-s " if name in ("token", "openai") else ""
        place = "" if app.folder == here else f" DIR={shlex.quote(os.path.relpath(app.folder, here))}"
        given = f" ARGS={shlex.quote(arguments)}" if arguments else ""
        return f"make {quiet}{name}{given}{place}"
    place = "" if app.folder == here else f"--dir {shlex.quote(os.path.relpath(app.folder, here))} "
    return f"{SCRIPT} {place}{name} {arguments}".rstrip()
