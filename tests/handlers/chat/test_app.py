"""The chat function over HTTP: OpenAI's requests, answers and errors."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from openai.types import embedding_create_params
from openai.types.chat import ChatCompletionChunk, completion_create_params

from handlers.chat.app import create_service
from handlers.chat.backend import CallPiece, End, TextPiece
from handlers.chat.backends import Backends
from handlers.chat.embeddings_models import EmbeddingRequest
from handlers.chat.models import ChatRequest
from handlers.chat.router import Router
from handlers.chat.routes import Routes, Target
from handlers.common.errors import BackendUnavailable, ServiceError
from handlers.common.logs import InvocationLog
from tests.support.chat import (
    ENDED,
    HELLO,
    OFFLINE,
    PIXEL,
    VECTOR,
    WEATHER,
    FakeLambda,
    FakeModel,
    chat_service,
    route,
)
from tests.support.events import REQUEST_ID, Answer, ask, ask_for_events, authorized, proxy_event

CANARY = "canary-7f3e"


def post(body: object, model: object | None = None, path: str = "/v1/chat/completions") -> Answer:
    service = chat_service(model or FakeModel("Hello!"))
    return ask(service, proxy_event(json.dumps(body), resource=path))


def complete(**fields: Any) -> Answer:
    return post({"model": "fast", "messages": [HELLO], **fields})


def error_of(answer: Answer) -> dict[str, Any]:
    assert answer.headers["x-request-id"] == REQUEST_ID
    assert set(answer.body["error"]) == {"message", "type", "param", "code"}
    assert CANARY not in answer.raw
    error: dict[str, Any] = answer.body["error"]
    return error


def test_a_conversation_is_answered() -> None:
    model = FakeModel("Hello!")
    answer = post({"model": "gpt-4o-mini", "messages": [HELLO], "n": 1, "stream": False, "stop": None}, model)
    assert answer.status == 200
    assert answer.headers["x-request-id"] == REQUEST_ID
    assert answer.headers["x-model-target"] == "offline:smollm2-135m-instruct"
    assert answer.body.pop("id").startswith("chatcmpl-")
    assert answer.body.pop("created") > 1_700_000_000
    assert answer.body == {
        "object": "chat.completion",
        "model": "smollm2-135m-instruct",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello!", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    }


def test_every_parameter_of_openai_is_known_by_name() -> None:
    parameters = completion_create_params.CompletionCreateParamsBase.__annotations__
    assert set(ChatRequest.model_fields) == {*parameters, "stream"}
    assert set(EmbeddingRequest.model_fields) == set(
        embedding_create_params.EmbeddingCreateParams.__annotations__
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("stream", True, "stream is not supported here; remove it, or send false."),
        ("stream_options", {}, "stream_options should be left out unless stream is true."),
        ("n", 2, "n is not supported; remove it, or send 1."),
        ("n", True, "n is not supported; remove it, or send 1."),
        ("logprobs", True, "logprobs is not supported; remove it, or send false."),
        ("logit_bias", {CANARY: 1}, "logit_bias is not supported; remove it."),
        ("user", CANARY, "user is not supported; remove it."),
        ("metadata", {}, "metadata is not supported; remove it."),
        (
            "temperature",
            2.5,
            "temperature should be at most 2.0.",
        ),
        ("max_tokens", 0, "max_tokens should be at least 1."),
        ("tool_choice", "auto", "tool_choice should be left out without tools."),
        ("tools", [WEATHER, WEATHER], "tools should have functions with different names."),
        ("messages", [], "messages should not be empty."),
        ("messages", [{"role": "user"}], "messages[0] should have content."),
        (
            "messages",
            [{"role": "tool", "content": "x", "tool_call_id": "c1"}],
            "messages should have each tool message after the assistant's call that it answers.",
        ),
        (
            "response_format",
            {"type": "json_schema"},
            "response_format should have json_schema if and only if its type is json_schema.",
        ),
    ],
)
def test_what_is_wrong_is_named(field: str, value: object, message: str) -> None:
    answer = complete(**{field: value})
    assert answer.status == 400
    assert answer.headers["x-should-retry"] == "false"
    error = error_of(answer)
    assert (error["message"], error["type"], error["code"]) == (
        message,
        "invalid_request_error",
        "invalid_request",
    )
    assert error["param"] == message.partition(" ")[0]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            f"https://shop.example/{CANARY}.png",
            "should be a data: URL of a PNG, JPEG, GIF or WebP image in base64",
        ),
        ("data:image/png;base64,###", "should hold an image in standard base64 with padding"),
    ],
)
def test_images_come_with_the_request(url: str, problem: str) -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    error = error_of(complete(messages=[{"role": "user", "content": parts}]))
    assert error["message"] == f"messages[0].content[1].image_url.url {problem}."
    assert error["param"] == "messages[0].content[1].image_url.url"


def test_an_unknown_field_is_refused_without_its_name() -> None:
    error = error_of(complete(**{CANARY: 1}))
    assert error["message"].startswith("the request has a field that is not known")


def test_an_unknown_model() -> None:
    answer = post({"model": CANARY, "messages": [HELLO]})
    assert answer.status == 404
    assert error_of(answer) == {
        "message": "Unknown model. Available: fast, gpt-4o-mini.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }


def test_a_busy_model_says_when_to_retry() -> None:
    answer = post(
        {"model": "fast", "messages": [HELLO]}, FakeModel(BackendUnavailable(retry_after_seconds=17))
    )
    assert (answer.status, answer.headers["Retry-After"]) == (503, "17")
    assert "x-should-retry" not in answer.headers
    assert error_of(answer)["type"] == "server_error"


def test_where_a_retry_cannot_help_the_sdk_is_stopped() -> None:
    answer = post({"model": "fast", "messages": [HELLO]}, FakeModel(RuntimeError(CANARY)))
    assert (answer.status, answer.headers["x-should-retry"]) == (500, "false")
    assert error_of(answer)["code"] == "internal_error"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_other_methods_are_refused_in_openai_s_form(method: str) -> None:
    answer = ask(
        chat_service(FakeModel("")), proxy_event(None, method=method, resource="/v1/chat/completions")
    )
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert error_of(answer)["code"] == "method_not_allowed"


def test_the_models() -> None:
    service = chat_service(FakeModel(""))
    listed = ask(service, proxy_event(None, method="GET", resource="/v1/models")).body
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["fast", "gpt-4o-mini", "embeddings"]
    event = proxy_event(None, method="GET", resource="/v1/models/{model}")
    event["pathParameters"] = {"model": "fast"}
    assert ask(service, event).body == listed["data"][0]
    event["pathParameters"] = {"model": CANARY}
    missing = ask(service, event)
    assert (missing.status, error_of(missing)["param"]) == (404, "model")


def as_tenant(event: dict[str, Any], **rights: str) -> dict[str, Any]:
    event["requestContext"]["authorizer"] = authorized("acme", "acme", **rights)
    return event


@pytest.mark.parametrize(
    ("models", "listed"),
    [
        ("*", ["fast", "gpt-4o-mini", "embeddings"]),
        ("fast", ["fast", "gpt-4o-mini"]),
        ("embeddings", ["embeddings"]),
        ("", []),
    ],
)
def test_a_tenant_sees_the_models_that_it_may_use(models: str, listed: list[str]) -> None:
    service = chat_service(FakeModel(""))
    event = proxy_event(None, method="GET", resource="/v1/models")
    answer = ask(service, as_tenant(event, models=models))
    assert [model["id"] for model in answer.body["data"]] == listed
    event = proxy_event(None, method="GET", resource="/v1/models/{model}")
    event["pathParameters"] = {"model": "fast"}
    assert ask(service, as_tenant(event, models=models)).status == (200 if "fast" in listed else 404)


def test_a_model_that_the_tenant_may_not_use_is_not_called() -> None:
    service = chat_service(FakeModel("Hello!"), FakeLambda())
    for path, body in (
        ("/v1/chat/completions", {"model": "fast", "messages": [HELLO]}),
        ("/v1/embeddings", {"model": "embeddings", "input": "a"}),
    ):
        event = proxy_event(json.dumps(body), resource=path)
        answer = ask(service, as_tenant(event, models="other"))
        message = f"These credentials may not use the model {body['model']}."
        assert (answer.status, error_of(answer)["message"]) == (403, message)
        assert (error_of(answer)["code"], error_of(answer)["param"]) == ("forbidden", "model")
    event = proxy_event(json.dumps({"model": "poetry", "messages": [HELLO]}), resource="/v1/chat/completions")
    assert error_of(ask(service, as_tenant(event, models="other")))["message"] == "Unknown model."
    event = proxy_event(json.dumps({"model": "fast", "messages": [HELLO]}), resource="/v1/chat/completions")
    assert ask(service, as_tenant(event, models="fast")).status == 200
    event = proxy_event(json.dumps({"model": "fast", "messages": [HELLO]}), resource="/v1/chat/completions")
    denied = ask(service, as_tenant(event, services="vision"))
    assert error_of(denied)["message"] == "These credentials may not use the service chat."


def test_embeddings_come_from_the_embeddings_function() -> None:
    functions = FakeLambda()
    body = {"model": "embeddings", "input": "a cat"}
    service = chat_service(FakeModel(""), functions)
    answer = ask(service, proxy_event(json.dumps(body), resource="/v1/embeddings"))
    assert answer.body == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
        "model": "compass",
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    }
    assert functions.events == [
        {"operation": "embeddings", "input": {"inputs": ["a cat"]}, "requestId": REQUEST_ID}
    ]


def test_embeddings_in_base64() -> None:
    body = {"model": "embeddings", "input": ["a", "b"], "encoding_format": "base64"}
    vectors = post(body, path="/v1/embeddings").body["data"]
    assert [one["index"] for one in vectors] == [0, 1]
    assert struct.unpack("<2f", base64.b64decode(vectors[0]["embedding"])) == pytest.approx(VECTOR)


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "text-embedding-3-small"}, 404, "model"),
        ({"dimensions": 256}, 400, "dimensions"),
        ({"input": [1, 2]}, 400, "input[0]"),
        ({"input": ["  "]}, 400, "input[0]"),
        ({"user": CANARY}, 400, "user"),
    ],
)
def test_wrong_embeddings_requests(fields: dict[str, Any], status: int, param: str) -> None:
    answer = post({"model": "embeddings", "input": "a", **fields}, path="/v1/embeddings")
    assert (answer.status, error_of(answer)["param"]) == (status, param)


def test_what_the_offline_model_cannot_do_is_refused_before_it_loads() -> None:
    router = Router(
        Routes((route(OFFLINE),)),
        backend=Backends(),
        circuits=lambda: pytest.fail("one target has no circuit"),
        report=lambda *_: pytest.fail("one target has no other"),
    )
    service = create_service(lambda: router, lambda: pytest.fail("not needed"))
    image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PIXEL}}]}
    both = {"tools": [WEATHER], "response_format": {"type": "json_object"}}
    for fields, param in (({"messages": [image]}, "messages[0].content"), (both, "response_format")):
        body = {"model": "fast", "messages": [HELLO], **fields}
        answer = ask(service, proxy_event(json.dumps(body), resource="/v1/chat/completions"))
        assert (answer.status, error_of(answer)["param"]) == (400, param)


@pytest.mark.parametrize(
    "target", [Target("offline", "gpt-9"), Target("openai", "x", "http://models.example/v1")]
)
def test_a_target_that_cannot_be_is_a_mistake_of_the_deployment(target: Target) -> None:
    with pytest.raises(ValueError, match=r"is unknown; use|is not https; use https"):
        Backends()(target)


def test_every_error_says_whether_a_retry_helps() -> None:
    def below(kind: type[ServiceError]) -> set[type[ServiceError]]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    helps = {kind.status for kind in below(ServiceError) if kind.retry_helps}
    assert helps == {429, 503, 504}


def test_a_target_that_fails_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    InvocationLog("chat").backend_failure("openai:qwen3", BackendUnavailable(detail="qwen3: 500"))
    line = json.loads(capsys.readouterr().out)
    assert {name: line[name] for name in ("level", "backend", "error_code", "error_detail")} == {
        "level": "WARNING",
        "backend": "openai:qwen3",
        "error_code": "backend_unavailable",
        "error_detail": "qwen3: 500",
    }


def stream(model: FakeModel, **fields: Any) -> Any:
    body = {"model": "fast", "messages": [HELLO], "stream": True, **fields}
    return ask_for_events(chat_service(model), proxy_event(json.dumps(body), resource="/v1/chat/completions"))


def test_a_streamed_answer_is_openai_s() -> None:
    answer = stream(FakeModel("", pieces=[TextPiece("Hel"), TextPiece("lo!"), ENDED]))
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["x-request-id"] == REQUEST_ID
    assert answer.headers["x-model-target"] == "offline:smollm2-135m-instruct"
    *events, done = answer.events
    assert done == (None, "[DONE]")
    chunks = [json.loads(data) for kind, data in events if kind is None]
    assert len({chunk["id"] for chunk in chunks}) == len({chunk["created"] for chunk in chunks}) == 1
    for chunk in chunks:
        assert set(chunk) == {"id", "object", "created", "model", "choices"}
        assert (chunk["object"], chunk["model"]) == ("chat.completion.chunk", "smollm2-135m-instruct")
        ChatCompletionChunk.model_validate(chunk)
    assert [chunk["choices"] for chunk in chunks] == [
        [{"index": 0, "delta": delta, "finish_reason": end, "logprobs": None}]
        for delta, end in (
            ({"role": "assistant", "content": ""}, None),
            ({"content": "Hel"}, None),
            ({"content": "lo!"}, None),
            ({}, "stop"),
        )
    ]
    assert answer.log_line["status"] == 200


def test_the_usage_comes_last_if_it_is_asked_for() -> None:
    *events, _ = stream(FakeModel("Hello!"), stream_options={"include_usage": True}).events
    chunks = [json.loads(data) for _, data in events]
    assert [chunk["usage"] for chunk in chunks] == [
        None,
        None,
        None,
        {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
    ]
    assert chunks[-1]["choices"] == []


def test_tool_calls_are_streamed() -> None:
    pieces = [
        CallPiece(0, "", id="c1", name="get_weather"),
        CallPiece(0, '{"city": "Rome"}'),
        End(finish_reason="tool_calls", prompt_tokens=7, completion_tokens=3),
    ]
    events = stream(FakeModel("", pieces=pieces), tools=[WEATHER]).events
    deltas = [json.loads(data)["choices"][0]["delta"] for _, data in events[1:-2]]
    assert deltas == [
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": ""},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Rome"}'}}]},
    ]
    assert json.loads(events[-2][1])["choices"][0]["finish_reason"] == "tool_calls"


def test_an_error_before_the_first_piece_has_a_status() -> None:
    answer = ask_for_events(
        chat_service(FakeModel(BackendUnavailable(retry_after_seconds=17))),
        proxy_event(
            json.dumps({"model": "fast", "messages": [HELLO], "stream": True}),
            resource="/v1/chat/completions",
        ),
    )
    assert (answer.status, answer.headers["Retry-After"], answer.events) == (503, "17", [])


def test_an_error_in_mid_stream_is_an_event_and_nothing_follows() -> None:
    answer = stream(FakeModel("", pieces=[TextPiece("Hel"), BackendUnavailable(detail="qwen3: cut")]))
    (_, first), (_, second), (kind, data) = answer.events
    assert [json.loads(one)["choices"][0]["delta"]["content"] for one in (first, second)] == ["", "Hel"]
    assert (kind, json.loads(data)["error"]["code"]) == ("error", "backend_unavailable")
    line = answer.log_line
    assert (line["status"], line["error_code"], line["error_detail"]) == (
        503,
        "backend_unavailable",
        "qwen3: cut",
    )


@pytest.mark.parametrize("read", [1, 2, 3])
def test_a_caller_who_disconnects_ends_the_model_s_work(read: int) -> None:
    model = FakeModel("", pieces=[TextPiece("a"), TextPiece("b"), TextPiece("c"), ENDED])
    body = {"model": "fast", "messages": [HELLO], "stream": True}
    event = proxy_event(json.dumps(body), resource="/v1/chat/completions")
    answer = ask_for_events(chat_service(model), event, read=read)
    assert len(answer.events) == read
    assert model.closed == 1
    assert answer.log_line["status"] == 499


def test_a_function_that_streams_answers_whole_too() -> None:
    event = proxy_event(json.dumps({"model": "fast", "messages": [HELLO]}), resource="/v1/chat/completions")
    answer = ask_for_events(chat_service(FakeModel("Hello!")), event)
    assert (answer.status, answer.headers["Content-Type"], answer.events) == (200, "application/json", [])
