"""A summary, whatever happens: by the first model, and where that fails by another service."""

from __future__ import annotations

from constructs_lib import Catch, CircuitBreaker, Function, Input, LambdaTask, Retry, Step, Succeed, Variable


def summary(*, language: Function, embeddings: Function, breaker: CircuitBreaker) -> Step:
    """The steps: `{"text": …, "max_sentences": …}` gives the summary and the model that made it.

    The breaker has the first model left alone for a while after it has failed several times in a row.
    """
    asked = {"text": Input("body.text"), "max_sentences": Input("body.max_sentences", default=3)}
    second = LambdaTask(
        "choose its sentences",
        embeddings,
        operation="embeddings.summary",
        input=asked,
        timeout_seconds=12,
        retry=[Retry.on_throttling(max_attempts=1)],
        result="summary",
    )
    first = LambdaTask(
        "summarize",
        language,
        operation="language.summary",
        input=asked,
        timeout_seconds=12,
        retry=[Retry.on_throttling(max_attempts=1)],
        # What one model cannot read, the other may; that says nothing of how well the first one is.
        catch=[Catch(to=second, errors=["UnprocessableInput"])],
        result="summary",
    )
    answer = Succeed(
        "answer", output={"summary": Variable("summary.summary"), "model": Variable("summary.model")}
    )
    return breaker.around(first, instead=second) >> answer
