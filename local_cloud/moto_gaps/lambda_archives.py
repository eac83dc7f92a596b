"""Addresses in the answers of GetFunction and GetLayerVersion, from which archives are downloaded.

moto 5.2.5 names addresses at which nothing is found. On AWS they expire after 10 minutes. Here they do not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import lambda_backends
from moto.awslambda.responses import LambdaResponse

from local_cloud.messages import Request, Response, json_response
from local_cloud.patches import extends

_PATH = re.compile(r"/_aws/lambda/(?P<arn>[^/]+)/archive")


@extends(LambdaResponse)
def _get_function(original: Callable[[Any], str], response: Any) -> str:
    description = json.loads(original(response))
    if "Location" in description.get("Code", {}):
        description["Code"]["Location"] = _address(response, description["Configuration"]["FunctionArn"])
    return json.dumps(description)


@extends(LambdaResponse)
def _get_layer_version(original: Callable[[Any], str], response: Any) -> str:
    description = json.loads(original(response))
    description["Content"]["Location"] = _address(response, description["LayerVersionArn"])
    return json.dumps(description)


def _address(response: Any, arn: str) -> str:
    return f"http://{response.headers['Host']}/_aws/lambda/{quote(arn, safe='')}/archive"


def download(request: Request) -> Response | None:
    """Return the archive that an address is of; None for every other request."""
    match = _PATH.fullmatch(request.path)
    if match is None or request.method != "GET":
        return None
    arn = unquote(match["arn"])
    archive = _archive(arn)
    if archive is None:
        return json_response(404, {"message": f"There is no archive of {arn}"})
    return Response(200, (("Content-Type", "application/zip"),), archive)


def _archive(arn: str) -> bytes | None:
    _, _, _, region, account_id, kind, name, *qualifier = (arn.split(":") + [""] * 7)[:8]
    backend = lambda_backends.get(account_id, {}).get(region)
    if backend is None:
        return None
    if kind == "layer":
        found = backend.layers_versions_by_arn(arn)
    else:
        try:
            found = backend.get_function(name, qualifier[0] or None)
        except LambdaClientError:
            return None
    return None if found is None else found.code_bytes or None
