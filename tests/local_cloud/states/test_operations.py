"""The operations of the API: what is created, refused, listed, started and stopped, and what the logs say of it."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.states_cloud import ACCOUNT, REGION, States, invoke, only
from tests.support.waiting import eventually

SUCCEED = only({"Type": "Succeed"})


def slow(states: States, seconds: float = 5) -> dict[str, Any]:
    task = invoke(states.function)
    task["Parameters"] = {"FunctionName": states.function, "Payload": {"do": "sleep", "seconds": seconds}}
    return only(task)


def test_a_state_machine_is_described_with_all_that_the_provider_reads(states: States) -> None:
    arn = states.machine(SUCCEED, kind="EXPRESS", tags=[{"key": "a", "value": "b"}])
    described = states.sfn.describe_state_machine(stateMachineArn=arn)
    described.pop("ResponseMetadata")
    described.pop("creationDate")
    assert described == {
        "stateMachineArn": arn,
        "name": arn.rpartition(":")[2],
        "status": "ACTIVE",
        "definition": json.dumps(SUCCEED),
        "roleArn": states.role,
        "type": "EXPRESS",
        "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
        "tracingConfiguration": {"enabled": False},
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }
    assert states.sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]


def test_creating_the_same_again_gives_the_same_and_another_is_refused(states: States) -> None:
    name = states.name()
    given = {"name": name, "definition": json.dumps(SUCCEED), "roleArn": states.role, "type": "EXPRESS"}
    first = states.sfn.create_state_machine(**given)
    assert states.sfn.create_state_machine(**given)["stateMachineArn"] == first["stateMachineArn"]
    with pytest.raises(states.sfn.exceptions.StateMachineAlreadyExists):
        states.sfn.create_state_machine(**{**given, "type": "STANDARD"})


def test_an_update_changes_what_is_given_and_makes_a_revision(states: States) -> None:
    arn = states.machine(SUCCEED, kind="STANDARD")
    changed = json.dumps(only({"Type": "Succeed", "Comment": "more"}))
    first = states.sfn.update_state_machine(stateMachineArn=arn, definition=changed)
    second = states.sfn.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": True})
    assert first["revisionId"] != second["revisionId"]
    described = states.sfn.describe_state_machine(stateMachineArn=arn)
    assert (described["definition"], described["revisionId"]) == (changed, second["revisionId"])
    assert described["tracingConfiguration"] == {"enabled": True}
    states.sfn.update_state_machine(stateMachineArn=arn, tracingConfiguration={})
    described = states.sfn.describe_state_machine(stateMachineArn=arn)
    assert described["tracingConfiguration"] == {"enabled": False}
    with pytest.raises(states.sfn.exceptions.MissingRequiredParameter):
        states.sfn.update_state_machine(stateMachineArn=arn)


def test_a_deleted_state_machine_is_gone_with_its_tags_and_executions(states: States) -> None:
    arn = states.machine(slow(states), kind="STANDARD", tags=[{"key": "a", "value": "b"}])
    execution = states.start(arn)
    states.sfn.delete_state_machine(stateMachineArn=arn)
    with pytest.raises(states.sfn.exceptions.StateMachineDoesNotExist):
        states.sfn.describe_state_machine(stateMachineArn=arn)
    with pytest.raises(states.sfn.exceptions.ExecutionDoesNotExist):
        states.sfn.describe_execution(executionArn=execution)
    states.sfn.delete_state_machine(stateMachineArn=arn)
    assert states.sfn.list_tags_for_resource(resourceArn=arn)["tags"] == []


def test_versions_are_published_listed_run_and_deleted(states: States) -> None:
    arn = states.machine(only({"Type": "Pass", "Result": 1}), kind="EXPRESS")
    first = states.sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    assert states.sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == first
    second = states.sfn.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(only({"Type": "Pass", "Result": 2})), publish=True
    )["stateMachineVersionArn"]
    assert (first, second) == (f"{arn}:1", f"{arn}:2")
    listed = states.sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [item["stateMachineVersionArn"] for item in listed] == [second, first]
    for target, output in ((arn, "2"), (first, "1"), (second, "2")):
        assert states.sfn.start_sync_execution(stateMachineArn=target)["output"] == output
    routing = [{"stateMachineVersionArn": first, "weight": 100}]
    alias = states.sfn.create_state_machine_alias(name="live", routingConfiguration=routing)
    assert states.sfn.start_sync_execution(stateMachineArn=alias["stateMachineAliasArn"])["output"] == "1"
    with pytest.raises(states.sfn.exceptions.ConflictException):
        states.sfn.delete_state_machine_version(stateMachineVersionArn=first)
    states.sfn.delete_state_machine_version(stateMachineVersionArn=second)
    listed = states.sfn.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [item["stateMachineVersionArn"] for item in listed] == [first]


def transitions(**states: Any) -> str:
    return json.dumps({"StartAt": "A", "States": states})


@pytest.mark.parametrize(
    ("definition", "code", "message", "location"),
    [
        ("{", "INVALID_JSON_DESCRIPTION", "The definition is not JSON: ", None),
        ('{"a": 1, "a": 2}', "INVALID_JSON_DESCRIPTION", "the key 'a' is there twice in one object", None),
        ("[]", "SCHEMA_VALIDATION_FAILED", "The definition is not an object", None),
        ('{"StartAt": "A"}', "SCHEMA_VALIDATION_FAILED", "", None),
        (transitions(A={"Type": "Dance", "End": True}), "SCHEMA_VALIDATION_FAILED", "", None),
        (
            transitions(B={"Type": "Succeed"}),
            "MISSING_TRANSITION_TARGET",
            "Missing 'StartAt' target: A",
            "/StartAt",
        ),
        (
            transitions(A={"Type": "Pass", "Next": "B"}),
            "MISSING_TRANSITION_TARGET",
            "Missing 'Next' target: B",
            "/States/A/Next",
        ),
        (
            transitions(A={"Type": "Succeed"}, B={"Type": "Succeed"}),
            "MISSING_TRANSITION_TARGET",
            'State "B" is not reachable.',
            "/States/B",
        ),
        (
            transitions(
                A={
                    "Type": "Parallel",
                    "End": True,
                    "Branches": [{"StartAt": "C", "States": {"C": {"Type": "Pass", "Next": "A"}}}],
                }
            ),
            "MISSING_TRANSITION_TARGET",
            "Missing 'Next' target: A",
            "/States/A/Branches[0]/States/C/Next",
        ),
    ],
)
def test_a_wrong_definition_is_diagnosed_and_refused(
    states: States, definition: str, code: str, message: str, location: str | None
) -> None:
    found = states.sfn.validate_state_machine_definition(definition=definition, type="EXPRESS")
    assert found["result"] == "FAIL"
    diagnostic = found["diagnostics"][0]
    assert (diagnostic["code"], diagnostic["severity"]) == (code, "ERROR")
    assert message in diagnostic["message"]
    assert diagnostic.get("location") == location
    with pytest.raises(states.sfn.exceptions.InvalidDefinition) as refused:
        states.sfn.create_state_machine(name=states.name(), definition=definition, roleArn=states.role)
    assert f"Invalid State Machine Definition: '{code}: " in str(refused.value)


def test_a_right_definition_has_no_diagnostics(states: States) -> None:
    found = states.sfn.validate_state_machine_definition(definition=json.dumps(SUCCEED))
    assert (found["result"], found["diagnostics"], found["truncated"]) == ("OK", [], False)


def test_an_express_state_machine_cannot_wait_for_a_token(states: States) -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {}}
    definition = json.dumps(only(task))
    check = states.sfn.validate_state_machine_definition
    assert check(definition=definition, type="STANDARD")["result"] == "OK"
    found = check(definition=definition, type="EXPRESS")["diagnostics"]
    assert "Express state machine does not support" in found[0]["message"]


def test_a_log_level_without_a_log_group_is_refused(states: States) -> None:
    for logging in (
        {"level": "ALL"},
        {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:us-east-1:1:log-group:g"}}]},
        {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:gone:*"}}]},
    ):  # fmt: skip
        with pytest.raises(states.sfn.exceptions.InvalidLoggingConfiguration):
            states.machine(SUCCEED, loggingConfiguration=logging)


def test_a_synchronous_execution_answers_200_whatever_came_of_it(states: States) -> None:
    answer = states.run(only({"Type": "Fail", "Error": "Bad", "Cause": "input"}), {"a": 1})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Bad", "input")
    assert "output" not in answer
    assert answer["input"] == '{"a": 1}'
    assert answer["billingDetails"] == {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100}
    assert answer["stopDate"] >= answer["startDate"]
    machine, name, _ = answer["executionArn"].split(":")[6:]
    assert answer["executionArn"].startswith(f"arn:aws:states:{REGION}:{ACCOUNT}:express:{machine}:{name}:")
    assert answer["stateMachineArn"] == f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine}"


def test_a_synchronous_execution_over_its_time_is_timed_out(states: States) -> None:
    started = time.monotonic()
    answer = states.run({**slow(states), "TimeoutSeconds": 1})
    assert (answer["status"], answer["error"]) == ("TIMED_OUT", "States.Timeout")
    assert time.monotonic() - started < 4
    assert states.kinds(answer["executionArn"])[-1] == "ExecutionTimedOut"


def test_a_standard_state_machine_has_no_synchronous_executions(states: States) -> None:
    arn = states.machine(SUCCEED, kind="STANDARD")
    with pytest.raises(states.sfn.exceptions.StateMachineTypeNotSupported):
        states.sfn.start_sync_execution(stateMachineArn=arn)


@pytest.mark.parametrize("text", ["{", '"' + "x" * 262_143 + '"'])
def test_input_that_is_no_json_or_too_large_is_refused(states: States, text: str) -> None:
    arn = states.machine(SUCCEED)
    for start in (states.sfn.start_execution, states.sfn.start_sync_execution):
        with pytest.raises(states.sfn.exceptions.InvalidExecutionInput):
            start(stateMachineArn=arn, input=text)


def test_a_name_stands_for_one_standard_execution(states: States) -> None:
    arn = states.machine(slow(states), kind="STANDARD")
    first = states.start(arn, {"a": 1, "b": 2}, name="job")
    assert first == f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{arn.split(':')[6]}:job"
    same = states.sfn.start_execution(stateMachineArn=arn, name="job", input='{"b":2,"a":1}')
    assert same["executionArn"] == first
    with pytest.raises(states.sfn.exceptions.ExecutionAlreadyExists):
        states.start(arn, {"a": 2}, name="job")
    states.sfn.stop_execution(executionArn=first)
    with pytest.raises(states.sfn.exceptions.ExecutionAlreadyExists):
        states.start(arn, {"a": 1, "b": 2}, name="job")
    with pytest.raises(states.sfn.exceptions.InvalidName):
        states.start(arn, name="no/slash")


def test_express_executions_may_share_a_name(states: States) -> None:
    arn = states.machine(SUCCEED, kind="EXPRESS")
    assert states.start(arn, name="job") != states.start(arn, name="job")


def test_stopping_an_execution_ends_it_at_once(states: States) -> None:
    execution = states.start(states.machine(slow(states), kind="STANDARD"))
    eventually(lambda: "TaskStarted" in states.kinds(execution))
    started = time.monotonic()
    states.sfn.stop_execution(executionArn=execution, error="Enough", cause="by hand")
    assert time.monotonic() - started < 3
    described = states.sfn.describe_execution(executionArn=execution)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Enough", "by hand")
    kinds = states.kinds(execution)
    assert kinds[-1] == "ExecutionAborted"
    assert "TaskSucceeded" not in kinds


@pytest.mark.parametrize("state", [{"Type": "Wait", "Seconds": 60}, None])
def test_stopping_does_not_wait_for_a_wait_or_a_retry(states: States, state: dict[str, Any] | None) -> None:
    if state is None:
        state = invoke(states.function, Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60}])
    execution = states.start(states.machine(only(state), kind="STANDARD"), {"do": "fail"})
    eventually(lambda: {"TaskFailed", "WaitStateEntered"} & set(states.kinds(execution)))
    started = time.monotonic()
    states.sfn.stop_execution(executionArn=execution)
    assert states.sfn.describe_execution(executionArn=execution)["status"] == "ABORTED"
    assert time.monotonic() - started < 3


def test_executions_are_listed_newest_first_by_status_and_page(states: States) -> None:
    arn = states.machine(only({"Type": "Wait", "SecondsPath": "$.s"}), kind="STANDARD")
    done = states.start(arn, {"s": 0})
    states.wait(done)
    running = states.start(arn, {"s": 60})
    listed = states.sfn.list_executions(stateMachineArn=arn)["executions"]
    assert [item["executionArn"] for item in listed] == [running, done]
    assert [item["status"] for item in listed] == ["RUNNING", "SUCCEEDED"]
    assert "stopDate" in listed[1]
    only_done = states.sfn.list_executions(stateMachineArn=arn, statusFilter="SUCCEEDED")["executions"]
    assert [item["executionArn"] for item in only_done] == [done]
    page = states.sfn.list_executions(stateMachineArn=arn, maxResults=1)
    rest = states.sfn.list_executions(stateMachineArn=arn, maxResults=1, nextToken=page["nextToken"])
    assert [rest["executions"][0]["executionArn"], "nextToken" in rest] == [done, False]
    states.sfn.stop_execution(executionArn=running)


def test_executions_of_express_workflows_are_not_listed(states: States) -> None:
    arn = states.machine(SUCCEED, kind="EXPRESS")
    states.start(arn)
    with pytest.raises(states.sfn.exceptions.StateMachineTypeNotSupported) as error:
        states.sfn.list_executions(stateMachineArn=arn)
    assert error.value.response["Error"]["Message"] == (
        "This operation is not supported by this type of state machine"
    )


def test_the_history_tells_what_happened_page_by_page_and_backwards(states: States) -> None:
    answer = states.run(only(invoke(states.function)), {"n": 1})
    events = states.events(answer["executionArn"])
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert [event["id"] for event in events] == [1, 2, 3, 4, 5, 6, 7]
    assert events[1]["stateEnteredEventDetails"]["input"] == '{"n":1}'
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    history = states.sfn.get_execution_history
    first = history(executionArn=answer["executionArn"], maxResults=5)
    second = history(executionArn=answer["executionArn"], maxResults=5, nextToken=first["nextToken"])
    assert [event["id"] for event in second["events"]] == [6, 7]
    backwards = history(executionArn=answer["executionArn"], reverseOrder=True, includeExecutionData=False)
    assert [event["id"] for event in backwards["events"]] == [7, 6, 5, 4, 3, 2, 1]
    assert "output" not in backwards["events"][0]["executionSucceededEventDetails"]


def test_the_definition_of_an_execution_is_that_of_its_start(states: States) -> None:
    arn = states.machine(only({"Type": "Wait", "Seconds": 60}), kind="STANDARD")
    execution = states.start(arn)
    states.sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(SUCCEED))
    described = states.sfn.describe_state_machine_for_execution(executionArn=execution)
    assert json.loads(described["definition"])["States"]["Only"]["Type"] == "Wait"
    assert described["stateMachineArn"] == arn
    states.sfn.stop_execution(executionArn=execution)


def test_things_that_are_not_there_are_named_by_the_errors_of_the_api(states: States) -> None:
    prefix = f"arn:aws:states:{REGION}:{ACCOUNT}"
    with pytest.raises(states.sfn.exceptions.StateMachineDoesNotExist):
        states.sfn.start_execution(stateMachineArn=f"{prefix}:stateMachine:none")
    for kind in ("execution:none:e", "express:none:e:1"):
        with pytest.raises(states.sfn.exceptions.ExecutionDoesNotExist):
            states.sfn.describe_execution(executionArn=f"{prefix}:{kind}")
    with pytest.raises(states.sfn.exceptions.InvalidToken):
        states.sfn.send_task_success(taskToken="none", output="{}")
    with pytest.raises(states.sfn.exceptions.InvalidArn):
        states.sfn.start_sync_execution(stateMachineArn="none")


def logged(states: States, arn: str, group: str) -> list[dict[str, Any]]:
    logs = states.client("logs")

    def read() -> list[dict[str, Any]]:
        events = logs.filter_log_events(logGroupName=group)["events"]
        messages = [json.loads(event["message"]) for event in events]
        return messages if messages and messages[-1]["type"].startswith("ExecutionFailed") else []

    found = eventually(read)
    assert isinstance(found, list)
    return found


def log_to(states: States, level: str, *, data: bool) -> tuple[str, dict[str, Any]]:
    group = f"/aws/vendedlogs/states/{states.name()}"
    states.client("logs").create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]
    return group, {"level": level, "includeExecutionData": data, "destinations": destinations}


def test_express_executions_are_logged_to_the_log_group(states: States) -> None:
    group, logging = log_to(states, "ALL", data=True)
    arn = states.machine(only(invoke(states.function)), loggingConfiguration=logging)
    given = json.dumps({"do": "fail", "what": "canary"})
    answer = states.sfn.start_sync_execution(stateMachineArn=arn, input=given)
    events = logged(states, arn, group)
    assert [event["type"] for event in events] == states.kinds(answer["executionArn"])
    assert events[0]["details"]["input"] == given
    assert events[1].keys() == {
        "id",
        "type",
        "details",
        "previous_event_id",
        "event_timestamp",
        "execution_arn",
        "redrive_count",
    }
    assert events[1]["execution_arn"] == answer["executionArn"]
    assert abs(int(events[1]["event_timestamp"]) / 1000 - time.time()) < 60
    streams = states.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert [item["logStreamName"].split("/")[:2] for item in streams] == [["states", arn.split(":")[6]]]


def test_the_log_holds_no_data_and_no_more_than_its_level_says(states: States) -> None:
    group, logging = log_to(states, "ERROR", data=False)
    arn = states.machine(only(invoke(states.function)), loggingConfiguration=logging)
    states.sfn.start_sync_execution(stateMachineArn=arn, input='{"do": "fail", "secret": "canary"}')
    events = logged(states, arn, group)
    assert [event["type"] for event in events] == ["TaskFailed", "ExecutionFailed"]
    group, logging = log_to(states, "ALL", data=False)
    arn = states.machine(only(invoke(states.function)), loggingConfiguration=logging)
    states.sfn.start_sync_execution(stateMachineArn=arn, input='{"do": "fail", "secret": "canary"}')
    assert "canary" not in json.dumps(logged(states, arn, group))


def test_the_developers_log_has_a_line_for_each_state(states: States) -> None:
    step = {"Type": "Pass", "End": True}
    definition = {
        "StartAt": "Read",
        "States": {
            "Read": {
                **invoke(states.function),
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Excuse"}],
                "Next": "Excuse",
            },
            "Excuse": step,
        },
    }
    arn = states.machine(definition)
    states.sfn.start_sync_execution(stateMachineArn=arn, name="abc", input='{"do": "fail", "what": "text"}')
    lines = [line.split(" ", 2) for line in states.log(arn).splitlines()]
    assert {line[1] for line in lines} == {"abc"}
    texts = [line[2].rstrip("0123456789 ms") for line in lines]
    assert texts == [
        "started",
        "Read: TaskFailed Overloaded (too much of text)",
        "Read: done",
        "Excuse: done",
        "succeeded after",
    ]


def test_an_old_revision_is_not_published_and_a_version_not_updated(states: States) -> None:
    arn = states.machine(only({"Type": "Pass"}), kind="STANDARD")
    with pytest.raises(states.sfn.exceptions.ConflictException):
        states.sfn.publish_state_machine_version(stateMachineArn=arn, revisionId="old")
    version = states.sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    with pytest.raises(states.sfn.exceptions.StateMachineDoesNotExist):
        states.sfn.update_state_machine(stateMachineArn=version, roleArn=states.role)


def test_the_history_has_the_input_as_it_was_sent(states: States) -> None:
    sent = '{"a":  1.0,\n "b": [1, 2]}'
    execution = states.sfn.start_execution(stateMachineArn=states.machine(SUCCEED), input=sent)[
        "executionArn"
    ]
    states.wait(execution)
    assert states.events(execution)[0]["executionStartedEventDetails"]["input"] == sent


def test_assigned_variables_are_json_in_the_history(states: States) -> None:
    arn = states.machine(only({"Type": "Pass", "Assign": {"x": 'say "hi"', "y": [1, '"']}}))
    execution = states.start(arn)
    states.wait(execution)
    left = next(event for event in states.events(execution) if event["type"] == "PassStateExited")
    assigned = left["stateExitedEventDetails"]["assignedVariables"]
    assert {name: json.loads(value) for name, value in assigned.items()} == {"x": 'say "hi"', "y": [1, '"']}


def test_the_variables_that_states_read(states: States) -> None:
    passes = {
        "First": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "Second"},
        "Second": {"Type": "Pass", "Parameters": {"x.$": "States.Array($b, $a)", "y.$": "$a"}, "End": True},
    }
    arn = states.machine({"StartAt": "First", "States": passes})
    execution = states.start(arn)
    described = states.sfn.describe_state_machine(stateMachineArn=arn)
    of_execution = states.sfn.describe_state_machine_for_execution(executionArn=execution)
    assert described["variableReferences"] == of_execution["variableReferences"] == {"Second": ["a", "b"]}


def test_a_version_cannot_be_tagged(states: States) -> None:
    published = states.sfn.publish_state_machine_version(stateMachineArn=states.machine(SUCCEED))
    version = published["stateMachineVersionArn"]
    with pytest.raises(ClientError, match=f"Resource not found: '{version}'"):
        states.sfn.tag_resource(resourceArn=version, tags=[{"key": "a", "value": "b"}])


def test_pages_have_at_most_1000_items(states: States) -> None:
    with pytest.raises(ClientError) as caught:
        states.sfn.list_state_machine_versions(stateMachineArn=states.machine(SUCCEED), maxResults=1001)
    assert caught.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must "
        "have value less than or equal to 1000",
    }


def test_an_alias_needs_versions_whose_weights_add_up_to_100(states: States) -> None:
    arn = states.machine(SUCCEED)
    version = states.sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]

    def refusal(*routes: tuple[str, int], name: str = "live") -> str:
        routing = [{"stateMachineVersionArn": target, "weight": weight} for target, weight in routes]
        with pytest.raises(ClientError) as caught:
            states.sfn.create_state_machine_alias(name=name, routingConfiguration=routing)
        error = caught.value.response["Error"]
        return f"{error['Code']}: {error['Message']}"

    assert (
        refusal((version, 50))
        == "ValidationException: Sum of routing configuration weights must equal 100. Received: [50]"
    )
    assert refusal((version, 50), (version, 50)).startswith(
        "ValidationException: Routing configuration must contain distinct state machine version ARNs. Received: ["
    )
    assert refusal((arn, 100)) == (
        f"ValidationException: Routing configuration must contain state machine version ARNs. Received: [{arn}]"
    )
    assert refusal((f"{arn}:77", 100)).startswith("ResourceNotFound: ")
    assert refusal((version, 100), name="2024") == (
        "ValidationException: 1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member "
        r"must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$"
    )
    assert refusal((version, 101)).endswith(
        "Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less "
        "than or equal to 100"
    )
    assert refusal(*[(version, 1)] * 3).endswith(
        f"Value '[{', '.join([f'RoutingConfigurationListItem(stateMachineVersionArn={version}, weight=1)'] * 3)}]' at "
        "'routingConfiguration' failed to satisfy constraint: Member must have length less than or equal to 2"
    )


def test_an_alias_that_does_not_exist(states: States) -> None:
    arn = f"{states.machine(SUCCEED)}:live"
    update = partial(states.sfn.update_state_machine_alias, description="x")
    for call in (states.sfn.describe_state_machine_alias, update):
        with pytest.raises(ClientError) as caught:
            call(stateMachineAliasArn=arn)
        assert caught.value.response["Error"] == {
            "Code": "ResourceNotFound",
            "Message": "Request references a resource that does not exist.",
        }


def test_an_execution_by_an_alias_names_it(states: States) -> None:
    arn = states.machine(SUCCEED, kind="STANDARD")
    version = states.sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    alias = {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": version, "weight": 100}]}
    alias_arn = states.sfn.create_state_machine_alias(**alias)["stateMachineAliasArn"]
    assert states.sfn.create_state_machine_alias(**alias)["stateMachineAliasArn"] == alias_arn
    described = states.wait(states.start(alias_arn))
    assert (described["stateMachineAliasArn"], described["stateMachineVersionArn"]) == (alias_arn, version)
    states.wait(states.start(arn))
    listed = states.sfn.list_executions(stateMachineArn=alias_arn)["executions"]
    assert [item["executionArn"] for item in listed] == [described["executionArn"]]


def test_the_executions_of_a_state_machine_share_a_log_stream(states: States) -> None:
    group = f"/{states.name('group')}"
    states.client("logs").create_log_group(logGroupName=group)
    destination = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:*"
    arn = states.machine(
        SUCCEED,
        loggingConfiguration={
            "level": "ALL",
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": destination}}],
        },
    )
    for _ in range(3):
        states.wait(states.start(arn))

    def ended() -> bool:
        events = states.client("logs").filter_log_events(logGroupName=group)["events"]
        return sum("ExecutionSucceeded" in event["message"] for event in events) == 3

    eventually(ended)
    assert len(states.client("logs").describe_log_streams(logGroupName=group)["logStreams"]) == 1


def test_an_activity_of_the_same_name_is_the_same(states: States) -> None:
    name = states.name("activity")
    first, second = (states.sfn.create_activity(name=name) for _ in range(2))
    assert (first["activityArn"], first["creationDate"]) == (second["activityArn"], second["creationDate"])
    states.sfn.delete_activity(activityArn=first["activityArn"])
    with pytest.raises(states.sfn.exceptions.ActivityDoesNotExist, match="Activity Does Not Exist: 'arn:"):
        states.sfn.describe_activity(activityArn=first["activityArn"])
    task = {"Type": "Task", "Resource": first["activityArn"], "End": True}
    execution = states.start(states.machine({"StartAt": "A", "States": {"A": task}}, kind="STANDARD"))
    assert f"The activity {first['activityArn']} does not exist." in states.wait(execution)["cause"]
    assert states.kinds(execution) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]


def test_an_update_that_changes_nothing_keeps_the_revision(states: States) -> None:
    arn = states.machine(SUCCEED)
    assert "revisionId" not in states.sfn.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(SUCCEED)
    )
    definition = json.dumps(only({"Type": "Pass", "Result": 1}))
    first, same = (
        states.sfn.update_state_machine(stateMachineArn=arn, definition=definition) for _ in range(2)
    )
    other = states.sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(SUCCEED))
    assert first["revisionId"] == same["revisionId"] != other["revisionId"]


def test_an_alias_that_is_gone_can_be_deleted(states: States) -> None:
    arn = states.machine(SUCCEED)
    states.sfn.delete_state_machine_alias(stateMachineAliasArn=f"{arn}:gone")


def test_a_failed_synchronous_execution_has_details_of_an_output(states: States) -> None:
    answer = states.run(only({"Type": "Fail"}))
    assert (answer["status"], answer["outputDetails"]) == ("FAILED", {"included": True})
