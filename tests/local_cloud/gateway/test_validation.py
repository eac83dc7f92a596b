"""Requests are checked against the parameters and the models that a method declares."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from local_cloud.gateway.body_models import BodyFault, BodyModels, BrokenModelError
from local_cloud.gateway.validation import model_for
from tests.support.cloud_in_thread import DeployedApi

MakeApi = Callable[..., DeployedApi]

INVALID = b'{"message":"Invalid request body"}'
PERSON = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}


def ok(_event: Any) -> dict[str, Any]:
    return {"statusCode": 200, "body": "called"}


def validator(api: DeployedApi, *, body: bool = False, parameters: bool = False) -> str:
    return str(
        api.aws.create_request_validator(
            restApiId=api.api_id, name="v", validateRequestBody=body, validateRequestParameters=parameters
        )["id"]
    )


def model(api: DeployedApi, name: str, schema: Any) -> str:
    text = schema if isinstance(schema, str) else json.dumps(schema)
    api.aws.create_model(restApiId=api.api_id, name=name, contentType="application/json", schema=text)
    return name


def with_models(make_api: MakeApi, models: dict[str, str], **schemas: Any) -> DeployedApi:
    api = make_api(ok, binaryMediaTypes=["image/png"])
    for name, schema in schemas.items():
        model(api, name, schema)
    api.method("/a", "POST", requestValidatorId=validator(api, body=True), requestModels=models)
    api.deploy()
    return api


# --- parameters -------------------------------------------------------------------------------------------------


def with_parameters(make_api: MakeApi, parameters: dict[str, bool]) -> DeployedApi:
    api = make_api(ok)
    options = {"requestValidatorId": validator(api, parameters=True), "requestParameters": parameters}
    api.method("/a/{id}", "GET", **options)
    api.deploy()
    return api


def test_required_parameters_must_be_there_and_not_blank(make_api: MakeApi) -> None:
    api = with_parameters(
        make_api,
        {
            "method.request.querystring.q": True,
            "method.request.querystring.optional": False,
            "method.request.header.X-Tenant": True,
            "method.request.path.id": True,
        },
    )
    missing = api.call("GET", "/a/1?q=%20&optional=")
    assert missing.status == 400
    message = json.loads(missing.content)["message"]
    prefix = "Missing required request parameters: ["
    assert message.startswith(prefix)
    assert sorted(message.removeprefix(prefix).removesuffix("]").split(", ")) == ["X-Tenant", "q"]
    assert missing.headers["x-amzn-ErrorType"] == "BadRequestException"
    assert api.call("GET", "/a/1?q=x", headers={"x-tenant": "t"}).content == b"called"


def test_parameters_of_no_place_are_not_looked_for(make_api: MakeApi) -> None:
    api = with_parameters(make_api, {"method.request.querystring.q": False})
    assert api.call("GET", "/a/1").status == 200


def test_the_gateway_response_for_parameters(make_api: MakeApi) -> None:
    api = with_parameters(make_api, {"method.request.querystring.q": True})
    template = '{"code": "invalid_request", "message": $context.error.messageString}'
    api.aws.put_gateway_response(
        restApiId=api.api_id,
        responseType="BAD_REQUEST_PARAMETERS",
        statusCode="422",
        responseTemplates={"application/json": template},
    )
    api.deploy()
    response = api.call("GET", "/a/1")
    assert response.status == 422
    assert json.loads(response.content) == {
        "code": "invalid_request",
        "message": "Missing required request parameters: [q]",
    }


# --- bodies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"name": "Ada"}', 200),
        (b'{"name": "Ada", "age": 36}', 200),
        (b'{"name": ""}', 400),
        (b'{"name": "Ada", "age": -1}', 400),
        (b'{"name": "Ada", "age": "36"}', 400),
        (b'{"name": "Ada", "age": 1.5}', 400),
        (b'{"name": "Ada", "more": 1}', 400),
        (b"{}", 400),
        (b"", 400),
        (b"[]", 400),
        (b'"x"', 400),
        (b"null", 400),
        (b"{", 400),
        (b'{"name": "Ada"} trailing', 400),
        (b'{"name": "Ada", "age": NaN}', 400),
        (b'{"name": "Ada", "age": ' + b"9" * 5000 + b"}", 400),
        (b'{"name": "Ada", "age": 1e999}', 400),
        (b"[" * 100_000, 400),
        (b'{"name": "\xff\xfe"}', 200),
    ],
)
def test_a_body_must_fit_its_model(make_api: MakeApi, body: bytes, status: int) -> None:
    api = with_models(make_api, {"application/json": "Person"}, Person=PERSON)
    response = api.call("POST", "/a", body=body, headers={"Content-Type": "application/json"})
    assert (response.status, response.content) == (status, INVALID if status == 400 else b"called")
    if status == 400:
        assert response.headers["x-amzn-ErrorType"] == "BadRequestException"


@pytest.mark.parametrize(
    ("content_type", "models", "status"),
    [
        (None, ["application/json"], 400),
        ("application/json; charset=utf-8", ["application/json"], 400),
        ("APPLICATION/JSON", ["application/json"], 400),
        ("text/plain", ["application/json"], 200),
        ("application/vnd.api+json", ["application/json"], 200),
        ("text/plain", ["application/json", "$default"], 400),
        ("image/png", ["application/json"], 200),
        ("image/png", ["$default"], 400),
        ("text/plain", ["text/plain"], 400),
        ("application/json", [], 200),
    ],
)
def test_the_content_type_chooses_the_model(
    make_api: MakeApi, content_type: str | None, models: list[str], status: int
) -> None:
    api = with_models(make_api, dict.fromkeys(models, "Person"), Person=PERSON)
    headers = {"Content-Type": content_type} if content_type else {}
    assert api.call("POST", "/a", body=b"nothing of that", headers=headers).status == status


def test_models_refer_to_each_other_and_are_part_of_the_deployment(make_api: MakeApi) -> None:
    api = make_api(ok)
    address = f"https://apigateway.amazonaws.com/restapis/{api.api_id}/models/"
    model(api, "Person", PERSON)
    model(api, "Team", {"type": "array", "items": {"$ref": f"{address}Person"}, "definitions": {}})
    options = {
        "requestValidatorId": validator(api, body=True),
        "requestModels": {"application/json": "Team"},
    }
    api.method("/a", "POST", **options)
    api.deploy()
    assert api.call("POST", "/a", body=b'[{"name": "Ada"}, {"name": "Bo"}]').status == 200
    assert api.call("POST", "/a", body=b'[{"name": "Ada"}, {"name": 1}]').status == 400
    operations = [{"op": "replace", "path": "/schema", "value": '{"type": "object"}'}]
    api.aws.update_model(restApiId=api.api_id, modelName="Team", patchOperations=operations)
    assert api.call("POST", "/a", body=b"{}").status == 400
    api.deploy()
    assert api.call("POST", "/a", body=b"{}").status == 200


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("NoSchema", {"type": 1}),
        ("Elsewhere", {"$ref": "https://example.com/schema"}),
        ("NoPattern", {"properties": {"name": {"pattern": "("}}}),
    ],
)
def test_a_model_that_cannot_be_used_is_500(make_api: MakeApi, name: str, schema: Any) -> None:
    api = with_models(make_api, {"application/json": name}, **({} if schema is None else {name: schema}))
    response = api.call("POST", "/a", body=b'{"name": "Ada"}')
    assert (response.status, response.content) == (500, b'{"message":"Internal server error"}')


def test_what_is_wrong_can_be_shown(make_api: MakeApi) -> None:
    api = with_models(make_api, {"application/json": "Person"}, Person=PERSON)
    api.aws.put_gateway_response(
        restApiId=api.api_id,
        responseType="BAD_REQUEST_BODY",
        responseTemplates={"application/json": "$context.error.validationErrorString"},
    )
    api.deploy()
    assert api.call("POST", "/a", body=b'{"age": "x"}').content == (
        b'[object has missing required properties (["name"]), '
        b'instance type (string) does not match any allowed primitive type (allowed: ["integer"])]'
    )


def test_a_validator_of_parameters_leaves_bodies_alone(make_api: MakeApi) -> None:
    api = make_api(ok)
    model(api, "Person", PERSON)
    models = {"application/json": "Person"}
    api.method("/a", "POST", requestValidatorId=validator(api, parameters=True), requestModels=models)
    api.method("/b", "POST", requestModels=models)
    api.deploy()
    assert api.call("POST", "/a", body=b"no JSON").status == 200
    assert api.call("POST", "/b", body=b"no JSON").status == 200


# --- what is wrong, in words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "body", "words"),
    [
        ({"required": ["b", "a"]}, b"{}", 'object has missing required properties (["a","b"])'),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            b'{"z": 1, "y": 2}',
            'object instance has properties which are not allowed by the schema: ["y","z"]',
        ),
        ({"enum": ["a", 1]}, b'"b"', 'instance value ("b") not found in enum (possible values: ["a",1])'),
        ({"minLength": 3}, b'"ab"', 'string "ab" is too short (length: 2, required minimum: 3)'),
        ({"maxLength": 1}, b'"ab"', 'string "ab" is too long (length: 2, maximum allowed: 1)'),
        ({"pattern": "^b"}, b'"ab"', 'ECMA 262 regex "^b" does not match input string "ab"'),
        (
            {"minimum": 3},
            b"2",
            "numeric instance is lower than the required minimum (minimum: 3, found: 2)",
        ),
        (
            {"maximum": 1},
            b"2",
            "numeric instance is greater than the required maximum (maximum: 1, found: 2)",
        ),
        (
            {"minItems": 1},
            b"[]",
            "array is too short: must have at least 1 elements but instance has 0 elements",
        ),
        (
            {"maxItems": 0},
            b"[1]",
            "array is too long: must have at most 0 elements but instance has 1 elements",
        ),
        (
            {"type": ["object", "array"]},
            b"true",
            'instance type (boolean) does not match any allowed primitive type (allowed: ["array","object"])',
        ),
        ({"not": {}}, b"{}", "{} should not be valid under {}"),
    ],
)
def test_the_words_for_what_is_wrong(schema: dict[str, Any], body: bytes, words: str) -> None:
    assert BodyModels("api", {"M": json.dumps(schema)}).faults("M", body) == [
        BodyFault(words, list(schema)[-1])
    ]


def test_the_models_that_every_api_has() -> None:
    models = BodyModels("api", {})
    assert models.faults("Empty", b"{}") == []
    assert len(models.faults("Empty", b"[]")) == 1
    with pytest.raises(BrokenModelError, match=r"^there is no model Other$"):
        models.faults("Other", b"{}")


def test_a_schema_without_end_is_an_answer() -> None:
    models = BodyModels("api", {"M": '{"properties": {"a": {"$ref": "#"}}}'})
    nested = b'{"a":' * 900 + b"1" + b"}" * 900
    assert models.faults("M", b'{"a": {"a": {}}}') == []
    assert models.faults("M", nested) in ([], [BodyFault("the body cannot be checked", "RecursionError")])


def test_the_model_for_a_content_type() -> None:
    models = {"Application/JSON": "a", "$default": "b"}
    assert [model_for(models, kind) for kind in (None, "", "application/json ;x", "text/plain")] == list(
        "aaab"
    )
    assert model_for({}, "application/json") is None


# --- agreement with jsonschema ------------------------------------------------------------------------------------

_NAMES = st.sampled_from(["a", "b", "c"])
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)
_TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
_SIZES = st.integers(0, 3)
_SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": _TYPES | st.lists(_TYPES, min_size=1, max_size=2, unique=True),
            "minimum": st.integers(-3, 3),
            "maxLength": _SIZES,
            "minLength": _SIZES,
            "pattern": st.sampled_from(["^a", "[0-9]+", "b$"]),
            "enum": st.lists(st.integers(0, 3) | st.text(max_size=2), min_size=1, max_size=3, unique=True),
            "required": st.lists(_NAMES, min_size=1, max_size=2, unique=True),
            "multipleOf": st.sampled_from([1, 0.5, 3]),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(_NAMES, inner, max_size=3),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
            "maxItems": _SIZES,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=6,
)


@given(schema=_SCHEMAS, content=_JSON)
@settings(max_examples=150, deadline=None)
def test_a_body_is_refused_if_and_only_if_jsonschema_refuses_it(schema: dict[str, Any], content: Any) -> None:
    faults = BodyModels("api", {"M": json.dumps(schema)}).faults("M", json.dumps(content).encode())
    assert (faults == []) is Draft4Validator(schema).is_valid(content)


@given(body=st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_any_body_is_an_answer(body: bytes) -> None:
    models = BodyModels("api", {"Person": json.dumps(PERSON)})
    assert isinstance(models.faults("Person", body), list)


def test_the_log_names_the_rule_and_not_what_was_sent(make_api: MakeApi) -> None:
    api = with_models(make_api, {"application/json": "Person"}, Person=PERSON)
    assert api.call("POST", "/a", body=b'{"age": "secret", "secret": 1}').status == 400
    line = (api.cloud.directory / "logs" / "requests.log").read_text().splitlines()[-1]
    assert "the body does not fit model Person: " in line
    assert "properties/age/type" in line
    assert "secret" not in line


@given(
    body=st.binary(max_size=200), content_type=st.sampled_from([None, "application/json", "image/png", "x"])
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_the_gateway_fail(
    validated: DeployedApi, body: bytes, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = validated.call("POST", "/a", body=body, headers=headers)
    assert response.status in (200, 400)


@pytest.fixture
def validated(make_api: MakeApi) -> DeployedApi:
    return with_models(make_api, {"$default": "Person"}, Person=PERSON)


def test_models_that_were_used_can_be_saved() -> None:
    models = BodyModels("api", {"M": '{"properties": {"a": {"$ref": "#"}}, "required": ["a"]}'})
    faults = models.faults("M", b"{}")
    assert faults != []
    saved = pickle.dumps(models)
    assert pickle.loads(saved).faults("M", b"{}") == faults  # noqa: S301 - written a line above
