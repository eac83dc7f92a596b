"""From pydantic models to API Gateway's draft-04 and to OpenAPI 3.0."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from openapi_schema_validator import OAS31Validator
from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    Json,
    RootModel,
    SecretStr,
    StringConstraints,
    Tag,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from constructs_lib.errors import InvalidArgumentError, LimitExceededError
from constructs_lib.validation.model_schema import (
    COMPONENTS,
    DRAFT_04,
    MAX_MODEL_BYTES,
    model_schema,
    openapi_schemas,
)
from constructs_lib.validation.schema_patterns import foreign_syntax
from handlers.embeddings import models as embeddings
from handlers.language import models as language
from handlers.orchestrator import models as orchestrator
from handlers.vision import models as vision

REQUESTS = [
    (vision.TextRequest, {"image": "iVBORw0KGgo="}, {"image": ""}),
    (vision.LabelsRequest, {"image": "iVBORw0KGgo=", "max_labels": 3}, {"image": "iVBORw0KGgo=", "max_labels": 0}),
    (vision.PreviewRequest, {"image": "iVBORw0KGgo=", "max_side": 16}, {"image": "iVBORw0KGgo=", "max_side": 15}),
    (language.StyledSummaryRequest, {"text": "Hi", "style": "abstractive"}, {"text": "Hi", "style": "short"}),
    (language.AnalysisRequest, {"text": "Hi", "language": None}, {"text": "Hi", "language": "English"}),
    (language.AnalysisRequest, {"text": "Grüße", "language": "de"}, {"text": " \n"}),
    (embeddings.EmbeddingsRequest, {"inputs": ["a", "b"], "normalize": False}, {"inputs": []}),
    (embeddings.SimilarityRequest, {"query": "a", "candidates": ["b"]}, {"query": "a"}),
    (orchestrator.DispatchRequest, {"service": "x", "input": {"a": [1]}}, {"service": "x", "input": {}, "more": 1}),
]  # fmt: skip
RESPONSES = [
    vision.TextResponse, vision.LabelsResponse, vision.PreviewResponse, language.AnalysisResponse, embeddings.EmbeddingsResponse,
    embeddings.SimilarityResponse, orchestrator.DispatchResponse, orchestrator.ServicesResponse,
    orchestrator.HealthResponse,
]  # fmt: skip


def openapi_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model for OpenAPI, as a validator can read it that knows no other part of the document."""
    first, *_ = schemas = openapi_schemas(model)
    text = json.dumps({"$ref": f"#/$defs/{first}", "$defs": schemas})
    schema: dict[str, Any] = json.loads(text.replace(COMPONENTS, "#/$defs/"))
    return schema


def field(annotation: Any, **config: Any) -> type[BaseModel]:
    """A model with one field, `it`."""
    return create_model("Thing", it=(annotation, ...), __config__=ConfigDict(**config))


def draft4_of(annotation: Any, **config: Any) -> Any:
    schema = model_schema(field(annotation, **config))
    Draft4Validator.check_schema(schema)
    return schema["properties"]["it"]


def refusal(model: Any, translate: Callable[[Any], Any] = model_schema) -> str:
    with pytest.raises(InvalidArgumentError) as wrong:
        translate(model)
    return str(wrong.value)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: float
    y: float


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


Animal = Annotated[Cat | Dog, Field(discriminator="kind")]
CAT = {
    "type": "object",
    "title": "Cat",
    "required": ["kind"],
    "properties": {"kind": {"type": "string", "enum": ["cat"]}, "lives": {"type": "integer", "default": 9}},
}
DOG = {
    "type": "object",
    "title": "Dog",
    "required": ["kind"],
    "properties": {
        "kind": {"type": "string", "enum": ["dog"]},
        "tricks": {"type": "array", "default": [], "items": {"type": "string"}},
    },
}


def test_the_schema_says_its_dialect_and_holds_nothing_but_the_models_rules() -> None:
    class Order(BaseModel):
        """A customer's wish."""

        model_config = ConfigDict(extra="forbid")

        sku: str = Field(
            min_length=1, max_length=9, pattern="^[A-Z]+$", alias="SKU", description="The article."
        )
        amount: int = Field(gt=0, default=1)

    assert model_schema(Order) == {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Order",
        "description": "A customer's wish.",
        "type": "object",
        "required": ["SKU"],
        "properties": {
            "SKU": {
                "type": "string",
                "minLength": 1,
                "maxLength": 9,
                "pattern": "^[A-Z]+$",
                "description": "The article.",
            },
            "amount": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "default": 1},
        },
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        # numbers
        (Annotated[int, Field(gt=1, lt=9)], {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": True}),
        (Annotated[int, Field(gt=0, ge=3)], {"type": "integer", "minimum": 3}),
        (Annotated[int, Field(gt=3, ge=3)], {"type": "integer", "minimum": 3, "exclusiveMinimum": True}),
        (Annotated[int, Field(lt=3, le=2)], {"type": "integer", "maximum": 2}),
        (Annotated[float, Field(ge=0, multiple_of=0.5)], {"type": "number", "minimum": 0, "multipleOf": 0.5}),
        (Annotated[float, Field(ge=float("-inf"), lt=float("inf"))], {"type": "number"}),
        (decimal.Decimal, {"anyOf": [{"type": "number"}, {"type": "string"}]}),
        # constants and enumerations
        (Literal["a"], {"type": "string", "enum": ["a"]}),
        (Literal[1, "a", None], {"enum": [1, "a", None]}),
        (Colour, {"type": "string", "enum": ["red", "blue"], "title": "Colour"}),
        # null
        (str | None, {"type": ["string", "null"]}),
        (Colour | None, {"type": ["string", "null"], "enum": ["red", "blue", None], "title": "Colour"}),
        (Annotated[int, Field(gt=2)] | None, {"type": ["integer", "null"], "minimum": 2, "exclusiveMinimum": True}),
        (int | str | None, {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}),
        (Any | None, {"anyOf": [{}, {"type": "null"}]}),
        (None, {"type": "null"}),
        # arrays
        (tuple[int, str], {"type": "array", "minItems": 2, "maxItems": 2, "items": [{"type": "integer"}, {"type": "string"}]}),
        (tuple[()], {"type": "array", "minItems": 0, "maxItems": 0}),
        (Point, {"type": "array", "minItems": 2, "maxItems": 2, "items": [{"type": "number"}, {"type": "number"}]}),
        (set[int], {"type": "array", "items": {"type": "integer"}}),
        (frozenset[int], {"type": "array", "items": {"type": "integer"}}),
        (Annotated[set[int], Field(min_length=1, max_length=2)], {"type": "array", "minItems": 1, "items": {"type": "integer"}}),
        (Annotated[list[int], Field(json_schema_extra={"uniqueItems": True})], {"type": "array", "uniqueItems": True, "items": {"type": "integer"}}),
        (list[Any], {"type": "array", "items": {}}),
        # objects
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (dict[str, Any], {"type": "object", "additionalProperties": True}),
        (dict[Literal["a", "b"], int], {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "additionalProperties": False}),
        (dict[Colour, Any], {"type": "object", "properties": {"red": {}, "blue": {}}, "additionalProperties": False}),
        (dict[uuid.UUID, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (dict[Annotated[str, Field(pattern="^x")], int], {"type": "object", "patternProperties": {"^x": {"type": "integer"}}}),
        # unions
        (Animal, {"anyOf": [CAT, DOG]}),
        (list[Cat], {"type": "array", "items": CAT}),
        (Cat | None, {**CAT, "type": ["object", "null"]}),
        # what says nothing about what is valid
        (dt.datetime, {"type": "string"}),
        (HttpUrl, {"type": "string", "minLength": 1, "maxLength": 2083}),
        (SecretStr, {"type": "string"}),
        (Json[list[int]], {"type": "string"}),
        (Annotated[str, Field(examples=["a"], json_schema_extra={"x-order": 1, "example": "b", "readOnly": True})], {"type": "string"}),
        # where the text is not what the limit is about
        (Annotated[bytes, Field(min_length=3, max_length=9)], {"type": "string"}),
        (Annotated[Base64Bytes, Field(max_length=9)], {"type": "string"}),
        (Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=5, pattern="^a")], {"type": "string", "minLength": 2}),
        # what a model says by hand
        (Annotated[str, WithJsonSchema({"type": "string", "contentEncoding": "base64", "minLength": 1})], {"type": "string", "minLength": 1}),
        (Annotated[Any, WithJsonSchema({"allOf": [True, {"not": False}]})], {"allOf": [{}, {"not": {"not": {}}}]}),
        (Annotated[Any, WithJsonSchema({"type": "array", "prefixItems": [{"type": "string"}], "items": False})], {"type": "array", "items": [{"type": "string"}], "additionalItems": False}),
        (Annotated[Any, WithJsonSchema({"type": "array", "prefixItems": [{}], "items": {"const": 1}})], {"type": "array", "items": [{}], "additionalItems": {"enum": [1]}}),
        (Annotated[Any, WithJsonSchema({"type": "array", "items": [{}], "additionalItems": False})], {"type": "array", "items": [{}], "additionalItems": False}),
        (Annotated[Any, WithJsonSchema({"minimum": 1, "exclusiveMinimum": True})], {"minimum": 1, "exclusiveMinimum": True}),
        (Annotated[Any, WithJsonSchema({"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"required": ["d"]}}})], {"dependencies": {"c": {"required": ["d"]}, "a": ["b"]}}),
        (Annotated[Any, WithJsonSchema({"anyOf": [{"minimum": 1}, {"maximum": 0}], "oneOf": [{"type": "integer"}, {"type": "null"}]})], {"anyOf": [{"minimum": 1}, {"maximum": 0}], "allOf": [{"type": ["integer", "null"]}]}),
        (Annotated[Any, WithJsonSchema({"type": "string", "anyOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]})], {"type": "string", "allOf": [{"type": ["string", "null"], "maxLength": 2}]}),
        (Annotated[dict[str, int], Field(json_schema_extra={"propertyNames": {"pattern": "^[a-z]$"}})], {"type": "object", "patternProperties": {"^[a-z]$": {"type": "integer"}}, "additionalProperties": False}),
    ],
)  # fmt: skip
def test_what_pydantic_says_is_said_in_draft_04(annotation: Any, expected: object) -> None:
    assert draft4_of(annotation) == expected


def test_what_stands_beside_a_reference_keeps_its_meaning() -> None:
    class Box(BaseModel):
        cat: Cat = Field(description="Schrödinger's.")
        narrow: Annotated[Cat, Field(json_schema_extra={"maxProperties": 1})]

    properties = model_schema(Box)["properties"]
    assert properties["cat"] == {**CAT, "description": "Schrödinger's."}
    assert properties["narrow"] == {"allOf": [CAT, {"maxProperties": 1}]}


def test_a_field_may_have_the_name_of_a_keyword() -> None:
    model = create_model(
        "Odd", ref=(Annotated[int, Field(alias="$ref")], ...), enum=(int, 1), items=(Cat, ...)
    )
    assert model_schema(model)["properties"] == {
        "$ref": {"type": "integer"},
        "enum": {"type": "integer", "default": 1},
        "items": CAT,
    }


def test_a_request_may_be_something_else_than_an_object() -> None:
    class Numbers(RootModel[list[int]]):
        pass

    assert model_schema(Numbers) == {
        "$schema": DRAFT_04,
        "title": "Numbers",
        "type": "array",
        "items": {"type": "integer"},
    }


def test_a_default_that_json_cannot_hold_is_left_out() -> None:
    model = create_model("Defaults", far=(float, float("inf")), odd=(Any, object()), near=(float, 1.5))
    assert model_schema(model)["properties"] == {
        "far": {"type": "number"},
        "odd": {},
        "near": {"type": "number", "default": 1.5},
    }


def test_a_model_that_strips_its_texts_has_no_limit_on_their_length() -> None:
    text = Annotated[str, Field(max_length=3)]
    assert draft4_of(text, str_strip_whitespace=True) == {"type": "string"}
    assert draft4_of(text) == {"type": "string", "maxLength": 3}


def test_a_union_whose_options_overlap_takes_what_pydantic_takes() -> None:
    def kind(value: Any) -> str:
        return "small"

    overlapping = Annotated[
        Annotated[int, Field(ge=0), Tag("small")] | Annotated[int, Field(ge=-9), Tag("large")],
        Discriminator(kind),
    ]
    schema = draft4_of(overlapping)
    assert schema == {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "minimum": -9}]}
    Draft4Validator(schema).validate(1)


class Node(BaseModel):
    name: str
    children: list[Node] = []


class Tree(BaseModel):
    roots: dict[str, tuple[int, Node]]


def hand_written(**schema: Any) -> type[BaseModel]:
    return create_model("Thing", outer=(list[field(Annotated[Any, WithJsonSchema(schema)])], ...))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Node, "Node: field 'children[]' refers back to 'Node', and API Gateway models cannot have references; write a model for each level, or type the field as dict[str, Any] and check it in the handler"),
        (Tree, "Tree: field 'roots.*[1].children[]' refers back to 'Node', and API Gateway models cannot have references; write a model for each level, or type the field as dict[str, Any] and check it in the handler"),
        (field(Callable[[], int]), "Thing: field 'it' has a type without a form in JSON (callable); use a JSON type, or add a schema with WithJsonSchema"),
        (field(list[int | Callable[[], int]]), "Thing: field 'it[]' has a type without a form in JSON (callable); use a JSON type, or add a schema with WithJsonSchema"),
        (field(Annotated[str, Field(pattern=re.compile("a", re.IGNORECASE))]), "Thing: field 'it' has a type without a form in JSON (a string with the pattern 'a' and flags); use a JSON type, or add a schema with WithJsonSchema"),
        (field(Annotated[str, Field(pattern="(?i)a")]), "Thing: field 'it' has the pattern '(?i)a' with '(?i)', flags, which patterns of JSON Schema (ECMA 262) do not have; write the pattern without flags, such as [Aa] for a"),
        (field(dict[Annotated[str, Field(pattern=r"\Aa")], int]), r"Thing: field 'it' has the pattern '\\Aa' with '\A', an anchor of Python's, which patterns of JSON Schema (ECMA 262) do not have; use ^ and $"),
        (field(dict[Annotated[str, Field(min_length=2)], int]), "Thing: field 'it' limits the names of its properties by minLength, which API Gateway models cannot express; limit them by a pattern or by a Literal"),
        (hand_written(propertyNames={"pattern": "a", "enum": ["a"]}), "Thing: field 'outer[].it' limits the names of its properties by a list and a pattern, which API Gateway models cannot express; limit them by a pattern or by a Literal"),
        (hand_written(contains={"type": "string"}), "Thing: field 'outer[].it' has 'contains', which API Gateway models do not support; check it in the handler, and exclude it from the schema with WithJsonSchema"),
        (hand_written(**{"if": {}, "then": {}}), "Thing: field 'outer[].it' has 'if', which API Gateway models do not support; check it in the handler, and exclude it from the schema with WithJsonSchema"),
        (hand_written(items="string"), "Thing: field 'outer[].it[]' has 'string' in place of a schema; correct its json_schema_extra"),
        (hand_written(enum=[]), "Thing: field 'outer[].it' allows no value; remove the field"),
        (hand_written(const=float("nan")), "Thing: field 'outer[].it' allows a number that JSON does not have; exclude infinite numbers and NaN"),
        (hand_written(**{"$ref": "https://example.com/a.json"}), "Thing: field 'outer[].it' refers to 'https://example.com/a.json', which is not in its model; inline that schema"),
        (hand_written(**{"$ref": "#/$defs/A"}), "Thing: its schema refers to '#/$defs/A', which is not in it; inline that schema"),
        (create_model("Later", it=("Missing", ...)), "Later: pydantic cannot generate its schema: `Later` is not fully defined; you should define `Missing`, then call `Later.model_rebuild()`; define the types that the model refers to before the stack, and use types that pydantic supports"),
        (dict[str, int], "model: dict[str, int] is not a pydantic model; pass a class that derives from pydantic.BaseModel"),
        (BaseModel, "model: BaseModel is not a pydantic model; pass a class that derives from pydantic.BaseModel"),
    ],
)  # fmt: skip
def test_what_cannot_be_expressed_names_the_field(model: Any, message: str) -> None:
    assert refusal(model) == message


def test_an_error_may_be_about_the_construct_that_takes_the_model() -> None:
    with pytest.raises(InvalidArgumentError) as wrong:
        model_schema(Node, where="shop/api/node")
    assert wrong.value.where == "shop/api/node"


def test_a_schema_over_the_limit_of_a_model_is_refused() -> None:
    def with_description(length: int) -> type[BaseModel]:
        return create_model("Long", it=(Annotated[str, Field(description="d" * length)], ...))

    spare = MAX_MODEL_BYTES - len(json.dumps(model_schema(with_description(0))))
    model_schema(with_description(spare))
    with pytest.raises(LimitExceededError) as wrong:
        model_schema(with_description(spare + 1))
    assert str(wrong.value) == (
        "Long: its schema has 400001 bytes once references are written out; stay within 400000: shorten descriptions, or type a part as dict[str, Any]"
    )


def test_models_that_hold_each_other_many_times_over_are_refused_before_they_fill_the_memory() -> None:
    model = create_model("Level0", it=(int, 0))
    for level in range(1, 60):
        model = create_model(f"Level{level}", left=(model, ...), right=(model, ...))
    with pytest.raises(LimitExceededError) as wrong:
        model_schema(model)
    assert str(wrong.value) == (
        "Level59: its schema has more than 20000 parts with references inlined; nest fewer models, or type a part as dict[str, Any]"
    )


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        (r"(?P<year>\d+)", "'(?P<', a named group"),
        (r"(?<year>\d+)", "'(?<', a named group"),
        (r"a(?<=a)b", "'(?<=', a look-behind"),
        (r"a(?i:b)", "'(?i:', flags"),
        (r"a\Z", r"'\Z', an anchor of Python's"),
        (r"(?>a)", "'(?>', a group of Python's"),
        (r"a++", "'++', a possessive quantifier"),
        (r"\p{L}", r"'\p', a Unicode class"),
        (r"[^\pL]", r"'\p', a Unicode class"),
        (r"[[:alpha:]]", "'[:', a POSIX class"),
        (r"[a-z&&[^b]]", "'&&', an intersection"),
        (r"\x{1F600}", r"'\x{', a code point in braces"),
    ],
)
def test_a_pattern_that_is_none_of_ecma_262_is_found(pattern: str, what: str) -> None:
    found = foreign_syntax(pattern)
    assert found is not None
    assert found.what == what


@pytest.mark.parametrize(
    "pattern",
    [
        r"\S", r"^[a-z]{2,3}(-[A-Z]{2})?$", r"\\A", r"a\+\+", r"(?:a|b)+?", r"(?=a)(?!b)", r"[(?i)]", r"\[[:]", r"[*+]+",
        r"[]a]", r"\x41\u0041", r"a{2}", r"(\d+)\1", r"[\]&]&&", "",
    ],
)  # fmt: skip
def test_a_pattern_of_ecma_262_is_left_alone(pattern: str) -> None:
    assert foreign_syntax(pattern) is None
    assert draft4_of(Annotated[str, WithJsonSchema({"pattern": pattern})]) == {"pattern": pattern}


@pytest.mark.parametrize(("model", "good", "bad"), REQUESTS)
def test_every_request_of_the_handlers_translates(
    model: type[BaseModel], good: dict[str, Any], bad: dict[str, Any]
) -> None:
    assert "$ref" not in json.dumps(model_schema(model))
    for schema, validator in (
        (model_schema(model), Draft4Validator),
        (openapi_schema(model), OAS31Validator),
    ):
        validator.check_schema(schema)
        model.model_validate_json(json.dumps(good))
        assert validator(schema).is_valid(good)
        assert not validator(schema).is_valid(bad)
        assert not validator(schema).is_valid({**good, "unknown": 1})
        assert not validator(schema).is_valid([good])


@pytest.mark.parametrize("model", RESPONSES)
def test_every_response_of_the_handlers_translates(model: type[BaseModel]) -> None:
    for schema in openapi_schemas(model, mode="serialization").values():
        OAS31Validator.check_schema(schema)
        assert schema["type"] == "object"


def test_every_request_and_response_is_in_these_tests() -> None:
    tested = {model for model, _, _ in REQUESTS} | set(RESPONSES)
    defined = {
        model
        for module in (vision, language, embeddings, orchestrator)
        for name, model in vars(module).items()
        if isinstance(model, type)
        and model.__module__ == module.__name__
        and name.endswith(("Request", "Response"))
    }
    assert tested == defined


def test_it_loads_no_binding() -> None:
    program = (
        "import sys, constructs_lib.validation.model_schema; "
        "print([name for name in sys.modules if name.split('.')[0] in {'cdktf', 'constructs', 'jsii'}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Random models: what a strict model takes, its schema takes.

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.floats(-20, 20) | st.text("abé😀 ", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcxyz"), inner, max_size=3),
    max_leaves=6,
)


def limited_numbers(kind: type) -> st.SearchStrategy[Any]:
    limits = st.fixed_dictionaries(
        {}, optional={name: st.integers(-5, 5) for name in ("gt", "ge", "lt", "le")}
    )
    return limits.map(lambda chosen: Annotated[kind, Field(**chosen)])


def limited_texts() -> st.SearchStrategy[Any]:
    limits = {
        "min_length": st.integers(0, 2),
        "max_length": st.integers(2, 4),
        "pattern": st.sampled_from([r"\S", "^a", "b$", "[ab]é?"]),
    }
    return st.fixed_dictionaries({}, optional=limits).map(lambda chosen: Annotated[str, Field(**chosen)])


SCALARS = st.one_of(
    st.sampled_from([bool, Any, None, Colour, bytes, Literal["a", 1, None], Literal["b"], decimal.Decimal]),
    limited_numbers(int),
    limited_numbers(float),
    limited_texts(),
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    sizes = st.fixed_dictionaries(
        {}, optional={"min_length": st.integers(0, 1), "max_length": st.integers(1, 3)}
    )
    keys = st.sampled_from([str, Literal["a", "b"], Annotated[str, Field(pattern="^[abc]$")]])
    return st.one_of(
        st.tuples(inner, sizes).map(lambda both: Annotated[list[both[0]], Field(**both[1])]),  # type: ignore[misc]
        st.tuples(inner, inner).map(lambda both: tuple[both[0], both[1]]),  # type: ignore[misc]
        st.tuples(keys, inner).map(lambda both: dict[both[0], both[1]]),  # type: ignore[misc]
        inner.map(lambda one: Optional[one]),  # noqa: UP045 - None | None is not a type
        st.tuples(inner, inner).map(lambda both: Annotated[both[0], "left"] | Annotated[both[1], "right"]),
        models(inner),
    )


@st.composite
def models(draw: Callable[..., Any], inner: st.SearchStrategy[Any]) -> type[BaseModel]:
    names = draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3))
    fields: dict[str, Any] = {}
    for name in names:
        default = draw(st.sampled_from([..., None]))
        alias = draw(st.sampled_from([None, f"{name}-alias"]))
        fields[name] = (draw(inner), Field(default, alias=alias))
    extra = draw(st.sampled_from(["forbid", "ignore", "allow"]))
    return create_model("Random", __config__=ConfigDict(extra=extra, strict=True), **fields)


MODELS = models(st.recursive(SCALARS, containers, max_leaves=6))


LEAVES = {
    "string": st.text("abé😀 ", max_size=5),
    "integer": st.integers(-7, 7),
    "number": st.integers(-7, 7) | st.floats(-7, 7),
    "boolean": st.booleans(),
    "null": st.none(),
}


def documents(schema: Any) -> st.SearchStrategy[Any]:
    """Documents near a schema: most fit it, and some do not."""
    if "anyOf" in schema:
        return st.one_of(*map(documents, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        return st.one_of(*(documents({**schema, "type": kind}) for kind in kinds))
    if kinds == "array":
        items = schema.get("items", {})
        if isinstance(items, list):
            return st.tuples(*map(documents, items)).map(list)
        return st.lists(documents(items), max_size=3)
    if kinds != "object":
        return LEAVES.get(kinds, JSON_VALUES)
    named = {name: documents(part) for name, part in schema.get("properties", {}).items()}
    for part in schema.get("patternProperties", {}).values():
        named |= dict.fromkeys("ab", documents(part))
    rest = schema.get("additionalProperties")
    others = st.dictionaries(
        st.sampled_from("ax"), documents(rest) if isinstance(rest, dict) else JSON_VALUES, max_size=2
    )
    return st.one_of(
        st.fixed_dictionaries(named),
        st.fixed_dictionaries({}, optional=named),
        st.tuples(others, st.fixed_dictionaries(named)).map(lambda both: both[0] | both[1]),
        JSON_VALUES,
    )


@settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], max_examples=60
)
@given(st.data())
def test_what_a_random_model_takes_its_schemas_take(data: st.DataObject) -> None:
    model = data.draw(MODELS)
    schema, open_schema = model_schema(model), openapi_schema(model)
    Draft4Validator.check_schema(schema)
    OAS31Validator.check_schema(open_schema)
    document = data.draw(documents(schema))
    try:
        taken = model.model_validate_json(json.dumps(document))
    except ValidationError:
        return
    assert Draft4Validator(schema).is_valid(document)
    assert OAS31Validator(open_schema).is_valid(document)
    written = json.loads(taken.model_dump_json(by_alias=True, exclude_unset=True))
    assert Draft4Validator(schema).is_valid(written)


class Address(BaseModel):
    city: str


class Branch(BaseModel):
    address: Address = Field(description="Where it is.")
    former: Address | None = None
    branches: list[Branch] = []


def test_models_within_a_model_are_components_which_may_refer_to_themselves() -> None:
    schemas = openapi_schemas(Branch)
    assert list(schemas) == ["Branch", "Address"]
    properties = schemas["Branch"]["properties"]
    assert properties["address"] == {"$ref": "#/components/schemas/Address", "description": "Where it is."}
    assert properties["former"] == {
        "anyOf": [{"$ref": "#/components/schemas/Address"}, {"type": "null"}],
        "default": None,
    }
    assert properties["branches"]["items"] == {"$ref": "#/components/schemas/Branch"}
    assert schemas["Address"]["required"] == ["city"]


def test_a_response_that_json_cannot_hold_is_rejected() -> None:
    assert refusal(field(Callable[[], int]), openapi_schemas) == (
        "Thing: field 'it' has a type without a form in JSON (callable); use a JSON type, or add a schema with WithJsonSchema"
    )
