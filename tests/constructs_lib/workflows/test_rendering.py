"""Steps of a workflow in Amazon States Language."""

from __future__ import annotations

from typing import Any

import pytest

from constructs_lib.iam.policy import PolicyStatement
from constructs_lib.workflows.branches import Map, Parallel
from constructs_lib.workflows.duration import longest_seconds
from constructs_lib.workflows.expressions import Input, Item, Jsonata, Variable
from constructs_lib.workflows.failures import Catch, Retry
from constructs_lib.workflows.mermaid import mermaid
from constructs_lib.workflows.rendering import render
from constructs_lib.workflows.service_tasks import (
    BedrockInvokeModel,
    DynamoDbDeleteItem,
    DynamoDbPutItem,
    S3GetObject,
    SqsSendMessage,
    StartExecution,
)
from constructs_lib.workflows.step import Step
from constructs_lib.workflows.steps import Choice, Continue, Fail, GoTo, Pass, Succeed, Wait
from constructs_lib.workflows.tasks import LambdaTask, Place, Task
from local_cloud.states.jsonata import evaluate
from tests.support.workflow_steps import FUNCTION, READ_TEXT, RESOURCE, FakeFunction

ONCE = Retry(max_attempts=1)
KEPT = "{% $states.input %}"
STEP_FAILED = {"code": "step_failed", "message": "This step failed."}


def states(step: Step) -> dict[str, Any]:
    asl = render("shop/flow", step).asl
    assert asl["QueryLanguage"] == "JSONata"
    found: dict[str, Any] = asl["States"]
    return found


def evaluated(code: str, results: list[Any]) -> Any:
    """Return the result of branches or iterations in the interpreter of the local cloud."""
    return evaluate(code.removeprefix("{% ").removesuffix(" %}"), {"states": {"result": results}})


def call(**more: Any) -> LambdaTask:
    return LambdaTask("call", FUNCTION, retry=(), **more)


def test_a_task_calls_the_alias_with_the_operation_and_its_input() -> None:
    task = LambdaTask(
        "read",
        FUNCTION,
        operation=READ_TEXT,
        input={"image": Input("body.image"), "limit": 5},
        result="text",
        retry=[ONCE],
    )
    assert states(task >> Succeed("done"))["read"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {
            "FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:chat:live",
            "Payload": {
                "operation": "vision.text",
                "input": {"image": "{% $states.context.Execution.Input.body.image %}", "limit": 5},
            },
        },
        "TimeoutSeconds": 5,
        "Assign": {"text": "{% $states.result.Payload %}"},
        "Output": KEPT,
        "Retry": [
            {
                "ErrorEquals": ["States.ALL"],
                "IntervalSeconds": 1,
                "MaxAttempts": 1,
                "BackoffRate": 2.0,
                "MaxDelaySeconds": 10,
                "JitterStrategy": "FULL",
            }
        ],
        "Next": "done",
    }


def test_the_answer_of_a_task_without_a_result_is_handed_on() -> None:
    assert states(call())["call"]["Output"] == "{% $states.result.Payload %}"
    assert "Assign" not in states(call())["call"]


def test_steps_follow_each_other_in_the_order_they_are_joined() -> None:
    chain = Pass("one") >> (Wait("two", seconds=1) >> Pass("three"))
    found = states(chain)
    assert list(found) == ["one", "two", "three"]
    assert [one.get("Next") for one in found.values()] == ["two", "three", None]
    assert found["three"]["End"] is True


def test_a_choice_leads_back_to_what_follows_it() -> None:
    choice = Choice("kind", [(Input("kind").equals("scan"), Pass("scan"))], default=Continue())
    found = states(choice >> Succeed("done"))
    assert found["kind"] == {
        "Type": "Choice",
        "Output": KEPT,
        "Choices": [{"Condition": '{% ($states.context.Execution.Input.kind = "scan") %}', "Next": "scan"}],
        "Default": "done",
    }
    assert found["scan"]["Next"] == "done"


def test_a_loop_goes_back_by_name() -> None:
    ready = Variable("job.ready").equals(True)
    loop = call(result="job") >> Choice(
        "ready?", [(ready, Succeed("done"))], default=Wait("a moment", seconds=5) >> GoTo("call")
    )
    assert states(loop)["a moment"]["Next"] == "call"


def test_a_fallback_keeps_its_answer_where_the_first_would_have() -> None:
    second = LambdaTask("second", FUNCTION, result="answer", retry=())
    found = states(
        call(result="answer").or_else(second, result="why") >> Succeed("done", output=Variable("answer"))
    )
    assert found["call"]["Catch"] == [
        {
            "ErrorEquals": ["States.ALL"],
            "Next": "second",
            "Assign": {"why": "{% $states.errorOutput %}"},
            "Output": KEPT,
        }
    ]
    assert found["call"]["Next"] == found["second"]["Next"] == "done"


def test_fallbacks_can_have_fallbacks() -> None:
    third = Pass("third", variables={"answer": None})
    second = LambdaTask("second", FUNCTION, result="answer")
    found = states(call(result="answer").or_else(second.or_else(third)) >> Succeed("done"))
    assert found["second"]["Catch"][0]["Next"] == "third"
    assert found["third"]["Next"] == "done"


def test_a_catch_goes_on_with_what_follows_unless_it_ends() -> None:
    task = call(
        result="x",
        catch=[
            Catch(to=Fail("refused", error="InvalidRequest"), errors=["InvalidRequest"]),
            Catch(to=Pass("without", variables={"x": None})),
        ],
    )
    found = states(task >> Succeed("done"))
    assert [one["Next"] for one in found["call"]["Catch"]] == ["refused", "without"]
    assert found["refused"] == {"Type": "Fail", "Error": "InvalidRequest"}
    assert found["without"]["Next"] == "done"


def test_one_state_may_be_the_target_of_several() -> None:
    sorry = Fail("sorry", error="BackendError")
    first = call(result="a", catch=[Catch(to=sorry)])
    second = LambdaTask("second", FUNCTION, result="b", catch=[Catch(to=sorry)])
    assert list(states(first >> second >> Succeed("done"))) == ["call", "second", "done", "sorry"]


def test_a_parallel_answers_by_the_names_of_its_branches() -> None:
    both = Parallel("both", {"left": Pass("l", output=1), "right": Pass("r", output=2)}, result="both")
    found = states(both >> Succeed("done"))["both"]
    assert found["Assign"] == {
        "both": {"left": "{% $states.result[0] %}", "right": "{% $states.result[1] %}"}
    }
    assert [branch["StartAt"] for branch in found["Branches"]] == ["l", "r"]
    assert found["Branches"][0]["States"] == {"l": {"Type": "Pass", "Output": 1, "End": True}}


def test_a_branch_that_is_caught_says_that_it_failed() -> None:
    both = Parallel("both", {"one": call(), "two": Pass("a") >> Pass("b")}, catch_each=True)
    found = states(both)["both"]
    assert found["Output"]["results"] == {
        "one": "{% $states.result[0].result %}",
        "two": "{% $states.result[1].result %}",
    }
    assert evaluated(found["Output"]["failed"], [{"result": 1}, {"result": None, "error": "Odd"}]) == [
        {"branch": "two", "error": STEP_FAILED}
    ]
    assert evaluated(found["Output"]["failed"], [{"result": None}, {"result": 2}]) == []
    one, two = (branch["States"] for branch in found["Branches"])
    failed = {"result": None, "error": "{% $states.errorOutput.Error %}"}
    assert one["call"]["Output"] == {"result": "{% $states.result.Payload %}"}
    assert one["call"]["Catch"] == [
        {"ErrorEquals": ["States.ALL"], "Next": "both: one failed", "Output": failed}
    ]
    assert one["both: one failed"] == {"Type": "Pass", "Output": KEPT, "End": True}
    assert two["both: two"]["Type"] == "Parallel"
    assert list(two["both: two"]["Branches"][0]["States"]) == ["a", "b"]
    assert two["both: two"]["Output"] == {"result": "{% $states.result[0] %}"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("Runtime.ExitError", "backend_error"),
        ("Sandbox.Timedout", "backend_timeout"),
        ("Lambda.TooManyRequestsException", "backend_unavailable"),
        ("UnprocessableInput", "unprocessable_input"),
        ("States.DataLimitExceeded", "payload_too_large"),
        ("Odd", "step_failed"),
        ("constructor", "step_failed"),
        ("", "step_failed"),
    ],
)
def test_an_item_that_is_caught_says_what_a_caller_may_know(error: str, code: str) -> None:
    pages = Map("pages", Input("body.pages"), each=call(), catch_each=True)
    output = states(pages)["pages"]["Output"]
    good, bad = {"result": {"error": "of the page"}}, {"result": None, "error": error}
    for results in ([], [good], [bad], [good, bad], [bad, good, bad]):
        for given, shown in zip(results, evaluated(output, results), strict=True):
            expected = given if given is good else {"result": None, "error": shown["error"]}
            assert shown == expected
            if given is bad:
                assert shown["error"]["code"] == code
                assert set(shown["error"]) == {"code", "message"}


def test_the_platforms_faults_are_retried_by_default() -> None:
    busy, crashed = states(LambdaTask("call", FUNCTION))["call"]["Retry"]
    assert set(busy["ErrorEquals"]) >= {
        "BackendUnavailable",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ServiceException",
        "Lambda.TooManyRequestsException",
    }
    assert set(crashed["ErrorEquals"]) >= {"Runtime.ExitError", "Sandbox.Timedout", "Lambda.Unknown"}
    for retry in (busy, crashed):
        assert (retry["MaxAttempts"], retry["JitterStrategy"]) == (2, "FULL")


def test_a_map_hands_each_item_to_its_iteration() -> None:
    pages = Map("pages", Input("body.pages"), each=call(input={"image": Item("image")}), max_concurrency=3)
    found = states(pages)["pages"]
    assert found["Items"] == "{% $states.context.Execution.Input.body.pages %}"
    assert found["MaxConcurrency"] == 3
    assert found["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert found["ItemProcessor"]["States"]["call"]["Arguments"]["Payload"] == {
        "image": "{% $states.input.image %}"
    }
    assert found["Output"] == "{% $states.result %}"


def test_a_task_may_invoke_an_inference_profile_and_its_model_through_it() -> None:
    ask = BedrockInvokeModel("ask", model_id="eu.amazon.nova-lite-v1:0", body={})
    rendered = render("shop/flow", ask, place=Place(region="eu-west-1"))
    profile = "arn:aws:bedrock:eu-west-1:*:inference-profile/eu.amazon.nova-lite-v1:0"
    assert [(one.resources, one.conditions) for one in rendered.permissions] == [
        ((profile,), {}),
        (
            ("arn:aws:bedrock:*::foundation-model/amazon.nova-lite-v1:0",),
            {"StringLike": {"bedrock:InferenceProfileArn": profile}},
        ),
    ]


def test_what_tasks_call_becomes_permissions_for_exactly_that() -> None:
    steps = (
        BedrockInvokeModel("ask", model_id="amazon.titan-embed-text-v2:0", body={}, result="a")
        >> SqsSendMessage("tell", RESOURCE, body="x", kms_key_arn="arn:aws:kms:::key/k", result="b")
        >> DynamoDbPutItem("keep", RESOURCE, item={}, result="c")
        >> S3GetObject("load", bucket_name="pages", key=Input("key"), prefix="jobs/", result="d")
        >> StartExecution("start", RESOURCE, result="e")
        >> LambdaTask("call", FUNCTION, result="f")
        >> LambdaTask("call again", FUNCTION, result="g")
        >> LambdaTask("call another", FakeFunction("other"))
    )
    rendered = render("shop/flow", steps, place=Place(partition="aws-cn", region="cn-north-1"))
    assert [(one.actions, one.resources) for one in rendered.permissions] == [
        (
            ("bedrock:InvokeModel",),
            ("arn:aws-cn:bedrock:cn-north-1::foundation-model/amazon.titan-embed-text-v2:0",),
        ),
        (("sqs:SendMessage",), (RESOURCE.arn,)),
        (("kms:Decrypt", "kms:GenerateDataKey"), ("arn:aws:kms:::key/k",)),
        (("dynamodb:PutItem",), (RESOURCE.arn,)),
        (("s3:GetObject",), ("arn:aws-cn:s3:::pages/jobs/*",)),
        (("states:StartExecution",), (RESOURCE.arn,)),
    ]
    assert rendered.functions == (FUNCTION, FakeFunction("other"))
    assert rendered.asl["States"]["ask"]["Resource"] == "arn:aws-cn:states:::bedrock:invokeModel"


def test_an_item_is_deleted_if_it_is_as_it_was_and_no_other() -> None:
    task = DynamoDbDeleteItem(
        "forget",
        RESOURCE,
        key={"id": {"S": "1"}},
        condition="n = :n",
        values={":n": {"N": Input("n")}},
        leading_keys=["1"],
        kms_key_arn="arn:aws:kms:::key/k",
    )
    rendered = render("shop/flow", task)
    assert rendered.asl["States"]["forget"]["Resource"] == "arn:aws:states:::dynamodb:deleteItem"
    assert rendered.asl["States"]["forget"]["Arguments"] == {
        "TableName": "things",
        "Key": {"id": {"S": "1"}},
        "ConditionExpression": "n = :n",
        "ExpressionAttributeValues": {":n": {"N": "{% $states.context.Execution.Input.n %}"}},
    }
    assert rendered.permissions == (
        PolicyStatement(
            actions=["dynamodb:DeleteItem"],
            resources=[RESOURCE.arn],
            conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ("1",)}},
        ),
        PolicyStatement(actions=["kms:Decrypt"], resources=["arn:aws:kms:::key/k"]),
    )


def test_any_other_api_is_called_by_its_name() -> None:
    words = PolicyStatement(actions=["rekognition:DetectText"], resources=["*"])
    task = Task("words", action="aws-sdk:rekognition:detectText", arguments={"A": 1}, permissions=[words])
    rendered = render("shop/flow", task)
    assert rendered.asl["States"]["words"]["Resource"] == "arn:aws:states:::aws-sdk:rekognition:detectText"
    assert rendered.permissions == (words,)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        (Input(), "$states.context.Execution.Input"),
        (Input("query.the-page[0].x"), "$states.context.Execution.Input.query.`the-page`[0].x"),
        (Input("a", default=None), ("($exists($states.context.Execution.Input.a) ? "
         "$states.context.Execution.Input.a : null)")),
        (Variable("v[1].b"), "$v[1].b"),
        (Item(), "$states.input"),
        (Variable("v").less_than(3), "(($v < 3) = true)"),
        (Variable("v").is_in(["a", 1]), '($v in ["a", 1])'),
        (~(Variable("v").exists() | Variable("w").equals({"a": [None]})),
         '$not(($exists($v) or ($w = {"a": [null]})))'),
        (Variable("v").equals(Jsonata("$count($w)")), "($v = $count($w))"),
    ],
)  # fmt: skip
def test_expressions_in_jsonata(expression: Any, code: str) -> None:
    assert expression.code == code


def test_how_long_a_workflow_may_take() -> None:
    task = LambdaTask(
        "call", FUNCTION, retry=[Retry(max_attempts=2, interval_seconds=1, max_delay_seconds=2)]
    )
    assert longest_seconds(render("w", task).asl, "EXPRESS") == 3 * 5 + 1 + 2
    both = Parallel("both", {"a": Wait("short", seconds=2), "b": Wait("long", seconds=9)}, result="x")
    choice = Choice("?", [(Input("a").exists(), Wait("way", seconds=4))], default=Continue())
    assert longest_seconds(render("w", both >> choice >> Succeed("end")).asl, "EXPRESS") == 13
    caught = call(result="x", catch=[Catch(to=Wait("sorry", seconds=7))]) >> Succeed("end")
    assert longest_seconds(render("w", caught).asl, "EXPRESS") == 12
    fixed = Map("known", [1, 2, 3], each=call(), max_concurrency=2)
    assert longest_seconds(render("w", fixed).asl, "EXPRESS") == 10


def test_what_has_no_end_of_its_own_ends_with_the_workflow() -> None:
    unknown = Map("unknown", Input("items"), each=call())
    assert longest_seconds(render("w", unknown).asl, "EXPRESS") == 300
    assert longest_seconds(render("w", unknown).asl, "STANDARD") == float("inf")
    assert longest_seconds(render("w", unknown, timeout_seconds=20).asl, "EXPRESS") == 20


def test_the_picture() -> None:
    steps = call(result="x", catch=[Catch(to=Fail("sorry", error="Bad"), errors=["BackendError"])]) >> Choice(
        "any?", [(Variable("x").exists(), Parallel("both", {"a": Pass("a")}))], default=Succeed("none")
    )
    assert mermaid(render("shop/flow", steps).asl) == (
        "flowchart TD\n"
        "    start((start))\n"
        "    finish((end))\n"
        '    s1["call<br/><i>lambda:invoke</i>"]\n'
        '    s2{"any?<br/><i>Choice</i>"}\n'
        '    subgraph s3["both<br/><i>Parallel</i>"]\n'
        '        subgraph s3_1[" "]\n'
        '            s4["a<br/><i>Pass</i>"]\n'
        "        end\n"
        "    end\n"
        '    s5(["none<br/><i>Succeed</i>"])\n'
        '    s6(["sorry<br/><i>Bad</i>"])\n'
        "    s1 --> s2\n"
        '    s1 -.->|"BackendError"| s6\n'
        '    s2 -->|"$exists($x)"| s3\n'
        '    s2 -->|"otherwise"| s5\n'
        "    start --> s1\n"
        "    s3 --> finish\n"
        "    s5 --> finish\n"
        "    s6 --> finish\n"
    )
