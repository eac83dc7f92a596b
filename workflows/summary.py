"""A summary, whatever happens: by the first model, and where that fails by another service."""

from __future__ import annotations

from constructs_lib import Function, Input, LambdaTask, Retry, Step, Succeed, Variable


def summary(*, language: Function, embeddings: Function) -> Step:
    """The steps: `{"text": …, "max_sentences": …}` gives the summary and the model that made it."""
    asked = {"text": Input("body.text"), "max_sentences": Input("body.max_sentences", default=3)}
    first = LambdaTask(
        "summarize",
        language,
        operation="language.summary",
        input=asked,
        timeout_seconds=12,
        retry=[Retry.on_throttling(max_attempts=1)],
        result="summary",
    )
    second = LambdaTask(
        "choose its sentences",
        embeddings,
        operation="embeddings.summary",
        input=asked,
        timeout_seconds=12,
        retry=[Retry.on_throttling(max_attempts=1)],
        result="summary",
    )
    answer = Succeed(
        "answer", output={"summary": Variable("summary.summary"), "model": Variable("summary.model")}
    )
    return first.or_else(second) >> answer
