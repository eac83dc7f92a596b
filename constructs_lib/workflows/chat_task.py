"""Task that asks a language model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from constructs_lib.checks import check_range
from constructs_lib.errors import InvalidArgumentError
from constructs_lib.workflows.tasks import FunctionTask

if TYPE_CHECKING:
    from pydantic import BaseModel

_OPERATION: Final = "chat.answer"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChatTask(FunctionTask):
    """Ask a language model. The result has its `answer`, the `model` that answered, and whether it is `complete`.

    Inputs are data: they are inserted into the prompt and never read as a part of the template, of JSONata, or of the
    request. An input that is too long fails the task with `PayloadTooLarge`, an answer that does not fit its schema with
    `BackendError`. The workflow reserves the upper bound of each target of the route.

    Attributes:
        function: The `ChatService`. The workflow's role may invoke its function that does not stream.
        model: Name of one of its routes.
        prompt: Template of the prompt. `{name}` stands for an input, `{{` and `}}` for braces.
        inputs: Inputs of the template by name. Values that are not texts are inserted as JSON. Default: none.
        max_characters: The most characters of all inputs together, 0-100000. Default: 0, which fits no inputs.
        max_tokens: The most tokens of the answer, 1-131072.
        answer: Pydantic model of the answer. Default: none; the answer is a text.
        temperature: How much answers vary, 0-2. Default: 0.
        timeout_seconds: Seconds until the task fails with `States.Timeout`. Default: the function's timeout.

    Raises:
        ConstructError: An argument is not valid.

    Example:
        >>> routes = [ModelRoute("fast", [BedrockModel("amazon.nova-lite-v1:0")])]
        >>> service = AiService(stack, contract, archive=archive)
        >>> models = ChatService(stack, dispatcher_contract, routes=routes, embeddings=service, archive=archive)
        >>> answer = ChatTask(
        ...     "answer the question",
        ...     models,
        ...     model="fast",
        ...     prompt="Answer the question from the text. Question: {question} Text: {text}",
        ...     inputs={"text": Variable("text.text"), "question": Input("body.question")},
        ...     max_characters=2_000,
        ...     max_tokens=60,
        ...     result="answer",
        ... )
    """

    model: str
    prompt: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    max_characters: int = 0
    max_tokens: int
    answer: type[BaseModel] | None = None
    temperature: float = 0.0

    def __post_init__(self) -> None:
        FunctionTask.__post_init__(self)
        check_route(self.where, self.function, self.model)
        self._check_inputs()
        check_range(self.where, "max_characters", self.max_characters, 1 if self.inputs else 0, 100_000)
        check_range(self.where, "max_tokens", self.max_tokens, 1, 131_072)
        if not 0 <= self.temperature <= 2:
            raise InvalidArgumentError(self.where, f"temperature is {self.temperature}", "use 0-2")
        if self.answer is not None and not hasattr(self.answer, "model_json_schema"):
            raise InvalidArgumentError(
                self.where, f"answer is of type {type(self.answer).__name__}", "pass a pydantic model"
            )

    def _check_inputs(self) -> None:
        try:
            parts = list(Formatter().parse(self.prompt))
        except ValueError as error:
            raise InvalidArgumentError(
                self.where, f"prompt is not a template: {error}", "write '{{' and '}}' for braces"
            ) from None
        names = {
            name: f"{'!' if conversion else ''}{conversion or ''}{':' if form else ''}{form}"
            for _, name, form, conversion in parts
            if name is not None
        }
        for name, form in names.items():
            if name not in self.inputs or form:
                raise InvalidArgumentError(
                    self.where,
                    f"prompt has '{{{name}{form}}}', which is not one of inputs",
                    f"use {' or '.join(f'{{{one}}}' for one in self.inputs)}"
                    if self.inputs
                    else "pass it in inputs",
                )
        for name in self.inputs:
            if name not in names:
                raise InvalidArgumentError(
                    self.where, f"prompt does not use the input '{name}'", f"write {{{name}}} in it"
                )

    @property
    def payload(self) -> Mapping[str, Any]:
        """See `FunctionTask`."""
        schema = {} if self.answer is None else {"answer_schema": self.answer.model_json_schema()}
        request = {
            "model": self.model,
            "template": self.prompt,
            "inputs": self.inputs,
            "max_characters": self.max_characters,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            **schema,
        }
        return {"operation": _OPERATION, "input": request}


def check_route(where: str, function: object, model: str) -> None:
    """Check that a function is a `ChatService` with a route of some name.

    Raises:
        InvalidArgumentError: It is not.
    """
    routes = getattr(function, "routes", None)
    if routes is None:
        raise InvalidArgumentError(
            where, f"function is of type {type(function).__name__}", "pass a ChatService"
        )
    models = [name for route in routes for name in (route.name, *route.aliases)]
    if model not in models:
        raise InvalidArgumentError(
            where, f"model '{model}' is not a route of the service", f"use {' or '.join(models)}"
        )
