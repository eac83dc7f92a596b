"""The example of every public class runs, and what it makes can be synthesized."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cdktf import App
from cdktf_cdktf_provider_aws.dynamodb_table import DynamodbTable
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from pydantic import BaseModel

import constructs_lib
from constructs_lib import (
    AwsStack,
    Deployment,
    ExistingApiGatewayAccount,
    Function,
    JobRunner,
    Pass,
    PayloadBucket,
    RestApi,
    Workflow,
)
from handlers.common.contract import Contract
from handlers.common.prices import Prices
from handlers.jobs.contract import jobs
from handlers.ledger.contract import ledger
from handlers.vision.contract import read_text
from tests.support.synthesis import FakeArchive, public_method, validate

WITHOUT_EXAMPLE = {
    # protocols, which other classes fit
    "Archive",
    "Authorization",
    "FailureDestination",
    "Integration",
    "ServiceContract",
    "ServiceOperation",
    # what states and chains of states have in common
    "Step",
    # their examples are the tests of the errors
    "ArchiveError",
    "ConflictError",
    "ConstructError",
    "ConstructWarning",
    "InvalidArgumentError",
    "LimitExceededError",
    "UnsafeSettingError",
    # a part of ApiDefinition, made by add_method
    "RouteDefinition",
}
DOCUMENTED = {"constructs_lib": constructs_lib} | {
    name: getattr(constructs_lib, name) for name in constructs_lib.__all__ if name not in WITHOUT_EXAMPLE
}


class Greeting(BaseModel):
    """A request and a response."""

    text: str


def greeting() -> Contract:
    contract = Contract("greeting", summary="Greetings.")
    contract.post("/greetings", Greeting, Greeting, summary="Greet a person.")
    return contract


class Given:
    """Names that an example uses and does not create."""

    def __init__(self, tmp_path: Path) -> None:
        self._tmp_path = tmp_path
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name](self)
        return self._made[name]

    def __contains__(self, name: str) -> bool:
        return name in self._makers

    _makers: dict[str, Callable[[Given], Any]] = {  # noqa: RUF012 - a table, never changed
        "app": lambda given: App(outdir=str(given._tmp_path / "cdktf.out")),
        "stack": lambda given: AwsStack(given["app"], "shop", region="us-east-1"),
        "archive": lambda given: FakeArchive.make(given._tmp_path),
        "function": lambda given: Function(given["stack"], "given-function", archive=given["archive"]),
        "api": lambda given: RestApi(given["stack"], "given-api", name="given"),
        "deployment": lambda given: Deployment(given["stack"], "given-deployment", api=given["api"]),
        "account": lambda given: ExistingApiGatewayAccount(),
        "contract": lambda given: greeting(),
        "dispatcher_contract": lambda given: Contract("dispatcher", summary="All services by name."),
        "ledger": lambda given: ledger,
        "prices": lambda given: Prices.from_file(),
        "read_text": lambda given: read_text,
        "queue": lambda given: SqsQueue(given["stack"], "given-queue", name="given"),
        "table": lambda given: DynamodbTable(given["stack"], "given-table", name="given"),
        "runner": lambda given: JobRunner(
            given["stack"],
            jobs,
            payloads=PayloadBucket(given["stack"], "given-payloads", expire_days=2),
            archive=given["archive"],
        ),
        "workflow": lambda given: Workflow(given["stack"], "given-workflow", definition=Pass("nothing")),
    }


def free_names(source: str) -> set[str]:
    names = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
    stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return {name.id for name in names} - stored


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    (example,) = doctest.DocTestFinder(recurse=False).find(DOCUMENTED[name], name, globs={})
    assert example.examples, f"{name} has no example"
    source = "".join(line.source for line in example.examples)
    given = Given(tmp_path)
    example.globs = {public: getattr(constructs_lib, public) for public in constructs_lib.__all__}
    example.globs |= {free: given[free] for free in sorted(free_names(source)) if free in given}
    messages: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=messages.append, clear_globs=False)
    assert result.failed == 0, "".join(messages)
    stack = example.globs.get("stack")
    if isinstance(stack, AwsStack):
        if "api" in given._made and not given["api"].definition.routes:
            public_method(given["api"], given["function"])
        validate(stack)


def test_the_names_without_an_example_are_public() -> None:
    assert set(constructs_lib.__all__) >= WITHOUT_EXAMPLE
