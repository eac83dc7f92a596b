"""Operation of the local cloud that replaces files of a function's code: what AWS does not have, and `dev` needs to be fast.

    PUT /_aws/lambda/{function ARN}/files
    {"archive": "<SHA-256>", "files": {"handlers/vision/app.py": {"data": "<base64>", "executable": false}, "old.py": null}}

It answers `{"digest": "<SHA-256>"}`, or an error as Lambda words it; `error` is what the new code raised.
"""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import unquote

from local_cloud.functions.code_store import ReplacedFile
from local_cloud.functions.errors import CodeRejected, FunctionServiceError, InvalidRequestContent
from local_cloud.functions.invoker import Functions
from local_cloud.messages import Request, Response, json_response

_PATH = re.compile(r"/_aws/lambda/(?P<function>[^/]+)/files")


async def replace_files(functions: Functions, request: Request) -> Response | None:
    """Carry out the operation; None for every other request."""
    match = _PATH.fullmatch(request.path)
    if match is None or request.method != "PUT":
        return None
    try:
        archive, files = _read(request.body)
        digest = await functions.replace_files(unquote(match["function"]), files, archive=archive)
    except FunctionServiceError as error:
        more = {"error": error.error} if isinstance(error, CodeRejected) else {}
        return json_response(error.status, {"__type": error.code, "message": error.message, **more})
    return json_response(200, {"digest": digest})


def _read(body: bytes) -> tuple[str, dict[str, ReplacedFile | None]]:
    try:
        content = json.loads(body)
        files = {
            str(path): None
            if file is None
            else ReplacedFile(base64.b64decode(file["data"], validate=True), file["executable"] is True)
            for path, file in content["files"].items()
        }
        return str(content["archive"]), files
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InvalidRequestContent(
            f'The body is not {{"archive": …, "files": …}}: {type(error).__name__}: {error}'
        ) from None
