"""Lambda authorizers: asks a function who calls and what they may invoke, and remembers the answer if that is wanted."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from local_cloud.functions.errors import (
    FunctionNotFound,
    FunctionServiceError,
    InvalidRuntime,
    InvalidZipFile,
)
from local_cloud.functions.invoker import Invoker
from local_cloud.functions.result import InvocationResult
from local_cloud.gateway.api_keys import HEADER as API_KEY_HEADER
from local_cloud.gateway.authorization.authorizer_answer import AuthorizerAnswer, read_answer
from local_cloud.gateway.authorization.identity_sources import identity_values
from local_cloud.gateway.authorization.method_arn import method_arn, request_facts
from local_cloud.gateway.authorization.resource_policy import policy_decision, refuse_denied
from local_cloud.gateway.definition import DEFAULT_TIMEOUT_SECONDS
from local_cloud.gateway.deployed import function_policy
from local_cloud.gateway.errors import (
    AUTHORIZER_CONFIGURATION,
    AUTHORIZER_FAILURE,
    UNAUTHORIZED,
    GatewayError,
    fits,
)
from local_cloud.gateway.event import last_values, multi_value_headers, multi_value_query, request_context
from local_cloud.gateway.exchange import Exchange
from local_cloud.gateway.lambda_proxy import failure, named_function, with_stage_variables
from local_cloud.gateway.permissions import InvokePermissions, PolicyReader
from local_cloud.iam.policies import (
    PrincipalNotFoundError,
    is_allowed,
    role_policies,
    role_trust_policy,
    trusts,
)

DEFAULT_TTL_SECONDS = 300
# Answers that one stage remembers; the oldest go first.
_MOST_ANSWERS = 1000
_SERVICE = "apigateway.amazonaws.com"
# A function that raises an error with this text means "401"; every other error is one of the authorizer.
_REFUSAL = "Unauthorized"
_NEVER_RUNS = (FunctionNotFound, InvalidRuntime, InvalidZipFile)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_CacheKey = tuple[str, ...]


class LambdaAuthorizers:
    """Carries out the authorizers of the types TOKEN and REQUEST.

    Args:
        invoker: Runs functions.
        read_policy: Returns the statements of the policy of the function that an ARN names.
        clock: Returns a time in seconds that never goes back.
        timeout_seconds: How long a function is waited for; it runs on after that.
    """

    def __init__(
        self,
        invoker: Invoker,
        *,
        read_policy: PolicyReader = function_policy,
        clock: Callable[[], float] = time.monotonic,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        self._invoker = invoker
        self._permissions = InvokePermissions(read_policy)
        self._clock = clock
        self._timeout = timeout_seconds
        self._answers: WeakKeyDictionary[Any, OrderedDict[_CacheKey, tuple[float, AuthorizerAnswer]]] = (
            WeakKeyDictionary()
        )

    async def authorize(self, exchange: Exchange, authorizer: Mapping[str, Any]) -> None:
        """Let a request pass if the authorizer's policy allows its method, and note what the authorizer says."""
        refuse_denied(exchange)
        values = identity_values(exchange, authorizer)
        if authorizer["type"] == "TOKEN":
            _check_token(values, authorizer.get("identityValidationExpression"))
        uri = with_stage_variables(str(authorizer.get("authorizerUri") or ""), exchange.stage.variables)
        key = _cache_key(authorizer, uri, values)
        started = self._clock()
        answer = self._remembered(exchange, key, started)
        milliseconds = 0
        if answer is None:
            answer = await self._ask(exchange, authorizer, uri, values)
            milliseconds = round((self._clock() - started) * 1000)
            self._remember(exchange, key, answer, _ttl(authorizer))
        exchange.authorizer = answer.authorizer_context(milliseconds)
        exchange.usage_identifier_key = answer.usage_identifier_key
        answer.check(method_arn(exchange), request_facts(exchange), policy_decision(exchange))

    async def _ask(
        self, exchange: Exchange, authorizer: Mapping[str, Any], uri: str, values: tuple[str, ...]
    ) -> AuthorizerAnswer:
        function_arn = self._function(exchange, authorizer, uri)
        event = (
            {"type": "TOKEN", "methodArn": method_arn(exchange), "authorizationToken": values[0]}
            if authorizer["type"] == "TOKEN"
            else _request_event(exchange)
        )
        result = await self._invoke(exchange, function_arn, _encode(event).encode("utf-8", "replace"))
        if result.function_error is not None:
            if _error_text(result.payload) == _REFUSAL:
                raise GatewayError(UNAUTHORIZED, f"{function_arn} says Unauthorized")
            raise GatewayError(AUTHORIZER_FAILURE, f"{function_arn} failed: {failure(result.payload)}")
        return read_answer(result.payload)

    def _function(self, exchange: Exchange, authorizer: Mapping[str, Any], uri: str) -> str:
        """Return the function of an authorizer, once it is certain that it may be invoked."""
        function_arn = named_function(uri)
        if function_arn is None:
            raise GatewayError(AUTHORIZER_CONFIGURATION, f"the authorizer names no function: {uri}")
        api = exchange.stage.api
        source = (
            f"arn:aws:execute-api:{api.region}:{api.account_id}:{api.api_id}/authorizers/{authorizer['id']}"
        )
        if role := authorizer.get("authorizerCredentials"):
            _check_role(role, function_arn, {"aws:SourceAccount": api.account_id, "aws:SourceArn": source})
            return function_arn
        if not self._permissions.allow(function_arn, source=source, account_id=api.account_id):
            raise GatewayError(AUTHORIZER_CONFIGURATION, f"no permission on {function_arn} for {source}")
        return function_arn

    async def _invoke(self, exchange: Exchange, function_arn: str, payload: bytes) -> InvocationResult:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._invoker.invoke(function_arn, payload, trace_header=exchange.full_trace())
        except TimeoutError:
            raise GatewayError(
                AUTHORIZER_FAILURE, f"{function_arn} took longer than {self._timeout:g} s; it runs on"
            ) from None
        except FunctionServiceError as error:
            fault = AUTHORIZER_CONFIGURATION if isinstance(error, _NEVER_RUNS) else AUTHORIZER_FAILURE
            raise GatewayError(fault, f"{error.code}: {error.message}") from error

    def _remembered(self, exchange: Exchange, key: _CacheKey | None, now: float) -> AuthorizerAnswer | None:
        answers = self._answers.get(exchange.stage.settings) if key else None
        entry = answers.get(key) if answers and key else None
        return entry[1] if entry is not None and now < entry[0] else None

    def _remember(
        self, exchange: Exchange, key: _CacheKey | None, answer: AuthorizerAnswer, ttl: int
    ) -> None:
        if key is None:
            return
        answers = self._answers.setdefault(exchange.stage.settings, OrderedDict())
        answers[key] = (self._clock() + ttl, answer)
        answers.move_to_end(key)
        if len(answers) > _MOST_ANSWERS:
            answers.popitem(last=False)


def _check_token(values: tuple[str, ...], expression: str | None) -> None:
    if not values:
        raise GatewayError(AUTHORIZER_CONFIGURATION, "the authorizer has no identity source")
    if expression and not fits(expression, values[0], AUTHORIZER_CONFIGURATION):
        raise GatewayError(UNAUTHORIZED, f"the token does not match {expression}")


def _check_role(role_arn: str, function_arn: str, facts: Mapping[str, str]) -> None:
    """Refuse a role that API Gateway cannot assume, or that may not invoke the function."""
    try:
        trusted = trusts(role_trust_policy(role_arn), _SERVICE, facts=facts)
        allowed = is_allowed(role_policies(role_arn), "lambda:InvokeFunction", function_arn) == "allowed"
    except PrincipalNotFoundError as error:
        raise GatewayError(AUTHORIZER_CONFIGURATION, f"authorizerCredentials: {error}") from error
    if not trusted:
        raise GatewayError(AUTHORIZER_CONFIGURATION, f"{role_arn} does not let {_SERVICE} assume it")
    if not allowed:
        raise GatewayError(AUTHORIZER_CONFIGURATION, f"{role_arn} may not invoke {function_arn}")


def _request_event(exchange: Exchange) -> dict[str, Any]:
    """Return the event of a REQUEST authorizer: the request without its body; what is empty is an empty object."""
    method = exchange.routed
    headers = multi_value_headers(exchange)
    query = multi_value_query(exchange.request.query)
    context = request_context(exchange)
    if method.api_key_required and exchange.stage.api.api_key_source == "HEADER":
        context["identity"]["apiKey"] = exchange.request.header(API_KEY_HEADER)
    return {
        "type": "REQUEST",
        "methodArn": method_arn(exchange),
        "resource": method.resource_path,
        "path": exchange.event_path,
        "httpMethod": exchange.request.method,
        "headers": last_values(headers) or {},
        "multiValueHeaders": headers,
        "queryStringParameters": last_values(query) or {},
        "multiValueQueryStringParameters": query,
        "pathParameters": exchange.path_parameters,
        "stageVariables": dict(exchange.stage.variables),
        "requestContext": context,
    }


def _ttl(authorizer: Mapping[str, Any]) -> int:
    """Return for how many seconds an answer counts."""
    ttl = authorizer.get("authorizerResultTtlInSeconds")
    return int(DEFAULT_TTL_SECONDS if ttl is None else ttl)


def _cache_key(authorizer: Mapping[str, Any], uri: str, values: tuple[str, ...]) -> _CacheKey | None:
    """Return what an answer is found by; None if it is not to be found again.

    An authorizer that is deployed with other settings starts anew; one without identity sources cannot tell callers
    apart.
    """
    if not values or _ttl(authorizer) <= 0:
        return None
    return (str(authorizer["id"]), str(authorizer["type"]), uri, str(authorizer["identitySource"]), *values)


def _error_text(payload: bytes) -> str:
    try:
        return str(json.loads(payload).get("errorMessage", ""))
    except (ValueError, AttributeError):
        return payload.decode("utf-8", "replace")
