"""Steps that the tests of workflows share: fakes of what tasks call, and random workflows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from constructs_lib.workflows.branches import Map, Parallel
from constructs_lib.workflows.circuit import Circuit
from constructs_lib.workflows.expressions import Condition, Input, Item, Jsonata, Variable
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.service_tasks import (
    BedrockInvokeModel,
    DynamoDbDeleteItem,
    DynamoDbGetItem,
    DynamoDbPutItem,
    DynamoDbUpdateItem,
    S3GetObject,
    S3PutObject,
    SqsSendMessage,
    StartExecution,
)
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Choice, Continue, Fail, Pass, Succeed, Wait
from constructs_lib.workflows.tasks import LambdaTask
from handlers.common.contract import Contract


@dataclass(frozen=True)
class FakeFunction:
    function_name: str = "chat"
    timeout_seconds: int = 5

    @property
    def qualified_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:123456789012:function:{self.function_name}:live"


@dataclass(frozen=True)
class FakeResource:
    name: str = "things"
    url: str = "https://sqs.us-east-1.amazonaws.com/123456789012/things"
    arn: str = "arn:aws:sqs:us-east-1:123456789012:things"


class AnyInput(BaseModel):
    model_config = ConfigDict(extra="allow")


FUNCTION = FakeFunction()
READ_TEXT = Contract("vision").post("/vision/text", AnyInput, None, name="vision.text", summary="Read.")
RESOURCE = FakeResource()
CIRCUIT = Circuit(
    table=RESOURCE, table_key="circuit", expiry="expires_at", item="shop-model", failures=3, open_seconds=30
)

EXPRESSIONS = st.sampled_from(
    [
        Input("body.a"),
        Input("path.the-id", default="x"),
        Jsonata("$uppercase('a\"b')"),
        Input().exists(),
        "${x} %{y} \\ \" ' {%",
    ]
)
# moto 5.2.5 refuses 1e-07, which AWS takes.
NUMBERS = st.integers(-(10**9), 10**9) | st.integers(-(10**6), 10**6).map(lambda number: number / 1000)
SCALARS = st.none() | st.booleans() | NUMBERS
TEXTS = st.text(max_size=12).filter(lambda text: not text.strip().startswith("{%"))
ANY_VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | TEXTS | EXPRESSIONS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc.", min_size=1), inner, max_size=3)
    ),
    max_leaves=4,
)
# asl-validator 4.0.0 refuses empty texts, line breaks, and lists in lists, all of which AWS takes.
PLAIN_VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS
    | EXPRESSIONS
    | st.text("ab'{}$\"\\é ", min_size=1, max_size=9).filter(lambda text: "{%" not in text),
    lambda inner: st.dictionaries(st.text("abc.", min_size=1), inner, max_size=3),
    max_leaves=4,
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    st.builds(
        lambda path, value, by: getattr(Input(path), by)(value),
        st.sampled_from(["body.a", "query.b", "path.id"]),
        st.integers(-5, 5) | st.sampled_from(["x", 'quo"te', "{% $x %}"]),
        st.sampled_from(["equals", "less_than", "at_most", "greater_than", "at_least"]),
    )
    | st.just(Input("body.a").exists())
    | st.just(Input("body.a").is_in([1, "b", None])),
    lambda inner: st.builds(lambda a, b: (a & ~b) | b, inner, inner),
    max_leaves=3,
)
ERRORS = st.lists(
    st.sampled_from(["InvalidRequest", "BackendError", "States.Timeout"]), min_size=1, unique=True
)
RETRIES = st.just(()) | st.builds(
    lambda errors, attempts, jitter: (Retry(errors=errors, max_attempts=attempts, jitter=jitter), Retry()),
    ERRORS,
    st.integers(0, 4),
    st.booleans(),
)


@st.composite
def workflows(draw: st.DrawFn, values: st.SearchStrategy[Any] = ANY_VALUES, depth: int = 2) -> Step:
    """Workflows that are valid: their names are unique, what they read is there."""
    maker = _Maker(draw, values)
    return maker.chain(depth) >> Succeed(maker.name(), output=maker.data())


class _Maker:
    def __init__(self, draw: st.DrawFn, values: st.SearchStrategy[Any]) -> None:
        self._draw = draw
        self._values = values
        self._numbers = count(1)

    def name(self) -> str:
        return f"step {next(self._numbers)}"

    def variable(self) -> str:
        return f"v{next(self._numbers)}"

    def data(self) -> dict[str, Any]:
        keys = st.text("abcd", min_size=1, max_size=3)
        return self._draw(st.dictionaries(keys, self._values, max_size=3))

    def one_of(self, *makers: Callable[[], Step]) -> Step:
        return self._draw(st.sampled_from(makers))()

    def chain(self, depth: int) -> Step:
        step = self.middle(depth)
        for _ in range(self._draw(st.integers(0, 2))):
            step = step >> self.middle(depth)
        return step

    def middle(self, depth: int) -> Step:
        """Steps that hand on what they were given, so that an Item is still there."""
        flat = (self.assigned, self.waited, self.kept, self.fallback, self.guarded, self.recovered)
        deep = (lambda: self.choice(depth), lambda: self.parallel(depth), lambda: self.mapped(depth))
        return self.one_of(*flat, *(deep if depth else ()))

    def closed(self, depth: int, *, in_map: bool) -> Step:
        last = self.ending(in_map=in_map)
        return self.one_of(lambda: self.chain(depth) >> last, lambda: last)

    def ending(self, *, in_map: bool = False) -> Step:
        makers: list[Callable[[], Step]] = [
            lambda: Succeed(self.name(), output=self.data()),
            lambda: Succeed(self.name()),
            lambda: self.task(),
        ]
        if in_map:
            makers.append(lambda: Succeed(self.name(), output={"of": Item("image", default=None)}))
        return self.one_of(*makers)

    def task(self, **more: Any) -> Step:
        common: dict[str, Any] = {"retry": self._draw(RETRIES), **more}
        return self.one_of(
            lambda: LambdaTask(self.name(), FUNCTION, operation=READ_TEXT, input=self.data(), **common),
            lambda: LambdaTask(self.name(), FUNCTION, input=Input("body"), timeout_seconds=3, **common),
            lambda: BedrockInvokeModel(self.name(), model_id="a.b-v2:0", body=self.data(), **common),
            lambda: SqsSendMessage(
                self.name(), RESOURCE, body=self.data(), group_id="g", deduplication_id="d", **common
            ),
            lambda: DynamoDbGetItem(self.name(), RESOURCE, key={"id": {"S": Input("id")}}, **common),
            lambda: DynamoDbPutItem(
                self.name(), RESOURCE, item={"id": {"S": "1"}}, condition="a = b", **common
            ),
            lambda: DynamoDbUpdateItem(
                self.name(),
                RESOURCE,
                key={},
                update="SET #a = :b",
                names={"#a": "a"},
                values={":b": {"N": "1"}},
                **common,
            ),
            lambda: DynamoDbDeleteItem(self.name(), RESOURCE, key={"id": {"S": "1"}}, **common),
            lambda: S3GetObject(self.name(), bucket_name="b", key=Input("k"), prefix="jobs/", **common),
            lambda: S3PutObject(self.name(), bucket_name="b", key="k", body=self.data(), **common),
            lambda: StartExecution(self.name(), RESOURCE, input=self.data(), execution_name="x", **common),
        )

    def assigned(self) -> Step:
        return Pass(self.name(), variables={self.variable(): self._draw(self._values)})

    def waited(self) -> Step:
        return Wait(self.name(), seconds=self._draw(st.integers(0, 9) | st.just(Input("body.seconds"))))

    def kept(self) -> Step:
        variable = self.variable()
        read = {self.variable(): Variable(variable, default=1)}
        return self.task(result=variable) >> Pass(self.name(), variables=read)

    def fallback(self) -> Step:
        variable = self.variable()
        first = LambdaTask(self.name(), FUNCTION, result=variable)
        second = Pass(self.name(), variables={variable: self._draw(self._values)})
        read = {self.variable(): Variable(variable)}
        return first.or_else(second, result=self.variable()) >> Pass(self.name(), variables=read)

    def guarded(self) -> Step:
        variable = self.variable()
        task = LambdaTask(self.name(), FUNCTION, result=variable, retry=self._draw(RETRIES))
        second = Pass(self.name(), variables={variable: self._draw(self._values)})
        instead = self._draw(st.sampled_from([second, Succeed(self.name()), None]))
        errors = self._draw(st.just(("States.ALL",)) | ERRORS)
        read = {self.variable(): Variable(variable)}
        return CIRCUIT.around(task, instead=instead, errors=errors) >> Pass(self.name(), variables=read)

    def recovered(self) -> Step:
        end = self.one_of(lambda: Fail(self.name(), error="BackendError"), lambda: Pass(self.name()))
        return self.task(result=self.variable(), catch=(Catch(errors=self._draw(ERRORS), to=end),))

    def choice(self, depth: int) -> Step:
        ends: tuple[Callable[[], Step], ...] = (
            lambda: self.chain(depth - 1),
            lambda: self.task(result=self.variable()),
            lambda: Succeed(self.name(), output=self.data()),
            lambda: Succeed(self.name()),
        )
        rules = [(self._draw(CONDITIONS), self.one_of(*ends)) for _ in range(self._draw(st.integers(1, 2)))]
        return Choice(self.name(), rules, default=Continue())

    def parallel(self, depth: int) -> Step:
        branches = {
            f"b{at}": self.closed(depth - 1, in_map=False) for at in range(self._draw(st.integers(1, 3)))
        }
        return Parallel(
            self.name(),
            branches,
            catch_each=self._draw(st.booleans()),
            result=self.variable(),
            retry=self._draw(RETRIES),
        )

    def mapped(self, depth: int) -> Step:
        return Map(
            self.name(),
            self._draw(st.sampled_from([Input("body.items"), [1, {"image": "x"}], Jsonata("[1..3]")])),
            each=self.closed(depth - 1, in_map=True),
            max_concurrency=self._draw(st.integers(1, 40)),
            catch_each=self._draw(st.booleans()),
            result=self.variable(),
        )
