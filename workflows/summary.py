"""Workflow that summarizes a text in a language model's words, and by sentences of the text if that fails."""

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
        breaker: Stops asking the language model while it keeps failing.
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
        input={**request, "style": "abstractive"},
        timeout_seconds=12,
        retry=_ONCE_MORE,
        # A text that is too long for the model says nothing of how well the model is.
        catch=[Catch(to=second, errors=["UnprocessableInput"])],
        result="summary",
    )
    answer = Succeed(
        "answer", output={"summary": Variable("summary.summary"), "model": Variable("summary.model")}
    )
    return breaker.around(first, instead=second) >> answer
