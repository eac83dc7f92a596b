"""Language models of `make demo`: a streamed answer, fields of a receipt, and a model whose server is down."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from deploy_tools.console import heading
from handlers.chat.contract import complete_chat, list_models
from handlers.vision.contract import read_text
from tools.calls import SAMPLES, Call, WrongAnswer, expect
from tools.demo_calls import Demo

STORY = "Tell me a story about a cat."
STORY_TOKENS = 48
HELLO: dict[str, Any] = {
    "model": "fast",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 16,
    "temperature": 0,
}
ECHO = "Repeat: Ada's number is +1 202 555 0143"
CARD = "Pay with 4111 1111 1111 1111"
RECEIPT = {
    "type": "object",
    "properties": {
        "date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        "total": {"type": "string", "pattern": "^[0-9]{1,4}\\.[0-9]{2}$"},
    },
    "required": ["date", "total"],
    "additionalProperties": False,
}


def call_models(demo: Demo) -> None:
    """Call the language models."""
    heading("Call the language models")
    for call in model_calls():
        demo.make(call)
    read_receipt(demo)
    stream_story(demo)


def model_calls() -> list[Call]:
    """Return the calls that need nothing but a request."""
    return [
        Call.of(list_models, "list the models", _models),
        Call.of(complete_chat, "a language model, by OpenAI's protocol", _hello, body=HELLO),
        Call.of(
            complete_chat,
            "a model on a server of this machine; if none is up, the next target answers",
            _fallback,
            body={**HELLO, "model": "server"},
        ),
        Call.of(
            complete_chat,
            "a phone number behind a guardrail: the model does not read it",
            _masked,
            body={**HELLO, "model": "guarded", "messages": [{"role": "user", "content": ECHO}]},
        ),
        Call.of(
            complete_chat,
            "a card number, which the guardrail blocks",
            _blocked,
            status=400,
            body={**HELLO, "model": "guarded", "messages": [{"role": "user", "content": CARD}]},
        ),
        Call.of(
            complete_chat,
            "a parameter that is not supported",
            _unsupported,
            status=400,
            body={**HELLO, "n": 2},
        ),
    ]


def receipt_call(text: str) -> Call:
    """Return the call that reads fields out of a receipt's text, in a form that a JSON schema enforces."""
    return Call.of(
        complete_chat,
        "date and total of the receipt, by a JSON schema",
        _receipt,
        body={
            "model": "fast",
            "max_tokens": 100,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": "Extract the fields from the receipt."},
                {"role": "user", "content": text},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "receipt", "schema": RECEIPT},
            },
        },
    )


def read_receipt(demo: Demo) -> None:
    """Read the receipt's picture, and the fields out of its text."""
    receipt = (SAMPLES / "receipt.png").read_bytes()
    text = demo.make(
        Call.of(
            read_text,
            "the text of a receipt",
            lambda answer: f"{len(answer['lines'])} lines",
            body=receipt,
            content_type="image/png",
            shown="samples/receipt.png",
        )
    )
    if text:
        demo.make(receipt_call(json.loads(text)["text"]))


def stream_story(demo: Demo) -> None:
    """Print an answer as it is written."""
    print(f"\n  a streamed answer\n    POST {complete_chat.path}  {STORY}\n    ", end="", flush=True)
    texts: list[str] = []
    started = time.perf_counter()
    first = last = 0.0
    try:
        for text in _stream(demo):
            last = time.perf_counter()
            first = first or last
            texts.append(text)
            print(text.replace("\n", " "), end="", flush=True)
        expect(len(texts) > 1, "an answer in several pieces", texts)
    except (WrongAnswer, OSError, http.client.HTTPException, ValueError, LookupError) as problem:
        demo.wrong += 1
        print(f"\n    WRONG  {type(problem).__name__}: {problem}")
        return
    demo.right += 1
    rate = (len(texts) - 1) / (last - first)
    print(
        f"\n    200 ok, the first of {len(texts)} pieces in {(first - started) * 1000:.0f} ms, {rate:.0f} a second"
    )


def _stream(demo: Demo) -> Iterator[str]:
    """Yield the pieces of a streamed answer; raise `WrongAnswer` if it is not complete."""
    parts = urlsplit(f"{demo.v1_url}{complete_chat.path}")
    body = json.dumps(
        {
            "model": "fast",
            "messages": [{"role": "user", "content": STORY}],
            "max_tokens": STORY_TOKENS,
            "stream": True,
        }
    ).encode()
    headers = demo.callers.headers("user", "POST", parts.geturl(), body)
    with closing(
        http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=60)
    ) as connection:
        connection.request("POST", parts.path, body, {**headers, "Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise WrongAnswer(f"expected status 200, got {answer.status}: {answer.read(600)!r}")
        for line in answer:
            data = line.decode().strip().removeprefix("data: ")
            if data == "[DONE]":
                return
            if data and not data.startswith(":"):
                for choice in json.loads(data)["choices"]:
                    if text := choice["delta"].get("content"):
                        yield text
    raise WrongAnswer("expected [DONE] at the end of the answer")


def _models(answer: Any) -> str:
    names = [model["id"] for model in answer.get("data", ())]
    expect({"fast", "embeddings"} <= set(names), "the models fast and embeddings", answer)
    return ", ".join(f"{model['id']} ({model['owned_by']})" for model in answer["data"])


def _hello(answer: Any) -> str:
    text, usage = answer["choices"][0]["message"]["content"], answer["usage"]
    expect("hello" in text.lower(), "a greeting", answer)
    expect(0 < usage["completion_tokens"] <= HELLO["max_tokens"], "as many tokens as were allowed", answer)
    return f"{text!r}, {usage['completion_tokens']} tokens, {answer['model']}"


def _fallback(answer: Any) -> str:
    text = answer["choices"][0]["message"]["content"]
    expect(bool(text), "an answer of one of the targets", answer)
    return f"{text!r}, {answer['model']}"


def _receipt(answer: Any) -> str:
    fields = json.loads(answer["choices"][0]["message"]["content"])
    expect(fields.keys() == {"date", "total"}, "the fields of the schema", answer)
    expect(
        (fields["date"], fields["total"]) == ("2026-03-14", "9.35"), "the receipt's date and total", answer
    )
    return json.dumps(fields)


def _masked(answer: dict[str, Any]) -> str:
    text = str(answer["choices"][0]["message"]["content"])
    expect("{PHONE}" in text and "0143" not in text, "a masked phone number", answer)
    return repr(text)


def _blocked(answer: dict[str, Any]) -> str:
    expect(answer["error"]["code"] == "content_filter", "an error of the guardrail", answer)
    return str(answer["error"]["message"])


def _unsupported(answer: Any) -> str:
    found = answer.get("error", {})
    expect(found.get("param") == "n", "an error of OpenAI's form that names n", answer)
    return f"{found['type']}: {found['message']}"
