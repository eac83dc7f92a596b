"""Faults of a workflow: errors before anything is created, with place, problem and remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from constructs_lib.errors import ConstructError, InvalidArgumentError
from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.workflows.branches import Map, Parallel
from constructs_lib.workflows.data_flow import check_data_flow
from constructs_lib.workflows.expressions import Input, Item, Jsonata, Variable
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.hand_written import HandWritten
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.service_tasks import S3GetObject
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Choice, Continue, Fail, GoTo, Pass, Succeed, Wait
from constructs_lib.workflows.structure import WorkflowKind, check_structure
from constructs_lib.workflows.tasks import LambdaTask, Task
from handlers.common.contract import Contract
from tests.support.workflow_steps import FUNCTION, RESOURCE

END: dict[str, Any] = {"Type": "Pass", "End": True}


def message(act: Callable[[], object]) -> str:
    with pytest.raises(ConstructError) as refusal:
        act()
    return str(refusal.value)


def checked(step: Step, kind: WorkflowKind = "EXPRESS", timeout_seconds: int | None = None) -> None:
    rendered = render("shop/flow", step, timeout_seconds=timeout_seconds)
    check_structure("shop/flow", rendered.asl, kind)
    check_data_flow("shop/flow", rendered.asl, rendered.item_readers)


def call(name: str = "call", **more: Any) -> LambdaTask:
    return LambdaTask(name, FUNCTION, retry=more.pop("retry", ()), **more)


STEPS: dict[str, tuple[Callable[[], object], str]] = {
    "two states of one name": (
        lambda: checked(Pass("a") >> Pass("b") >> Wait("a", seconds=1)),
        "shop/flow/a: two states have this name; give one of them another name",
    ),
    "two states of one name in different branches": (
        lambda: checked(Parallel("p", {"x": Pass("a"), "y": Pass("a")})),
        "shop/flow/a: two states have this name; give one of them another name",
    ),
    "one state in two branches": (
        lambda: (shared := Pass("a")) and checked(Parallel("p", {"x": shared, "y": shared})),
        (
            "shop/flow/a: is in two branches or iterations, which cannot share a state; create a second state with another name"
        ),
    ),
    "one state with two ways on": (
        lambda: (shared := Pass("a")) and checked(shared >> Pass("b") >> shared >> Pass("c")),
        (
            "shop/flow/a: goes on at 'c' in one place and at 'b' in another; create a second state with another name, "
            "or use GoTo"
        ),
    ),
    "a state after the end": (
        lambda: checked(Succeed("done") >> Pass("more")),
        "shop/flow/more: no state leads to it; add a transition to it in shop/flow, or remove it",
    ),
    "a state after a loop": (
        lambda: checked(Pass("a") >> GoTo("a") >> Pass("lost")),
        "shop/flow/lost: no state leads to it; add a transition to it in shop/flow, or remove it",
    ),
    "a circle": (
        lambda: checked(Pass("a") >> Wait("b", seconds=1) >> GoTo("a")),
        "shop/flow/a: this loop has no exit; add a transition to a state that ends",
    ),
    "a circle in a branch": (
        lambda: checked(Parallel("p", {"x": Pass("a") >> GoTo("a")})),
        "shop/flow/a: this loop has no exit; add a transition to a state that ends",
    ),
    "a way to another branch": (
        lambda: checked(Parallel("p", {"x": Pass("a") >> GoTo("b"), "y": Pass("b")})),
        "shop/flow/a: Next is 'b', which does not exist; name a state of the same workflow, branch or iteration",
    ),
    "a choice without a default": (
        lambda: Choice("?", [(Input("a").exists(), Pass("a"))], default=None),  # type: ignore[arg-type]
        (
            "Choice '?': has no default, so the workflow would fail if no condition is true; pass default=Continue() or default=Fail(...)"
        ),
    ),
    "a choice without rules": (
        lambda: Choice("?", [], default=Continue()),
        "Choice '?': has no rules; pass [(condition, step), ...]",
    ),
    "a rule that is not a condition": (
        lambda: Choice("?", [(Input("a"), Pass("a"))], default=Continue()),  # type: ignore[list-item]
        "Choice '?': a rule's condition is of type Input; compare an expression, as in Input('kind').equals('scan')",
    ),
    "nothing to continue with": (
        lambda: checked(Choice("?", [(Input("a").exists(), Pass("a"))], default=Continue())),
        "shop/flow: Continue() has no next step; end with a state, such as Succeed('done')",
    ),
    "a long name": (
        lambda: Pass("x" * 81),
        f"Pass: name '{'x' * 81}' is not valid; use 1 to 80 letters, digits, blanks and punctuation",
    ),
    "a variable that nothing keeps": (
        lambda: checked(call() >> Succeed("done", output=Variable("text"))),
        "shop/flow/done: reads 'text', which no state before it sets; set result on the state that should provide it",
    ),
    "a variable that is kept later": (
        lambda: checked(Pass("early", output=Variable("x")) >> call(result="x") >> Succeed("done")),
        "shop/flow/early: reads 'x', which no state before it sets; set result on the state that should provide it",
    ),
    "a variable of a branch, outside of it": (
        lambda: checked(
            Parallel("p", {"a": call(result="inner") >> Pass("use", output=Variable("inner"))}, result="p")
            >> Succeed("done", output=Variable("inner"))
        ),
        (
            "shop/flow/done: reads 'inner', which no state before it sets; it is set inside 'p' and ends with it; add a result to 'p' and read that"
        ),
    ),
    "a variable that one way does not keep": (
        lambda: checked(
            Choice("?", [(Input("a").exists(), call(result="x"))], default=Continue())
            >> Succeed("done", output=Variable("x"))
        ),
        (
            "shop/flow/done: reads 'x', which is not set on every path to it; set it on each path, for example by a Pass with variables={...}"
        ),
    ),
    "a fallback that keeps nothing": (
        lambda: checked(call(result="x").or_else(Pass("sorry")) >> Succeed("done", output=Variable("x"))),
        (
            "shop/flow/done: reads 'x', which is not set on every path to it; set it on each path, for example by a Pass with variables={...}"
        ),
    ),
    "a result over one that is still read": (
        lambda: checked(
            call("one", result="x") >> call("two", result="x") >> Succeed("done", output=Variable("x"))
        ),
        (
            "shop/flow/two: overwrites variable 'x', which 'one' set and 'done' still reads; rename one of the two results"
        ),
    ),
    "a result over one that a branch reads": (
        lambda: checked(
            call("one", result="x")
            >> call("two", result="x")
            >> Parallel("p", {"a": Pass("a", output=Jsonata("$map([1], function($v) { $v + $x })"))})
        ),
        (
            "shop/flow/two: overwrites variable 'x', which 'one' set and 'p' still reads; rename one of the two results"
        ),
    ),
    "a branch with a name from outside": (
        lambda: checked(
            call(result="x")
            >> Parallel("p", {"a": call("inner", result="x") >> Pass("use", output=Variable("x"))})
        ),
        (
            "shop/flow/inner: sets 'x', which 'call' outside of its branch or iteration sets too; rename one of the two"
        ),
    ),
    "a result at the end": (
        lambda: checked(call(result="x")),
        (
            "shop/flow/call: sets 'x' and ends, so no state can read it; leave result out to return its result, or add a Succeed with an output"
        ),
    ),
    "a result at the end of a caught branch": (
        lambda: checked(Parallel("p", {"a": call(result="x")}, catch_each=True)),
        (
            "LambdaTask 'call': stores its result in 'x' and ends, so no state can read it; leave result out; the branch then has its result"
        ),
    ),
    "an answer in the place of the item": (
        lambda: checked(
            Map("m", Input("items"), each=call() >> Pass("use", output={"of": Item("id")})) >> Succeed("done")
        ),
        (
            "shop/flow/use: reads its item, but the output of 'call' has replaced the item; add a result to 'call', so that its output is its input"
        ),
    ),
    "a retry after one for all": (
        lambda: checked(call(retry=[Retry(), Retry(errors=["BackendError"])])),
        (
            "shop/flow/call: a Retry for BackendError comes after one for States.ALL, and is never used; put it first, or "
            "remove it"
        ),
    ),
    "a catch after one for all": (
        lambda: checked(
            call(catch=[Catch(to=Pass("a")), Catch(to=Pass("b"), errors=["InvalidRequest"])])
            >> Succeed("done")
        ),
        (
            "shop/flow/call: a Catch for InvalidRequest comes after one for States.ALL, and is never used; put it first, or "
            "remove it"
        ),
    ),
    "a retry after one for failed tasks": (
        lambda: checked(call(retry=[Retry(errors=["States.TaskFailed"]), Retry(errors=["Bad"])])),
        (
            "shop/flow/call: a Retry for Bad comes after one for States.TaskFailed, and is never used; put it first, or "
            "remove it"
        ),
    ),
    "all errors and another": (
        lambda: checked(call(retry=[Retry(errors=["States.ALL", "Bad"])])),
        "shop/flow/call: a Retry names States.ALL and others, which it covers; name States.ALL alone",
    ),
    "a task longer than the workflow": (
        lambda: checked(call(timeout_seconds=30), timeout_seconds=20),
        (
            "shop/flow/call: may take 30 s, and the whole workflow ends after 20; lower the timeout of the state, or raise "
            "that of the workflow"
        ),
    ),
    "a task longer than Express": (
        lambda: checked(call(timeout_seconds=301)),
        (
            "shop/flow/call: may take 301 s, and the whole workflow ends after 300; lower the timeout of the state, or "
            "raise that of the workflow"
        ),
    ),
    "a heartbeat that never comes": (
        lambda: checked(call(timeout_seconds=10, heartbeat_seconds=10)),
        "shop/flow/call: HeartbeatSeconds 10 is not below TimeoutSeconds 10; lower the first, or raise the second",
    ),
    "a long wait in Express": (
        lambda: checked(Wait("night", seconds=3600) >> Succeed("done")),
        "shop/flow/night: waits 3600 s, and an Express workflow ends after 300; wait less, or use kind='STANDARD'",
    ),
    "a callback in Express": (
        lambda: checked(
            Task(
                "ask",
                action="sqs:sendMessage.waitForTaskToken",
                permissions=[PolicyStatement(actions=["sqs:SendMessage"], resources=[RESOURCE.arn])],
            )
        ),
        (
            "shop/flow/ask: an Express workflow cannot wait for arn:aws:states:::sqs:sendMessage.waitForTaskToken; call it "
            "without waiting, or use kind='STANDARD'"
        ),
    ),
    "a task that nothing allows": (
        lambda: Task("words", action="aws-sdk:rekognition:detectText", permissions=[]),
        (
            "Task 'words': no permission allows aws-sdk:rekognition:detectText; pass permissions=[PolicyStatement(...)] with what "
            "it needs"
        ),
    ),
    "text that would be evaluated": (
        lambda: checked(Pass("a", output={"x": "{% $secret %}"})),
        "Pass 'a': the string '{% $secret %}' would be evaluated; pass Jsonata(...) to evaluate it",
    ),
    "data that is not JSON": (
        lambda: checked(Pass("a", output={"x": object})),
        (
            "Pass 'a': a value of type type is neither JSON nor an expression; use dicts, lists, strings, numbers, booleans, None, and Input, Variable, Item or Jsonata"
        ),
    ),
    "more data than a state may have": (
        lambda: checked(Pass("a", output="x" * 262_144)),
        (
            "Pass 'a': holds 262,146 bytes of data and a state may have 262,144; store the data in a bucket and pass its key"
        ),
    ),
    "a definition that is too large": (
        lambda: checked(
            Pass("a", output="x" * 262_000)
            >> Pass("b", output="x" * 262_000)
            >> Pass("c", output="x" * 262_000)
            >> Pass("d", output="x" * 262_000)
            >> Pass("e", output="x" * 262_000)
        ),
        (
            "shop/flow: the definition has 1,310,306 bytes and Step Functions accepts 1,048,576; split the workflow and start one part from the other"
        ),
    ),
    "a function that is none": (
        lambda: LambdaTask("call", "arn:aws:lambda"),  # type: ignore[arg-type]
        "LambdaTask 'call': function is of type str; pass a Function",
    ),
    "a wildcard for a bucket": (
        lambda: S3GetObject("load", bucket_name="*", key="x"),
        "S3GetObject 'load': bucket_name '*' has a wildcard; name one",
    ),
    "a key outside of its prefix": (
        lambda: S3GetObject("load", bucket_name="b", key="x", prefix="jobs/"),
        "S3GetObject 'load': key 'x' does not begin with prefix 'jobs/'; correct one",
    ),
    "an expression with delimiters": (
        lambda: Jsonata("{% 1 %}"),
        "Jsonata: '{% 1 %}' is not an expression; write it without '{%' and '%}'",
    ),
    "a path that is none": (
        lambda: Input("a..b"),
        "Input: path 'a..b' is not valid; write it as 'a.b[0].c'",
    ),
    "a variable called states": (
        lambda: call(result="states"),
        (
            "LambdaTask 'call': result 'states' is not a valid variable name; use up to 80 letters, digits and '_', not a digit "
            "first, and not 'states'"
        ),
    ),
    "something that is not a step": (
        lambda: checked("call"),  # type: ignore[arg-type]
        "shop/flow: definition is of type str; pass a state, or several states joined by '>>'",
    ),
}


@pytest.mark.parametrize(("act", "expected"), STEPS.values(), ids=STEPS)
def test_a_mistake_in_steps_is_named(act: Callable[[], object], expected: str) -> None:
    assert message(act) == expected


@pytest.mark.parametrize(
    "step",
    [
        call("one", result="x")
        >> Pass("use", variables={"y": Variable("x")})
        >> call("two", result="z")
        >> Pass("e"),
        call("one", result="x") >> call("two", result="x") >> Pass("x stays unread"),
        Choice("?", [(Input("a").exists(), call("a", result="x"))], default=call("b", result="x"))
        >> Pass("use", output=Variable("x")),
        call(result="x", catch=[Catch(to=Fail("f", error="Bad"))]) >> Pass("use", output=Variable("x")),
        call(result="count") >> Pass("use", output=Jsonata("$count($map([1], $string)) + $count")),
        Pass("a", output=Jsonata("($x := 1; \"$y\" & $x & '$z')")),
        call(result="outer")
        >> Map(
            "m",
            [1],
            each=call("in", result="inner") >> Pass("use", output=[Variable("outer"), Variable("inner")]),
        ),
    ],
)
def test_what_is_right_is_not_refused(step: Step) -> None:
    checked(step)


WRITTEN: dict[str, tuple[dict[str, Any], str]] = {
    "no states": (
        {"StartAt": "a"},
        "shop/flow: has no States; add an object with the states by name",
    ),
    "empty": ({"StartAt": "a", "States": {}}, "shop/flow: has no states; add one"),
    "another start": (
        {"StartAt": "b", "States": {"a": END}},
        "shop/flow: starts at 'b', which is not one of its states; correct StartAt",
    ),
    "an unknown type": (
        {"StartAt": "a", "States": {"a": {"Type": "Step", "End": True}}},
        "shop/flow/a: Type 'Step' is not known; use Choice, Fail, Map, Parallel, Pass, Succeed, Task, Wait",
    ),
    "no way on": (
        {"StartAt": "a", "States": {"a": {"Type": "Pass"}}},
        "shop/flow/a: has neither Next nor End; set Next, or End: true",
    ),
    "two ways on": (
        {"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "b", "End": True}, "b": END}},
        "shop/flow/a: has both Next and End, or End: false; set Next, or End: true",
    ),
    "a way to nowhere": (
        {"StartAt": "a", "States": {"a": {"Type": "Pass", "Next": "b"}}},
        "shop/flow/a: Next is 'b', which does not exist; name a state of the same workflow, branch or iteration",
    ),
    "an end with a Next": (
        {"StartAt": "a", "States": {"a": {"Type": "Succeed", "Next": "b"}, "b": END}},
        "shop/flow/a: a Succeed has no Next; take it out",
    ),
    "a lost state": (
        {"StartAt": "a", "States": {"a": END, "b": END}},
        "shop/flow/b: no state leads to it; add a transition to it in shop/flow, or remove it",
    ),
    "a name twice": (
        {
            "StartAt": "a",
            "States": {
                "a": {"Type": "Parallel", "End": True, "Branches": [{"StartAt": "a", "States": {"a": END}}]}
            },
        },
        "shop/flow/a: two states have this name; give one of them another name",
    ),
    "a long name": (
        {"StartAt": "x" * 81, "States": {"x" * 81: END}},
        f"shop/flow/{'x' * 81}: the name has 81 characters and the quota is 80; shorten it",
    ),
    "a task that calls nothing": (
        {"StartAt": "a", "States": {"a": {"Type": "Task", "End": True}}},
        "shop/flow/a: has no Resource; set Resource to the ARN of the call",
    ),
    "a retry of what cannot fail": (
        {"StartAt": "a", "States": {"a": {**END, "Retry": []}}},
        "shop/flow/a: a Pass has no Retry and no Catch; take them out",
    ),
    "a retry for nothing": (
        {"StartAt": "a", "States": {"a": {"Type": "Task", "Resource": "r", "End": True, "Retry": [{}]}}},
        "shop/flow/a: a Retry has no ErrorEquals; name the errors",
    ),
    "a timeout that is none": (
        {
            "StartAt": "a",
            "States": {"a": {"Type": "Task", "Resource": "r", "End": True, "TimeoutSeconds": 0}},
        },
        "shop/flow/a: TimeoutSeconds is 0; use 1 to 99999999",
    ),
    "a wait without an end": (
        {"StartAt": "a", "States": {"a": {"Type": "Wait", "End": True}}},
        "shop/flow/a: has no duration; pass Seconds or Timestamp",
    ),
    "a long workflow": (
        {"StartAt": "a", "States": {"a": END}, "TimeoutSeconds": 600},
        "shop/flow: may take 600 s, and an Express workflow ends after 300; lower its timeout, or use kind='STANDARD'",
    ),
    "a distributed map": (
        {
            "StartAt": "a",
            "States": {
                "a": {
                    "Type": "Map",
                    "End": True,
                    "ItemProcessor": {
                        "ProcessorConfig": {"Mode": "DISTRIBUTED"},
                        "StartAt": "b",
                        "States": {"b": END},
                    },
                }
            },
        },
        "shop/flow/a: an Express workflow has no distributed Map; use Mode INLINE, or kind='STANDARD'",
    ),
}


@pytest.mark.parametrize(("asl", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_a_mistake_in_hand_written_language_is_named(asl: dict[str, Any], expected: str) -> None:
    assert message(lambda: check_structure("shop/flow", asl, "EXPRESS")) == expected


def test_a_retry_may_repeat_some_names_of_one_before_it() -> None:
    service = ["Lambda.ServiceException", "Lambda.SdkClientException"]
    checked(
        call(retry=[Retry(errors=service), Retry(errors=[*service, "Lambda.TooManyRequestsException"])])
        >> Succeed("done")
    )


def test_a_choice_without_a_default_is_accepted() -> None:
    choice = {"Type": "Choice", "Choices": [{"Next": "b"}]}
    check_structure("shop/flow", {"StartAt": "a", "States": {"a": choice, "b": END}}, "EXPRESS")
    again = {"Type": "Pass", "Next": "a"}
    check_structure("shop/flow", {"StartAt": "a", "States": {"a": choice, "b": again}}, "EXPRESS")


def written(definition: Any, **more: Any) -> HandWritten:
    return HandWritten.read(
        definition, references=more.get("references", {}), permissions=more.get("permissions", ())
    )


def task(resource: str, **more: Any) -> dict[str, Any]:
    return {"StartAt": "a", "States": {"a": {"Type": "Task", "Resource": resource, "End": True, **more}}}


def test_functions_stand_for_their_arns_by_name_and_as_themselves() -> None:
    by_name = written('{"StartAt": "${Name}", "States": {"${Name}": {"Resource": "${Fn}"}}}'.replace("${Name}", "a"),
                      references={"Fn": FUNCTION})  # fmt: skip
    as_itself = written({"StartAt": "a", "States": {"a": {"Resource": FUNCTION}}})
    assert by_name == as_itself
    assert by_name.functions == (FUNCTION,)
    assert by_name.asl["States"]["a"]["Resource"] == FUNCTION.qualified_arn


READ: dict[str, tuple[Callable[[], object], str]] = {
    "no JSON": (
        lambda: written("{"),
        (
            "Workflow.from_definition: is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 "
            "(char 1)); correct it"
        ),
    ),
    "no object": (
        lambda: written("[]"),
        "Workflow.from_definition: is of type list; pass an object with StartAt and States",
    ),
    "an unknown reference": (
        lambda: written(task("${Other}")),
        "Workflow.from_definition: refers to '${Other}', which is not in references; pass references={'Other': ...}",
    ),
    "an unused reference": (
        lambda: written(task("r"), references={"Fn": FUNCTION}),
        "Workflow.from_definition: reference 'Fn' does not occur in it; write ${Fn}, or remove it",
    ),
    "two timeouts": (
        lambda: written({**task("r"), "TimeoutSeconds": 5}).rendered("shop/flow", timeout_seconds=6),
        "shop/flow: the definition has TimeoutSeconds 5, and timeout_seconds is 6; leave one of them out",
    ),
    "a function by a bare ARN": (
        lambda: written(task("arn:aws:lambda:us-east-1:1:function:other")).check_permissions("shop/flow"),
        (
            "shop/flow/a: no permission allows arn:aws:lambda:us-east-1:1:function:other; name functions by "
            "references={...}, and pass permissions=[PolicyStatement(...)] for all else; the actions start with 'lambda:'"
        ),
    ),
    "a service without a permission": (
        lambda: written(task("arn:aws:states:::sqs:sendMessage")).check_permissions("shop/flow"),
        (
            "shop/flow/a: no permission allows arn:aws:states:::sqs:sendMessage; name functions by references={...}, "
            "and pass permissions=[PolicyStatement(...)] for all else; the actions start with 'sqs:'"
        ),
    ),
}


@pytest.mark.parametrize(("act", "expected"), READ.values(), ids=READ)
def test_hand_written_language_that_cannot_be_read_is_refused(
    act: Callable[[], object], expected: str
) -> None:
    assert message(act) == expected


@pytest.mark.parametrize(
    ("called", "action"),
    [
        ("http:invoke", "states:InvokeHTTPEndpoint"),
        ("apigateway:invoke", "execute-api:Invoke"),
        ("apigateway:invoke.waitForTaskToken", "execute-api:Invoke"),
        ("aws-sdk:apigateway:getRestApis", "apigateway:GET"),
        ("aws-sdk:sesv2:sendEmail", "ses:SendEmail"),
        ("aws-sdk:opensearch:describeDomain", "es:DescribeDomain"),
        ("aws-sdk:mwaa:createCliToken", "airflow:CreateCliToken"),
        ("aws-sdk:efs:describeFileSystems", "elasticfilesystem:DescribeFileSystems"),
        ("aws-sdk:cognitoidentityprovider:adminGetUser", "cognito-idp:AdminGetUser"),
        ("aws-sdk:rdsdata:executeStatement", "rds-data:ExecuteStatement"),
        ("aws-sdk:cloudwatchlogs:putLogEvents", "logs:PutLogEvents"),
        ("aws-sdk:sfn:startExecution", "states:StartExecution"),
        ("aws-sdk:config:putEvaluations", "config:PutEvaluations"),
        ("emr-containers:startJobRun.sync", "emr-containers:StartJobRun"),
        ("dynamodb:putItem", "dynamodb:PutItem"),
    ],
)
def test_a_service_is_allowed_by_its_prefix_in_iam(called: str, action: str) -> None:
    state = written(
        task(f"arn:aws:states:::{called}"),
        permissions=[PolicyStatement(actions=[action], resources=["arn:aws:x"])],
    )
    state.check_permissions("shop/flow")
    other = PolicyStatement(actions=["sts:GetCallerIdentity"], resources=["*"])
    with pytest.raises(InvalidArgumentError, match=f"the actions start with .*'{action.partition(':')[0]}:'"):
        written(task(f"arn:aws:states:::{called}"), permissions=[other]).check_permissions("shop/flow")


@pytest.mark.parametrize(
    "resource",
    [
        "arn:aws:states:::newservice:invoke",
        "arn:aws:states:::aws-sdk:newservice:invoke",
        "arn:aws:states:::eks:call",
        "arn:aws:states:us-east-1:123456789012:activity:approve",
    ],
)
def test_a_service_that_is_not_known_or_needs_no_permission_is_accepted(resource: str) -> None:
    written(task(resource)).check_permissions("shop/flow")


def test_a_task_calls_services_whose_names_have_hyphens() -> None:
    statement = PolicyStatement(actions=["emr-containers:StartJobRun"], resources=["arn:aws:x"])
    Task("run", action="emr-containers:startJobRun", permissions=[statement])


def test_a_permission_for_the_service_is_enough() -> None:
    allowed = PolicyStatement(actions=["bedrock:InvokeModel"], resources=["arn:aws:bedrock:us-east-1::x/y"])
    resource = "arn:aws:states:::aws-sdk:bedrockruntime:invokeModel"
    written(task(resource), permissions=[allowed]).check_permissions("shop/flow")
    invoke = task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": FUNCTION})
    written(invoke).check_permissions("shop/flow")


class Greeting(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    mood: str = "happy"


@pytest.mark.parametrize(
    ("input_", "problem"),
    [
        ({}, "input has no 'name', which greeting requires; add it"),
        ({"name": "x", "nmae": "x"}, "input has 'nmae', which greeting does not take; use name, mood"),
    ],
)
def test_the_input_of_an_operation_is_compared_with_its_model(input_: dict[str, Any], problem: str) -> None:
    greet = Contract("greeting").post("/greeting", Greeting, Greeting, summary="Greet.")
    with pytest.raises(InvalidArgumentError) as refused:
        LambdaTask("greet", FUNCTION, operation=greet, input=input_)
    assert str(refused.value) == f"LambdaTask 'greet': {problem}"
    LambdaTask("greet", FUNCTION, operation=greet, input={"name": Input("body.name")})
    LambdaTask("greet", FUNCTION, operation=greet, input=Input("body"))


def test_an_operation_is_not_a_name() -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        LambdaTask("greet", FUNCTION, operation="greeting")  # type: ignore[arg-type]
    assert str(refused.value) == (
        "LambdaTask 'greet': operation is of type str; pass an operation of a contract, such as read_text of "
        "handlers/vision/contract.py"
    )
