"""Summaries in a language model's own words, by a model route of the chat service."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from handlers.common.aws_api import reading_answer
from handlers.common.errors import BackendError, ContentFiltered, InvalidRequest, UnprocessableInput
from handlers.common.functions import Functions
from handlers.common.invocation import Invocation
from handlers.common.prompts import PromptAnswer
from handlers.common.summary import SummaryResponse, sentences
from handlers.language.contract import SUMMARY_ROUTE, prompt_of

_CHAT: Final = "chat"
_OPERATION: Final = "chat.answer"
_TAG: Final = re.compile(r"<(?=[\s/]*+document)", re.IGNORECASE)


class Abstractive:
    """Summarize with the chat service.

    Args:
        functions: Returns the functions that this one may invoke.
    """

    def __init__(self, functions: Callable[[], Functions]) -> None:
        self._functions = functions

    def serves(self, invocation: Invocation) -> bool:
        """Return whether there is a chat service, and whether the caller may use the model."""
        caller = invocation.caller
        return _CHAT in self._functions().keys and (caller is None or caller.may_use_model(SUMMARY_ROUTE))

    def summarize(self, text: str, *, max_sentences: int, invocation: Invocation) -> SummaryResponse:
        """Return a summary.

        Raises:
            InvalidRequest: There is no chat service.
            UnprocessableInput: The model cannot work on the text.
            ServiceError: The caller may not use the model or has no budget, or the model is busy, too slow or fails.
        """
        if _CHAT not in self._functions().keys:
            raise InvalidRequest("style should be extractive, as there is no language model.", param="style")
        # Nothing in the text can end the document early.
        prompt = prompt_of(_TAG.sub("(", text), max_sentences)
        event = invocation.event(_OPERATION, prompt.model_dump(mode="json"))
        try:
            output = self._functions().call(_CHAT, event, deadline=invocation.deadline)
        except ContentFiltered:
            raise
        except InvalidRequest as error:
            raise UnprocessableInput(
                "The language model cannot work on this text. Send a shorter one, or style extractive.",
                detail=error.detail,
            ) from None
        with reading_answer(_OPERATION):
            answer = PromptAnswer.model_validate(output)
            written = sentences(answer.answer)
        # What ended at the limit of tokens ends within a sentence.
        whole = written if answer.complete or len(written) == 1 else written[:-1]
        if not whole:
            raise BackendError("The model answered nothing.", detail=answer.model)
        return SummaryResponse(summary=" ".join(whole[:max_sentences]), model=answer.model)
