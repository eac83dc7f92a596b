"""Calls of `make demo`, each with a check of the answer.

Each call is data: the request, and a check that looks into the answer and returns the line to show, or raises
`WrongAnswer` with what it expected. The end-to-end tests make the same calls.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy_tools.callers import CallerKind
from handlers.chat.offline_backend import MODEL
from handlers.common.contract import Operation
from handlers.embeddings.contract import embed_texts, embeddings, rank_candidates
from handlers.language.contract import analyse_text, language, summarize_text
from handlers.orchestrator.contract import call_service, list_services, read_health
from handlers.vision.contract import find_labels, read_text, vision

SAMPLES = Path(__file__).parent.parent / "samples"


class WrongAnswer(Exception):
    """An answer is not what the call expects; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to the invoke URL, and the check of its answer.

    Attributes:
        title: Request in words.
        method: The HTTP method.
        path: The path below the invoke URL, with its leading slash.
        check: Takes the decoded JSON answer, returns the line to show, raises `WrongAnswer`.
        status: The HTTP status that is expected.
        body: The request's body; a mapping is sent as JSON.
        content_type: The body's media type.
        shown: The request's body as `make demo` prints it; by default the JSON, shortened.
        headers: Further headers; they take the place of the caller's.
        caller: Kind of caller.
    """

    title: str
    method: str
    path: str
    check: Callable[[Any], str]
    status: int = 200
    body: Mapping[str, Any] | bytes | None = None
    content_type: str = "application/json"
    shown: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    caller: CallerKind = "user"

    @classmethod
    def of(
        cls,
        operation: Operation,
        title: str,
        check: Callable[[Any], str],
        *,
        parameters: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Call:
        """Return the call of an operation: method, path and expected status are its contract's.

        Args:
            operation: The operation.
            title: Request in words.
            check: As `Call.check`.
            parameters: Values of the variables of the path. Default: none.
            options: Other attributes of the call. Default: an example of the contract is its body, if there is one.
        """
        path = str(operation.path).format(**(parameters or {}))
        options = {"status": operation.status, "body": operation.request_example, **options}
        return cls(title, operation.method, path, check, **options)

    def payload(self) -> bytes | None:
        """The body as it is sent."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()


def expect(condition: bool, expected: str, answer: object) -> None:
    """Raise `WrongAnswer` unless the condition holds."""
    if not condition:
        raise WrongAnswer(f"expected {expected}, got {json.dumps(answer, ensure_ascii=False)[:600]}")


def _health(answer: Any) -> str:
    expect(answer.get("status") == "ok", "status ok", answer)
    return "status ok"


SERVICES = tuple(operation.name for contract in (embeddings, language, vision) for operation in contract)


def _services(answer: Any) -> str:
    names = sorted(service["name"] for service in answer.get("services", ()))
    expect(set(names) >= set(SERVICES), f"the services {', '.join(SERVICES)}", answer)
    expect(
        all(s["input"].get("type") == "object" for s in answer["services"]),
        "an input schema for each",
        answer,
    )
    return ", ".join(names)


RECEIPT_WORDS = ("COFFEE", "TOTAL")


def _receipt(answer: Any) -> str:
    text = answer.get("text", "")
    for word in RECEIPT_WORDS:
        expect(word in text.upper(), f"the word {word} in the text", answer)
    lines = answer.get("lines", ())
    expect(
        all(0 < line["confidence"] <= 1 for line in lines), "a confidence from 0 to 1 for each line", answer
    )
    return f"{len(lines)} lines: " + " | ".join(line["text"] for line in lines)


def _cat(answer: Any) -> str:
    labels = answer.get("labels", ())
    expect(
        any("cat" in label["name"].lower().split() for label in labels[:3]),
        "a cat among the first three",
        answer,
    )
    return ", ".join(f"{label['name']} {label['confidence']:.2f}" for label in labels[:5])


REVIEW = (
    "Ada Lovelace loved the wonderful museum in London, and Acme Corporation paid 40 dollars for her ticket."
)


def _analysis(answer: Any) -> str:
    language, sentiment = answer.get("language", {}), answer.get("sentiment") or {}
    entities = {entity["text"]: entity["type"] for entity in answer.get("entities", ())}
    expect(language.get("code") == "en", "language en", answer)
    expect(sentiment.get("label") == "POSITIVE", "sentiment POSITIVE", answer)
    expect(
        "London" in entities and "Ada Lovelace" in entities, "the entities Ada Lovelace and London", answer
    )
    found = ", ".join(f"{text} ({kind})" for text, kind in entities.items())
    return f"language {language['code']}, sentiment {sentiment['label']}, entities {found}"


def _embeddings(answer: Any) -> str:
    vectors = answer.get("embeddings", ())
    expect(len(vectors) == 2, "two vectors", answer)
    expect(
        all(len(vector) == answer["dimensions"] > 100 for vector in vectors),
        "vectors of the dimensions said",
        answer,
    )
    lengths = [math.sqrt(sum(x * x for x in vector)) for vector in vectors]
    expect(all(abs(length - 1) < 1e-3 for length in lengths), "vectors of length 1", lengths)
    return f"{len(vectors)} vectors of {answer['dimensions']} dimensions, {answer['model']}"


QUERY = "How do I get my money back?"
CANDIDATES = (
    "Our offices are closed on Sundays.",
    "Refunds are paid within five days.",
    "The museum has a garden.",
)


def _similarity(answer: Any) -> str:
    results = answer.get("results", ())
    expect(len(results) == len(CANDIDATES), f"{len(CANDIDATES)} results", answer)
    expect(results[0]["index"] == 1, "the candidate on refunds first", answer)
    scores = [result["score"] for result in results]
    expect(scores == sorted(scores, reverse=True), "the best first", answer)
    return ", ".join(f"{result['score']:.2f} {CANDIDATES[result['index']]!r}" for result in results)


TEXT = (
    "The museum opened a new wing on Monday. The new wing of the museum shows engines of the nineteenth century. "
    "Tickets for the museum cost nine pounds. A visitor lost an umbrella."
)


def _summary(answer: Any, model: str = "lexrank") -> str:
    expect(answer.get("model") == model, f"the model {model}", answer)
    expect("museum" in answer.get("summary", ""), "a summary that speaks of the museum", answer)
    expect(len(answer["summary"]) < len(TEXT), "a summary shorter than the text", answer)
    return f"{answer['summary']}  ({answer['model']})"


def error(code: str) -> Callable[[Any], str]:
    """Return the check of an error with this code."""

    def check(answer: Any) -> str:
        expect(
            answer.get("code") == code and bool(answer.get("requestId")), f"an error with code {code}", answer
        )
        return f"{answer['code']}: {answer['message']}"

    return check


def _no_route(answer: Any) -> str:
    expect(
        answer.get("code") == "forbidden",
        "API Gateway's answer for no such route",
        answer,
    )
    return f"{answer['code']}: {answer['message']}"


def calls() -> list[Call]:
    """Return the calls in the order in which `make demo` makes them."""
    receipt, cat = (SAMPLES / "receipt.png").read_bytes(), (SAMPLES / "cat.jpg").read_bytes()
    analysis = {"text": REVIEW}
    return [
        Call.of(read_health, "is it up?", _health, caller="operator"),
        Call.of(list_services, "which services are there?", _services),
        Call.of(
            read_text, "read this receipt", _receipt, body=receipt, content_type="image/png",
            shown="samples/receipt.png",
        ),
        Call.of(
            find_labels, "what is in this photo?", _cat,
            body={"image": base64.b64encode(cat).decode(), "max_labels": 5}, shown="samples/cat.jpg as base64 in JSON",
        ),
        Call.of(analyse_text, "analyse this sentence", _analysis, body=analysis),
        Call.of(embed_texts, "embed two sentences", _embeddings, body={"inputs": ["A cat sleeps.", "Un chat dort."]}),
        Call.of(
            rank_candidates, "which answer fits the question?", _similarity,
            body={"query": QUERY, "candidates": list(CANDIDATES)},
        ),
        Call.of(summarize_text, "say it shorter", _summary, body={"text": TEXT, "max_sentences": 1}),
        Call.of(
            summarize_text, "and in a language model's words", lambda answer: _summary(answer, MODEL),
            body={"text": TEXT, "max_sentences": 1, "style": "abstractive"},
        ),
        Call.of(
            call_service, "the same analysis through the orchestrator", lambda answer: _analysis(answer["output"]),
            body={"service": analyse_text.name, "input": analysis},
        ),
        Call.of(
            call_service, "and for a tenant with a key",
            lambda answer: _analysis(answer["output"]), body={"service": analyse_text.name, "input": analysis},
            caller="tenant",
        ),
        Call.of(
            call_service, "a service that does not exist", error("unknown_service"), status=404,
            body={"service": "poetry", "input": {}},
        ),
        Call.of(
            call_service, "a body that is not JSON", error("invalid_request"), status=400,
            body=b'{"text": ', shown='{"text": ',
        ),
        Call("a path that is not there", "GET", "/nowhere", _no_route, status=403),
    ]  # fmt: skip
