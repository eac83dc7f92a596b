"""Summaries, by the words of a text, by the meaning of its sentences, and by a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.common.budgets import BudgetExceeded
from handlers.common.caller import Caller
from handlers.common.deadline import Deadline
from handlers.common.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    ContentFiltered,
    Forbidden,
    InvalidRequest,
    PayloadTooLarge,
    ServiceError,
    UnprocessableInput,
)
from handlers.common.invocation import Invocation
from handlers.common.summary import MAX_TEXT_CHARACTERS, sentences
from handlers.embeddings import app as embeddings
from handlers.embeddings.backend import Embeddings
from handlers.language import app as language
from handlers.language.summarizer import LexRank, centrality
from tests.support.chat import FakeModel
from tests.support.events import Context, ask, call, proxy_event
from tests.support.real_api import functions_with_chat

TEXT = (
    "The museum opened a new wing on Monday. The new wing of the museum shows engines of the nineteenth century. "
    "Tickets for the museum cost nine pounds. A visitor lost an umbrella."
)


def no_backend() -> Any:
    raise AssertionError("the model was called")


def summary(text: str, **options: object) -> dict[str, Any]:
    return call(language.create_service(no_backend), "language.summary", {"text": text, **options})


def test_the_sentence_that_others_resemble_is_chosen() -> None:
    assert summary(TEXT, max_sentences=1) == {
        "summary": "The museum opened a new wing on Monday.",
        "model": "lexrank",
    }


def test_sentences_keep_the_order_of_the_text() -> None:
    found = summary(TEXT, max_sentences=3)["summary"]
    assert found.index("opened") < found.index("engines") < found.index("Tickets")
    assert "umbrella" not in found


def test_it_is_served_over_http() -> None:
    event = proxy_event('{"text": "One sentence only."}', resource="/language/summary")
    answer = ask(language.create_service(no_backend), event)
    assert (answer.status, answer.body) == (200, {"summary": "One sentence only.", "model": "lexrank"})


@pytest.mark.parametrize(
    "wrong",
    [{"text": " \n"}, {"text": "a", "max_sentences": 0}, {"text": "a", "max_sentences": 11}, {"text": 5}, {},
     ],
)  # fmt: skip
def test_what_cannot_be_summarized_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        call(language.create_service(no_backend), "language.summary", wrong)


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(PayloadTooLarge, match=r"^text should have at most 16000 characters\.$"):
        summary("a" * (MAX_TEXT_CHARACTERS + 1))


@given(st.text(min_size=1, max_size=400).filter(str.strip), st.integers(1, 10))
def test_every_text_has_a_summary_made_of_its_sentences(text: str, count: int) -> None:
    found = LexRank().summarize(text, max_sentences=count, deadline=Deadline.after(20)).summary
    pieces = sentences(text)
    assert found
    assert len(found) <= len(" ".join(pieces))
    chosen = [piece for piece in pieces if piece in found]
    assert len(chosen) >= min(count, len(pieces))


@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=20), min_size=1, max_size=30))
def test_ranks_sum_up_to_one(pieces: list[str]) -> None:
    ranks = centrality(pieces)
    assert sum(ranks) == pytest.approx(1)
    assert min(ranks) > 0


class Places:
    """An embedding for each sentence: where its first word says."""

    def embed(self, texts: Sequence[str], *, normalize: bool, deadline: Deadline) -> Embeddings:  # noqa: ARG002
        places = {"East": [1.0, 0.0], "North": [0.0, 1.0], "Northeast": [0.7, 0.7]}
        return Embeddings("compass", normalize, [places[text.partition(" ")[0]] for text in texts], 1)


def test_by_meaning_the_sentence_nearest_to_all_is_chosen() -> None:
    request = {
        "text": "East is where the sun rises. North is cold. Northeast is between.",
        "max_sentences": 1,
    }
    output = call(embeddings.create_service(Places), "embeddings.summary", request)
    assert output == {"summary": "Northeast is between.", "model": "compass"}


def written(model: FakeModel, text: str = TEXT, **options: object) -> dict[str, Any]:
    service = language.create_service(no_backend, lambda: functions_with_chat(model))
    return call(service, "language.summary", {"text": text, "style": "abstractive", **options})


def test_an_abstractive_summary_is_what_the_model_writes() -> None:
    model = FakeModel(" One. Two. Three. ")
    assert written(model, max_sentences=2) == {"summary": "One. Two.", "model": "smollm2-135m-instruct"}
    (request,) = model.requests
    (message,) = request.messages
    assert message.text.startswith("Summarize the document in 2 sentences. ")
    assert message.text.endswith(f"<document>\n{TEXT}\n</document>")
    assert (request.model, request.token_limit, request.temperature) == ("fast", 160, 0.0)


def test_what_ends_at_the_limit_of_tokens_is_left_out_from_its_last_sentence_on() -> None:
    model = FakeModel("One. Two. And thr", finish_reason="length")
    assert written(model)["summary"] == "One. Two."
    assert written(FakeModel("And thr", finish_reason="length"))["summary"] == "And thr"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("  ", BackendError),
        (BackendUnavailable(), BackendUnavailable),
        (BackendTimeout(), BackendTimeout),
        (InvalidRequest("messages should have at most 4,096 tokens for this model."), UnprocessableInput),
        (BudgetExceeded("The key's budget is used up."), BudgetExceeded),
        (ContentFiltered(), ContentFiltered),
    ],
)
def test_a_model_without_a_summary_is_an_error(answer: str | Exception, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        written(FakeModel(answer))


@pytest.mark.parametrize(
    ("backend", "style", "models", "model"),
    [
        ("local", None, "*", "lexrank"),
        ("aws", None, "*", "smollm2-135m-instruct"),
        ("aws", None, "other", "lexrank"),
        ("aws", "extractive", "*", "lexrank"),
        ("local", "abstractive", "*", "smollm2-135m-instruct"),
    ],
)
def test_the_style_is_extractive_unless_there_is_a_model_on_aws_that_the_caller_may_use(
    backend: str, style: str | None, models: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AI_BACKEND", backend)
    service = language.create_service(no_backend, lambda: functions_with_chat(FakeModel("Short.")))
    caller = Caller("tenant:acme", "acme", "k1", "A" * 24, models=frozenset({models}))
    request = {"text": TEXT} if style is None else {"text": TEXT, "style": style}
    output = service.handler(
        Invocation("r1", Deadline.after(9), caller=caller).event("language.summary", request), Context()
    )
    assert output["model"] == model


def test_without_a_chat_service_summaries_are_extractive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_BACKEND", "aws")
    assert summary(TEXT)["model"] == "lexrank"
    with pytest.raises(
        InvalidRequest, match=r"^style should be extractive, as there is no language model\.$"
    ):
        summary(TEXT, style="abstractive")


def test_a_caller_without_the_right_to_the_model_gets_no_abstractive_summary() -> None:
    service = language.create_service(no_backend, lambda: functions_with_chat(FakeModel("Short.")))
    caller = Caller("tenant:acme", "acme", "k1", "A" * 24, models=frozenset())
    event = Invocation("r1", Deadline.after(9), caller=caller).event(
        "language.summary", {"text": TEXT, "style": "abstractive"}
    )
    with pytest.raises(Forbidden):
        service.handler(event, Context())
