"""Documentation page of a REST API: Swagger UI and the OpenAPI document, served by a function behind the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jsii
from constructs import IValidation

from constructs_lib.api.lambda_integration import LambdaIntegration
from constructs_lib.api.openapi_document import RouteDocumentation
from constructs_lib.aws_stack import AwsStack
from constructs_lib.checks import check_pattern, path_of
from constructs_lib.functions.function import Function
from lambda_archives import LambdaArchive
from lambda_archives.cache import default_cache
from lambda_archives.package_file import find_project_root

if TYPE_CHECKING:
    from constructs_lib.api.rest_api_base import RestApiBase
    from constructs_lib.authorization.kinds import Authorization

_PACKAGE: Final = Path(__file__).parent / "docs_page"
_PATH: Final = r"(/[A-Za-z0-9._-]+)+"


def add_docs(api: RestApiBase, path: str, authorization: Authorization) -> Function:
    """Add the page's function and routes to an API; see `RestApi.add_docs`."""
    check_pattern(path_of(api), "path", path, _PATH, "use a path without variables, such as '/docs'")
    document = json.dumps(api.openapi_document, separators=(",", ":"), sort_keys=True).encode()
    function = Function(
        api,
        "docs",
        archive=LambdaArchive.from_package(
            _PACKAGE / "package.toml",
            target=AwsStack.of(api).archive_target,
            root=_PACKAGE,
            cache=default_cache(find_project_root(Path.cwd()) or Path.cwd()),
            generated={"openapi.json": document},
        ),
        description="Documentation page of the API.",
        memory_mb=256,
        timeout_seconds=10,
    )
    integration = LambdaIntegration(function)
    for route in (path, f"{path}/{{file}}"):
        api.resource_for(route).add_method(
            "GET", integration, authorization=authorization, documentation=RouteDocumentation(hidden=True)
        )
    api.node.add_validation(_IsLast(api, set(api.openapi_document["paths"])))
    return function


@jsii.implements(IValidation)
class _IsLast:
    """Validation at synth that no route was added after the page, whose document would lack it."""

    def __init__(self, api: RestApiBase, paths: set[str]) -> None:
        self._api = api
        self._paths = paths

    def validate(self) -> list[str]:
        later = sorted(set(self._api.openapi_document["paths"]) - self._paths)
        if not later:
            return []
        return [f"the documentation page lacks {', '.join(later)}; call add_docs after the last route"]
