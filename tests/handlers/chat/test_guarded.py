"""The chat function behind a guardrail: what models read, what callers see, and what logs hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constructs_lib import Guardrail as RulesOfRoute
from handlers.chat.backend import Call, CallPiece, Completion, End, Piece, TextPiece
from handlers.chat.guarded import GuardedChat
from handlers.chat.openai_chunks import ChunkReader
from handlers.chat.prompts import conversation
from handlers.common.admission import Admission
from handlers.common.deadline import Deadline
from handlers.common.errors import BackendUnavailable, ContentFiltered
from handlers.common.guardrails import Guardrail
from handlers.common.judge import Judge, Verdict
from handlers.common.metered import not_metered
from handlers.common.prompts import PromptRequest
from handlers.common.service import Service
from tests.support.chat import ENDED, PIXEL, WEATHER, FakeModel, chat_service, request
from tests.support.cloud_in_thread import CloudInThread, cloud
from tests.support.events import Answer, Streamed, ask, ask_for_events, authorized, call, proxy_event
from tests.support.guardrails import CARD, EMAIL, JUDGES, PHONE, FakeJudge, guarded, guardrail
from tests.support.meter import MeteredTables, limit
from tests.support.upstream import streamed as chunks_of

__all__ = ["cloud"]

ASKED = {"role": "user", "content": f"Call me at {PHONE}."}
MASKED = "Call me at {PHONE}."


class Model(FakeModel):
    """A model whose whole answer is a `Completion`."""

    def __init__(self, answer: Completion | str, **fields: Any) -> None:
        super().__init__(answer if isinstance(answer, str) else "", **fields)
        self._completion = answer

    def complete(self, request: Any, *, deadline: Any) -> Completion:
        whole = super().complete(request, deadline=deadline)
        return whole if isinstance(self._completion, str) else self._completion


def service_of(model: FakeModel, judge: Judge | None = None) -> Service:
    return chat_service(model, guardrail=guardrail(judge))


def event_of(**body: Any) -> dict[str, Any]:
    whole = {"model": "fast", "messages": [ASKED], **body}
    return proxy_event(json.dumps(whole), resource="/v1/chat/completions")


def post(model: FakeModel, judge: Judge | None = None, **body: Any) -> Answer:
    return ask(service_of(model, judge), event_of(**body))


def streamed(model: FakeModel, judge: Judge | None = None, **body: Any) -> Streamed:
    return ask_for_events(service_of(model, judge), event_of(**body, stream=True))


def chunks_in(answer: Streamed) -> list[dict[str, Any]]:
    return [json.loads(data) for kind, data in answer.events if kind is None and data != "[DONE]"]


def text_in(answer: Streamed) -> str:
    choices = [choice for chunk in chunks_in(answer) for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def whole(answer: Answer) -> dict[str, Any]:
    choice: dict[str, Any] = answer.body["choices"][0]
    return choice


def completion(text: str | None, *calls: Call) -> Completion:
    reason = "tool_calls" if calls else "stop"
    return Completion(text=text, calls=calls, finish_reason=reason, prompt_tokens=7, completion_tokens=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", JUDGES)
def test_a_model_reads_masks_and_a_caller_too(backend: str) -> None:
    model = Model(f"I write to {EMAIL}.")
    answer = post(model, JUDGES[backend]())
    assert [message.text for message in model.requests[0].messages] == [MASKED]
    assert whole(answer)["message"]["content"] == "I write to {EMAIL}."
    assert whole(answer)["finish_reason"] == "stop"
    assert answer.headers["x-guardrail"] == "masked"


@pytest.mark.parametrize("backend", JUDGES)
def test_what_is_fine_passes(backend: str) -> None:
    model = Model("Fine.")
    hello = [{"role": "user", "content": [{"type": "text", "text": "Hello."}]}]
    answer = post(model, JUDGES[backend](), messages=hello, tools=[WEATHER], stop="x")
    assert answer.headers["x-guardrail"] == "passed"
    assert whole(answer)["message"]["content"] == "Fine."
    assert model.requests[0] == request(messages=hello, tools=[WEATHER], stop="x")


@pytest.mark.parametrize("backend", JUDGES)
def test_every_text_of_a_conversation_is_masked(backend: str) -> None:
    earlier = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": json.dumps({"to": EMAIL})},
    }
    model = Model("Done.")
    post(
        model,
        JUDGES[backend](),
        messages=[
            {"role": "system", "content": f"You are {EMAIL}."},
            {"role": "user", "content": [{"type": "text", "text": PHONE}, {"type": "text", "text": "x"}]},
            {"role": "assistant", "content": f"As {PHONE} says.", "tool_calls": [earlier]},
            {"role": "tool", "tool_call_id": "c1", "content": EMAIL},
        ],
    )
    sent = model.requests[0].model_dump_json()
    assert not any(secret in sent for secret in (PHONE, EMAIL))
    assert json.loads(model.requests[0].messages[2].tool_calls[0].function.arguments) == {"to": "{EMAIL}"}  # type: ignore[index]
    assert [message.text for message in model.requests[0].messages] == [
        "You are {EMAIL}.",
        "{PHONE}x",
        "As {PHONE} says.",
        "{EMAIL}",
    ]


def test_only_users_and_tools_can_attack() -> None:
    judge = FakeJudge()
    conversation = [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "question"},
        {"role": "assistant", "content": "answer"},
        {"role": "developer", "content": "more rules"},
        {"role": "user", "content": "why?"},
    ]
    post(Model("Because."), judge, messages=conversation, tools=[WEATHER])
    assert [(text, source) for text, source in judge.judged if "Weather" not in text] == [
        ("question\n\nwhy?", "INPUT"),
        ("rules\n\nanswer\n\nmore rules", "CONTEXT"),
        ("Because.", "OUTPUT"),
    ]
    assert [source for text, source in judge.judged if "Weather of a city." in text] == ["CONTEXT"]


@pytest.mark.parametrize("backend", JUDGES)
@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": f"My card is {CARD}"}]},
        {"messages": [{"role": "user", "content": "What is Project X?"}]},
        {"messages": [{"role": "system", "content": "Project X"}, ASKED]},
        {"tools": [{**WEATHER, "function": {**WEATHER["function"], "description": f"Call {PHONE}"}}]},
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"title": "project x"}}}]},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": {"const": EMAIL}},
            }
        },
        {"stop": [EMAIL]},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_blocked_request_is_openai_s_content_filter(
    backend: str, fields: dict[str, Any], stream: bool
) -> None:
    model = Model("never")
    answer: Any = (
        streamed(model, JUDGES[backend](), **fields) if stream else post(model, JUDGES[backend](), **fields)
    )
    assert answer.status == 400
    assert model.requests == []
    assert answer.headers["x-should-retry"] == "false"
    if not stream:
        assert answer.body["error"] == {
            "message": "A guardrail blocks this content. Change what the request says or asks for.",
            "type": "invalid_request_error",
            "param": None,
            "code": "content_filter",
        }


def test_an_image_is_rejected() -> None:
    content = [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = post(Model("never"), messages=[{"role": "user", "content": content}])
    assert (answer.status, answer.body["error"]["param"]) == (400, "messages[0].content")
    assert answer.body["error"]["message"] == (
        "This model has a guardrail, which reads no images; send text only."
    )


@pytest.mark.parametrize("backend", JUDGES)
def test_a_blocked_answer_ends_before_what_blocks_it(backend: str) -> None:
    text = f"{'First. ' * 100}Pay with {CARD}, please."
    answer = post(Model(text), JUDGES[backend]())
    assert (answer.status, answer.headers["x-guardrail"]) == (200, "blocked")
    assert whole(answer)["finish_reason"] == "content_filter"
    assert whole(answer)["message"]["content"] == ("First. " * 100)[:600]
    assert answer.body["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@pytest.mark.parametrize("backend", JUDGES)
def test_a_blocked_stream_ends_as_the_whole_answer_does(backend: str) -> None:
    text = f"{'First. ' * 100}Pay with {CARD}, please. {'Last. ' * 100}"
    model = FakeModel("", pieces=[*map(TextPiece, text), ENDED])
    answer = streamed(model, JUDGES[backend](), stream_options={"include_usage": True})
    assert text_in(answer) == ("First. " * 100)[:600]
    *_, last, usage = chunks_in(answer)
    assert last["choices"][0] == {
        "index": 0,
        "delta": {},
        "finish_reason": "content_filter",
        "logprobs": None,
    }
    assert usage["usage"]["completion_tokens"] < len(text)
    assert answer.events[-1] == (None, "[DONE]")
    assert model.closed == 1


@pytest.mark.parametrize("backend", JUDGES)
@given(places=st.lists(st.integers(0, 1_000), max_size=12), every=st.booleans())
def test_a_stream_of_bytes_is_judged_as_the_whole_answer_is(
    backend: str, places: list[int], every: bool
) -> None:
    text = f"Ring {PHONE} or jürgen@bücher.example 😀. {'So it is. ' * 40}Again: {PHONE}"
    sent = b"".join(chunks_of(text[:7], text[7:450], text[450:]))
    ends = range(1, len(sent)) if every else sorted({place % len(sent) for place in places})
    cut = [sent[begin:end] for begin, end in zip([0, *ends], [*ends, len(sent)], strict=True)]
    judge = JUDGES[backend]()
    guard = GuardedChat(guarded(judge))
    pieces = guard.pieces(request(), ChunkReader("qwen3").pieces(cut), stopped=lambda: ENDED)
    read = [piece.text for piece in pieces if isinstance(piece, TextPiece)]
    expected = GuardedChat(guarded(judge)).completion(request(), completion(text)).text
    assert "".join(read) == expected
    assert expected == f"Ring {{PHONE}} or {{EMAIL}} 😀. {'So it is. ' * 40}Again: {{PHONE}}"


@pytest.mark.parametrize("backend", JUDGES)
def test_tool_calls_are_judged_and_sent_whole(backend: str) -> None:
    arguments = r'{"to": "\u002b1 202 555 0143", "note": "x"}'
    call = Call("c1", "send", arguments)
    masked = {"to": "{PHONE}", "note": "x"}
    answer = post(Model(completion(None, call)), JUDGES[backend]())
    assert json.loads(whole(answer)["message"]["tool_calls"][0]["function"]["arguments"]) == masked
    parts: list[Piece] = [CallPiece(0, "", id="c1", name="send"), *(CallPiece(0, one) for one in arguments)]
    end = End(finish_reason="tool_calls", prompt_tokens=7, completion_tokens=3)
    events = chunks_in(streamed(FakeModel("", pieces=[TextPiece("I send."), *parts, end]), JUDGES[backend]()))
    calls = [
        choice["delta"]["tool_calls"]
        for event in events
        for choice in event["choices"]
        if choice["delta"].get("tool_calls")
    ]
    assert len(calls) == 1
    assert calls[0][0]["id"] == "c1"
    assert json.loads(calls[0][0]["function"]["arguments"]) == masked


@pytest.mark.parametrize("backend", JUDGES)
@pytest.mark.parametrize(
    "call",
    [
        Call("c1", "pay", json.dumps({"card": CARD})),
        Call("c1", "pay", json.dumps({"card": int(CARD.replace(" ", ""))})),
        Call("c1", "pay", '{"card": "\\u0034111'),
    ],
)
def test_a_blocked_tool_call_is_not_asked_for(backend: str, call: Call) -> None:
    answer = post(Model(completion("I pay.", call)), JUDGES[backend]())
    assert whole(answer)["finish_reason"] == "content_filter"
    assert whole(answer)["message"] == {"role": "assistant", "content": "I pay.", "refusal": None}


@pytest.mark.parametrize("backend", JUDGES)
def test_json_stays_json(backend: str) -> None:
    written = r'{"name": "\u0061da@example.com", "phone": 2025550143}'
    form = {"type": "json_object"}
    answer = post(Model(written), JUDGES[backend](), response_format=form)
    masked = {"name": "{EMAIL}", "phone": "{PHONE}"}
    assert json.loads(whole(answer)["message"]["content"]) == masked
    pieces = [*map(TextPiece, written), ENDED]
    assert (
        json.loads(text_in(streamed(FakeModel("", pieces=pieces), JUDGES[backend](), response_format=form)))
        == masked
    )


class FailsLater(FakeJudge):
    """A judge that judges a number of texts, and then fails."""

    def __init__(self, good: int) -> None:
        super().__init__(self._verdict_or_failure)
        self._good = good

    def _verdict_or_failure(self, _: str) -> Verdict:
        if len(self.judged) > self._good:
            raise BackendUnavailable(detail="bedrock-runtime.apply_guardrail: ThrottlingException 429")
        return Verdict()


@pytest.mark.parametrize("good", [0, 1])
def test_a_guardrail_that_fails_lets_nothing_pass(good: int) -> None:
    model = Model("An answer.")
    answer = post(model, FailsLater(good))
    assert (answer.status, answer.body["error"]["code"]) == (503, "guardrail_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert len(model.requests) == good
    assert answer.log_line["error_detail"] == "bedrock-runtime.apply_guardrail: ThrottlingException 429"


def test_a_guardrail_that_fails_in_a_stream_ends_it() -> None:
    model = FakeModel("", pieces=[TextPiece("a" * 500), TextPiece("b" * 500), ENDED])
    answer = streamed(model, FailsLater(2))
    assert text_in(answer) == "a" * 200
    kind, data = answer.events[-1]
    assert (kind, json.loads(data)["error"]["code"]) == ("error", "guardrail_unavailable")
    assert model.closed == 1


def test_a_guardrail_with_a_mistake_lets_nothing_pass() -> None:
    def mistake(_: str) -> Verdict:
        raise RuntimeError(PHONE)

    answer = post(Model("An answer."), FakeJudge(mistake))
    assert (answer.status, answer.body["error"]["code"]) == (500, "internal_error")
    assert PHONE not in answer.raw + answer.log


def test_logs_and_metrics_have_the_types_and_never_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_NAMESPACE", "ai-orchestrator-local")
    answer = post(Model(f"I write to {EMAIL} about {CARD}."))
    lines = [json.loads(line) for line in answer.log.splitlines()]
    assert [(one["action"], one["source"], one["kinds"]) for one in lines if "kinds" in one] == [
        ("masked", "INPUT", "PHONE"),
        ("blocked", "OUTPUT", "CREDIT_DEBIT_CARD_NUMBER"),
    ]
    assert not any(part in answer.log for part in (PHONE, EMAIL, CARD, "555", "ada@"))
    blocked = post(Model("never"), messages=[{"role": "user", "content": f"Project X, {CARD}"}])
    lines = [json.loads(line) for line in blocked.log.splitlines()]
    assert [one["kinds"] for one in lines if "kinds" in one] == ["CREDIT_DEBIT_CARD_NUMBER WORD"]
    assert lines[-1]["error_detail"] == "guardrail of fast: INPUT CREDIT_DEBIT_CARD_NUMBER WORD"
    assert CARD not in blocked.log


PROMPT = {"model": "fast", "template": "To {who}.", "max_characters": 90, "max_tokens": 9}


def test_a_prompt_of_a_workflow_is_judged_too() -> None:
    model = Model(f"From {EMAIL}.")
    found = call(service_of(model), "chat.answer", {**PROMPT, "inputs": {"who": PHONE}})
    assert found["answer"] == "From {EMAIL}."
    assert model.requests[0].messages[0].content == "To {PHONE}."


@pytest.mark.parametrize(("who", "answer"), [(CARD, "fine"), ("Ada", CARD)])
def test_a_blocked_prompt_is_an_error_that_a_workflow_can_catch(who: str, answer: str) -> None:
    with pytest.raises(ContentFiltered):
        call(service_of(Model(answer)), "chat.answer", {**PROMPT, "inputs": {"who": who}})


def test_a_limit_of_a_guarded_route_counts_its_calls(cloud: CloudInThread) -> None:
    tables = MeteredTables(cloud.client("dynamodb"))
    rules = guardrail(FakeJudge(), step=800, units={"guardrail_topic_unit": 1})
    service = chat_service(Model("Hello!"), guardrail=rules)
    service._admission = Admission(tables.meter())
    limits = [
        limit("route:fast", "day", "requests", 1).to_json(),
        limit("route:fast", "day", "tokens", 900).to_json(),
    ]
    statuses = []
    for number in range(2):
        event = event_of(max_tokens=9)
        caller = authorized("acme", "acme", limits=json.dumps(limits))
        event["requestContext"] |= {"requestId": f"r{number}", "authorizer": caller}
        statuses.append(ask(service, event).status)
    assert statuses == [200, 429]
    assert tables.counts() == {
        "route:fast@acme#day#requests#2026-11-30": {"committed": 1, "spent": 1},
        "route:fast@acme#day#tokens#2026-11-30": {"committed": 10, "spent": 10},
    }


@given(st.text(max_size=90), st.integers(1, 100_000), st.sampled_from([200, 900, 5_000]))
def test_the_construct_reserves_at_least_what_the_function_does(who: str, tokens: int, window: int) -> None:
    rules = RulesOfRoute(topics={"Investing": "Advice."}, window=window)
    prompt = PromptRequest.model_validate({**PROMPT, "max_tokens": tokens, "inputs": {"who": who}})
    written = rules.bedrock_rules("abc", "1")
    reserved: list[dict[str, int]] = []
    metered = not_metered()
    metered.guard = lambda _, upper: reserved.append(dict(upper))  # type: ignore[method-assign]
    around = Guardrail(FakeJudge(), written["step"], written["overlap"], written["units"]).around(
        metered, name="fast", deadline=Deadline.after(1)
    )
    GuardedChat(around).reserve(conversation(prompt), tokens)
    largest = rules.largest(prompt.largest())
    assert 0 < reserved[0]["guardrail_topic_unit"] <= largest["guardrail_topic_unit"]
