"""Lambda function of a documentation page: Swagger UI, and the OpenAPI document of the API that it belongs to."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_SWAGGER = "drf_spectacular_sidecar/static/drf_spectacular_sidecar/swagger-ui-dist"
_DAY = "max-age=86400"
_FILES = {
    "openapi.json": (_FOLDER / "openapi.json", "application/json", "no-cache"),
    "page.js": (_FOLDER / "page.js", "text/javascript; charset=utf-8", "no-cache"),
    "swagger-ui-bundle.js": (
        _FOLDER / _SWAGGER / "swagger-ui-bundle.js",
        "text/javascript; charset=utf-8",
        _DAY,
    ),
    "swagger-ui.css": (_FOLDER / _SWAGGER / "swagger-ui.css", "text/css; charset=utf-8", _DAY),
}
_SECURITY = {
    # Swagger UI writes style elements.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the page, or one of its files."""
    del context
    name = (event.get("pathParameters") or {}).get("file")
    if name is None:
        # The page is at `/docs` and its files below it, so that a relative reference starts with `docs/`.
        folder = str(event["resource"]).rpartition("/")[2]
        text = _read(_FOLDER / "page.html").replace("{folder}", folder)
        return _response(200, "text/html; charset=utf-8", "no-cache", text)
    if name not in _FILES:
        return _response(404, "application/json", "no-cache", '{"message": "There is no such file."}')
    path, content_type, caching = _FILES[name]
    return _response(200, content_type, caching, _read(path))


@cache
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _response(status: int, content_type: str, caching: str, body: str) -> dict[str, Any]:
    headers = {"Content-Type": content_type, "Cache-Control": caching, **_SECURITY}
    return {"statusCode": status, "headers": headers, "body": body}
