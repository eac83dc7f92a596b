"""Workflow that summarizes a text with a model, and with another service if the model fails."""

from __future__ import annotations

from collections.abc import Mapping

from constructs_lib import Catch, CircuitBreaker, Function, Input, LambdaTask, Retry, Step, Succeed, Variable
from handlers.embeddings.contract import choose_sentences
from handlers.language.contract import summarize_text

_ONCE_MORE = (Retry.on_throttling(max_attempts=1), Retry.on_crash(max_attempts=1))


def summary(functions: Mapping[str, Function], breaker: CircuitBreaker) -> Step:
    """Return the steps: `{"text": …, "max_sentences": …}` gives the summary and the model that made it.

    Args:
        functions: The functions of the services, by their names.
        breaker: Stops calling the first model while it keeps failing.
    """
    request = {"text": Input("body.text"), "max_sentences": Input("body.max_sentences", default=3)}
    second = LambdaTask(
        "choose its sentences",
        functions["embeddings"],
        operation=choose_sentences,
        input=request,
        timeout_seconds=12,
        retry=_ONCE_MORE,
        result="summary",
    )
    first = LambdaTask(
        "summarize",
        functions["language"],
        operation=summarize_text,
        input=request,
        timeout_seconds=12,
        retry=_ONCE_MORE,
        # What one model cannot read, the other may; that says nothing of how well the first one is.
        catch=[Catch(to=second, errors=["UnprocessableInput"])],
        result="summary",
    )
    answer = Succeed(
        "answer", output={"summary": Variable("summary.summary"), "model": Variable("summary.model")}
    )
    return breaker.around(first, instead=second) >> answer
