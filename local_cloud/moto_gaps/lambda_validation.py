"""Lambda functions, aliases and permissions that AWS refuses.

moto 5.2.5 fails at ARNs in most operations, takes archives that are none or too large, runtimes that are retired or do not exist, any environment, and any
name.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError, ValidationException
from moto.awslambda.models import LambdaBackend
from moto.awslambda.responses import LambdaResponse
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from local_cloud.patches import checks, extends
from local_cloud.service_models import faults_of, service_model, validation_message, values_of

_LARGEST_ZIP = 50 * 1024 * 1024
_LARGEST_UNZIPPED = 250 * 1024 * 1024
_LARGEST_ENVIRONMENT = 4096
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")
_ARN_OR_NAME = re.compile(r"(?:arn:[\w-]+:lambda:[a-z0-9-]+:\d{12}:function:|\d{12}:function:)?([^:]+)")
_OWN_ARN = re.compile(
    r"(?:arn:[\w-]+:lambda:(?P<region>[a-z0-9-]+):)?(?P<account>\d{12}):function:(?P<name>[^:]+)"
)
_RESERVED = frozenset({
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
})  # fmt: skip
# Runtimes with which functions cannot be created any more, as of November 2025.
_RETIRED = frozenset({
    "dotnet5.0", "dotnet6", "dotnet7", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1",
    "go1.x", "java8", "nodejs", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x", "nodejs4.3",
    "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "provided", "python2.7", "python3.6", "python3.7",
    "python3.8", "ruby2.5", "ruby2.7",
})  # fmt: skip


@extends(LambdaResponse, "setup_class")
def _name_functions(original: Callable[..., None], response: Any, *arguments: Any, **options: Any) -> None:
    """Let every operation take the ARN of a function of its account and Region, whole or partial."""
    original(response, *arguments, **options)
    before, functions, rest = response.path.partition("/functions/")
    name, slash, after = rest.partition("/")
    match = _OWN_ARN.fullmatch(unquote(name))
    if match and match["region"] in (None, response.region) and match["account"] == response.current_account:
        response.path = f"{before}{functions}{match['name']}{slash}{after}"


@extends(LambdaResponse, "_dispatch")
def _reject_other_encodings(original: Callable[..., Any], response: Any, *arguments: Any) -> Any:
    try:
        return original(response, *arguments)
    except UnicodeDecodeError:
        code = "InvalidRequestContentException"
        message = "Could not parse request body into json: it is not UTF-8"
        headers = {"x-amzn-ErrorType": code, "content-type": "application/json"}
        return 400, headers, json.dumps({"Type": "User", "message": message})


@checks(LambdaResponse, "publish_version")
def _check_digest(response: Any) -> None:
    sent = response._get_param("CodeSha256")
    name = unquote(response.path.split("/")[-2])
    current = response.backend.get_function(name).code_sha_256
    if sent and sent != current:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({sent}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the "
            "CodeSHA256 in $LATEST."
        )


@checks(
    LambdaResponse,
    *("add_permission", "create_alias", "create_function", "update_alias", "update_function_configuration"),
)
def _check_constraints(response: Any) -> None:
    model = service_model("lambda")
    given = {name: value for name, value in response.json_body.items() if name != "Runtime"}
    faults = list(faults_of(given, model.operation_model(response._get_action()).input_shape))
    for name in ((given.get("Environment") or {}).get("Variables") or {}).keys() - _RESERVED:
        faults += faults_of(name, model.shape_for("EnvironmentVariables").key, "environment.variables")
    if faults:
        raise LambdaClientError("ValidationException", validation_message(faults))


@checks(LambdaBackend, "create_function")
def _check_function(backend: Any, spec: Mapping[str, Any]) -> None:
    name = str(spec.get("FunctionName") or "")
    match = _ARN_OR_NAME.fullmatch(name)
    if match is None or not _NAME.fullmatch(match[1]):
        rule = f"Member must satisfy regular expression pattern: {_NAME.pattern}"
        raise ValidationException(name, "functionName", rule)
    _check_settings(spec)
    _check_code(backend, spec.get("Code") or {})


@checks(LambdaBackend, "update_function_configuration")
def _check_configuration(_backend: Any, _name: str, _qualifier: str, body: Mapping[str, Any]) -> None:
    _check_settings(body)


@checks(LambdaBackend, "update_function_code")
def _check_update(backend: Any, _name: str, _qualifier: str, body: Mapping[str, Any]) -> None:
    _check_code(backend, body)


def _check_settings(spec: Mapping[str, Any]) -> None:
    runtime = spec.get("Runtime")
    if runtime in _RETIRED:
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime and runtime not in _runtimes():
        raise InvalidParameterValueException(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(sorted(_runtimes()))}] or be a valid ARN"
        )
    variables = (spec.get("Environment") or {}).get("Variables") or {}
    if reserved := sorted(_RESERVED & variables.keys()):
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(reserved)}"
        )
    if len(json.dumps(variables, ensure_ascii=False, separators=(",", ":")).encode()) > _LARGEST_ENVIRONMENT:
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided exceeded the 4KB limit."
        )


def _runtimes() -> frozenset[str]:
    return values_of("lambda", "Runtime") - _RETIRED


@checks(LambdaBackend, "publish_layer_version")
def _check_layer(backend: Any, spec: Mapping[str, Any]) -> None:
    _check_code(backend, spec.get("Content") or {})


def _check_code(backend: Any, code: Mapping[str, Any]) -> None:
    if "ZipFile" in code:
        archive = _decoded(code["ZipFile"] or b"")
        if len(archive) > _LARGEST_ZIP:
            raise InvalidParameterValueException(f"Zipped size must be smaller than {_LARGEST_ZIP} bytes")
    elif code.get("S3Bucket") and code.get("S3Key"):
        archive = _object(backend, code)
    else:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            members = opened.infolist()
    except zipfile.BadZipFile:
        if archive:
            raise InvalidParameterValueException(
                "Could not unzip uploaded file. Please check your file, then try to upload again."
            ) from None
        members = []
    if not members:
        raise InvalidParameterValueException("Uploaded file must be a non-empty zip")
    if sum(member.file_size for member in members) > _LARGEST_UNZIPPED:
        raise InvalidParameterValueException(f"Unzipped size must be smaller than {_LARGEST_UNZIPPED} bytes")


def _decoded(content: bytes | str) -> bytes:
    if isinstance(content, bytes) and content[:2] == b"PK":
        return content
    try:
        return base64.b64decode(content)
    except ValueError:
        return bytes(content, "utf-8") if isinstance(content, str) else content


def _object(backend: Any, code: Mapping[str, Any]) -> bytes:
    failed = "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}"
    bucket, key, version = str(code["S3Bucket"]), str(code["S3Key"]), code.get("S3ObjectVersion")
    try:
        found = s3_backends[backend.account_id]["aws"].get_object(bucket, key, version_id=version)
    except MissingBucket:
        raise InvalidParameterValueException(
            failed.format("NoSuchBucket", "The specified bucket does not exist")
        ) from None
    if found is None:
        raise InvalidParameterValueException(failed.format("NoSuchKey", "The specified key does not exist."))
    return bytes(found.value)


@checks(LambdaResponse, "create_alias", "update_alias")
def _check_routing(response: Any) -> None:
    weights = (response.json_body.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
