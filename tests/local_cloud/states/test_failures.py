"""The errors of the states language by kind: their names, and whether Retry and Catch handle them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.states_cloud import States, invoke, only

END: dict[str, Any] = {"Type": "Pass", "End": True}


def guarded(state: dict[str, Any], *errors: str, **more: Any) -> dict[str, Any]:
    """A state machine of a state that retries once and catches errors; by default all."""
    names = list(errors or ("States.ALL",))
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    tried = {**state, "Retry": retry, "Catch": [{"ErrorEquals": names, "Next": "Caught"}], "End": True}
    return {"StartAt": "Try", "States": {"Try": tried, "Caught": END}, **more}


def outcome(states: States, definition: dict[str, Any], given: Any = None) -> tuple[str, str]:
    answer = states.run(definition, given)
    return answer["status"], answer.get("error", "")


def by_arn(states: States, **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": states.function, **more}


def by_service(states: States, **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": states.function, "Payload": more.pop("Parameters", {})}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, **more}


@pytest.mark.parametrize("task", [by_arn, by_service])
@pytest.mark.parametrize(
    "fields",
    [
        {"Parameters": {"a.$": "$.none"}},
        {"ResultSelector": {"x.$": "$.none"}},
        {"TimeoutSecondsPath": "$.text"},
        {"TimeoutSecondsPath": "$.zero"},
        {"InputPath": "$.none"},
        {"OutputPath": "$.none"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_an_error_of_the_interpreter_is_neither_retried_nor_caught(
    states: States, task: Any, fields: dict[str, Any]
) -> None:
    definition = guarded(task(states, **fields))
    arn = states.machine(definition, kind="STANDARD")
    execution = states.start(arn, {"text": "soon", "zero": 0})
    described = states.wait(execution)
    assert (described["status"], described["error"]) == ("FAILED", "States.Runtime")
    kinds = states.kinds(execution)
    assert kinds.count("LambdaFunctionScheduled") + kinds.count("TaskScheduled") <= 1
    assert kinds[-1] == "ExecutionFailed"


@pytest.mark.parametrize("task", [by_arn, by_service])
def test_an_intrinsic_function_that_fails_is_caught(states: States, task: Any) -> None:
    definition = guarded(
        task(states, Parameters={"a.$": "States.StringToJson('{bad')"}), "States.IntrinsicFailure"
    )
    output = states.output(definition)
    assert output["Error"] == "States.IntrinsicFailure"
    assert "The function 'States.StringToJson('{bad')' had the following error: " in output["Cause"]


@pytest.mark.parametrize("task", [by_arn, by_service])
def test_a_result_path_without_a_place_is_caught(states: States, task: Any) -> None:
    definition = guarded(task(states, ResultPath="$.s.x"), "States.ResultPathMatchFailure")
    assert states.output(definition, {"s": "text"})["Error"] == "States.ResultPathMatchFailure"


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("States.ArrayGetItem($.a, 9)", {"a": [1]}),
        ("States.ArrayGetItem($.a, -1)", {"a": [1]}),
        ("States.ArrayRange(1, 9, 0)", {}),
        ("States.ArrayPartition($.a, 0)", {"a": [1]}),
        ("States.ArrayLength($.a)", {"a": "text"}),
        ("States.MathAdd($.a, 1)", {"a": "1"}),
        ("States.Base64Decode('ä')", {}),
        ("States.Hash('a', 'CRC')", {}),
        ("States.JsonMerge($.a, $.a, true)", {"a": {}}),
        ("States.Format('{} {}', 'a')", {}),
        ("States.Format('{}', 'a', 'b')", {}),
        ("States.Format('{', 'a')", {}),
        ("States.StringSplit($.a, ',')", {"a": 1}),
        ("States.MathRandom(3, 3)", {}),
    ],
)  # fmt: skip
def test_every_intrinsic_function_fails_by_one_name(states: States, call: str, given: Any) -> None:
    assert outcome(states, only({"Type": "Pass", "Parameters": {"v.$": call}}), given) == (
        "FAILED",
        "States.IntrinsicFailure",
    )


def test_a_path_without_a_value_in_an_intrinsic_function_is_a_runtime_error(states: States) -> None:
    answer = states.run(only({"Type": "Pass", "Parameters": {"v.$": "States.Format('{}', $.none)"}}))
    assert answer["error"] == "States.Runtime"
    assert "The function 'States.Format('{}', $.none)' had the following error: " in answer["cause"]


OPERATORS = [
    {"NumericEquals": 1},
    {"StringEquals": "a"},
    {"StringMatches": "*"},
    {"BooleanEquals": True},
    {"TimestampLessThan": "2030-01-01T00:00:00Z"},
    {"IsNull": True},
    {"IsString": False},
    {"NumericEqualsPath": "$.n"},
]


def choose(rule: dict[str, Any]) -> dict[str, Any]:
    state = {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"}
    results = {name: {**END, "Result": name} for name in ("Yes", "No")}
    return {"StartAt": "Choose", "States": {"Choose": state, **results}}


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: next(iter(operator)))
def test_a_choice_over_a_variable_that_is_not_there(states: States, operator: dict[str, Any]) -> None:
    rule = {"Variable": "$.v", **operator}
    for wrapped in (rule, {"Not": rule}, {"And": [{"Variable": "$.n", "IsPresent": True}, rule]}):
        answer = states.run(choose(wrapped), {"n": 1})
        assert (answer["status"], answer["error"]) == ("FAILED", "States.Runtime")
        assert answer["cause"].endswith(
            "Invalid path '$.v': The choice state's condition path references an invalid value."
        )


def test_a_choice_compares_no_further_than_it_must(states: States) -> None:
    present, equal = {"Variable": "$.v", "IsPresent": True}, {"Variable": "$.v", "NumericEquals": 1}
    absent = {"Variable": "$.v", "IsPresent": False}
    assert states.output(choose({"And": [present, equal]})) == "No"
    assert states.output(choose({"Or": [absent, equal]})) == "Yes"


def test_a_choice_over_a_path_that_is_not_there(states: States) -> None:
    answer = states.run(choose({"Variable": "$.n", "NumericEqualsPath": "$.none"}), {"n": 1})
    assert answer["error"] == "States.Runtime"
    assert "Invalid path '$.none'" in answer["cause"]


def in_jsonata(kind: str, states: States, **fields: Any) -> dict[str, Any]:
    if kind == "Task":
        arguments = {"FunctionName": states.function, "Payload": {}}
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": arguments,
            **fields,
        }
    program = {"StartAt": "In", "States": {"In": {"Type": "Pass", "End": True}}}
    if kind == "Map":
        return {"Type": "Map", "Items": [1], "ItemProcessor": program, **fields}
    return {"Type": "Parallel", "Branches": [program], **fields}


@pytest.mark.parametrize("kind", ["Task", "Map", "Parallel"])
@pytest.mark.parametrize("field", ["Output", "Assign"])
def test_an_expression_that_fails_is_caught(states: States, kind: str, field: str) -> None:
    wrong = "{% $states.input.none %}" if field == "Output" else {"v": "{% $states.input.none %}"}
    definition = guarded(
        in_jsonata(kind, states, **{field: wrong}), "States.QueryEvaluationError", QueryLanguage="JSONata"
    )
    output = states.output(definition, {})
    assert output["Error"] == "States.QueryEvaluationError"
    place = "Output" if field == "Output" else "Assign/v"
    assert f"specified for the field '{place}' returned nothing (undefined)." in output["Cause"]


def test_arguments_of_a_parallel_state_are_guarded(states: States) -> None:
    state = in_jsonata("Parallel", states, Arguments={"a": "{% $states.input.none %}"})
    definition = guarded(state, "States.QueryEvaluationError", QueryLanguage="JSONata")
    assert states.output(definition, {})["Error"] == "States.QueryEvaluationError"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"Output": {"a": {"b": ["{% 1 %}", "{% $none %}"]}}}, "Output/a/b[1]"),
        ({"Assign": {"a": {"b": "{% $none %}"}}}, "Assign/a/b"),
    ],
)
def test_the_field_of_an_expression_is_named(states: States, fields: dict[str, Any], place: str) -> None:
    arn = states.machine(only({"Type": "Pass", **fields}, QueryLanguage="JSONata"), kind="STANDARD")
    execution = states.start(arn, {})
    cause = f"The JSONata expression '$none' specified for the field '{place}' returned nothing (undefined)."
    assert states.wait(execution)["cause"].endswith(cause)
    failed = states.events(execution)[-2]
    assert failed["type"] == "EvaluationFailed"
    assert failed["evaluationFailedEventDetails"]["location"] == place


def test_the_condition_of_a_choice_is_named(states: States) -> None:
    rules = [{"Condition": "{% false %}", "Next": "Yes"}, {"Condition": "{% 1 %}", "Next": "Yes"}]
    state = {"Type": "Choice", "Choices": rules, "Default": "Yes"}
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "C",
        "States": {"C": state, "Yes": {"Type": "Pass", "End": True}},
    }
    answer = states.run(definition)
    assert answer["error"] == "States.QueryEvaluationError"
    assert (
        "specified for the field 'Choices[1]/Condition' returned an unexpected result type" in answer["cause"]
    )


def test_a_map_over_something_else_than_an_array_is_a_runtime_error(states: States) -> None:
    program = {"StartAt": "In", "States": {"In": END}}
    definition = guarded({"Type": "Map", "ItemsPath": "$.n", "ItemProcessor": program})
    assert outcome(states, definition, {"n": 1}) == ("FAILED", "States.Runtime")


def test_an_error_name_may_begin_with_states(states: States) -> None:
    fail = {"Type": "Fail", "Error": "States.Own", "Cause": "c"}
    assert outcome(states, only(fail)) == ("FAILED", "States.Own")
    state = {"Type": "Parallel", "Branches": [{"StartAt": "F", "States": {"F": fail}}]}
    assert states.output(guarded(state, "States.Own"))["Error"] == "States.Own"


def test_a_state_in_json_path_inside_of_a_map_in_jsonata(states: States) -> None:
    inner = {**END, "QueryLanguage": "JSONPath", "Parameters": {"v.$": "$"}}
    state = {
        "Type": "Map",
        "QueryLanguage": "JSONata",
        "Items": "{% $states.input.n %}",
        "ItemProcessor": {"StartAt": "In", "States": {"In": inner}},
    }
    assert states.output(only(state), {"n": [1]}) == [{"v": 1}]
    with pytest.raises(states.sfn.exceptions.InvalidDefinition, match="downgrade"):
        states.machine(only(state, QueryLanguage="JSONata"))


@pytest.mark.parametrize(
    "value", ["$.a:b", "$.a[", "States.None()", "States.MathAdd(1)", "States.Format('a'"]
)
def test_a_path_or_call_that_is_none_is_refused_when_the_state_machine_is_created(
    states: States, value: str
) -> None:
    with pytest.raises(
        states.sfn.exceptions.InvalidDefinition, match=r"must be a valid JSONPath or a valid intrinsic|SCHEMA"
    ):
        states.machine(only({"Type": "Pass", "Parameters": {"v.$": value}}))


def test_a_task_that_works_is_not_called_twice(states: States) -> None:
    arn = states.machine(guarded(invoke(states.function)), kind="STANDARD")
    execution = states.start(arn, {"a": 1})
    assert states.wait(execution)["status"] == "SUCCEEDED"
    assert states.kinds(execution).count("TaskScheduled") == 1


def test_a_catch_that_names_the_runtime_error_does_not_catch_it(states: States) -> None:
    task = {
        "Type": "Task",
        "Resource": states.function,
        "Parameters": {"a.$": "$.none"},
        "Retry": [{"ErrorEquals": ["States.Runtime"], "IntervalSeconds": 1}],
        "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "Caught"}],
        "End": True,
    }
    definition = {"StartAt": "T", "States": {"T": task, "Caught": {"Type": "Pass", "End": True}}}
    assert outcome(states, definition, {}) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        (
            {"Parameters": {"a.$": "$.none"}},
            "specified for the field 'a.$' could not be found in the input '{",
        ),
        ({"TimeoutSecondsPath": "$.s"}, "The time limit 'x' is not a positive integer."),
        ({"InputPath": "$.none"}, "Invalid path '$.none' : No results for path: $['none']"),
        (
            {"OutputPath": "$.none.of['it']"},
            "Invalid path '$.none.of['it']' : Missing property in path $['none']",
        ),
        (
            {"TimeoutSecondsPath": "$.none"},
            "Invalid path '$.none' : No results for path: $['none']",
        ),
    ],
)
def test_the_cause_of_a_runtime_error_names_the_field(
    states: States, more: dict[str, Any], cause: str
) -> None:
    answer = states.run(only(by_arn(states, **more)), {"s": "x"})
    assert answer["error"] == "States.Runtime"
    assert cause in answer["cause"]


FAIL: dict[str, Any] = {"Type": "Fail", "Error": "Odd", "Cause": "why"}


@pytest.mark.parametrize(
    ("state", "kinds"),
    [
        (FAIL, []),
        ({"Type": "Pass", "InputPath": "$.none", "End": True}, []),
        ({"Type": "Pass", "Parameters": {"a.$": "States.ArrayGetItem($.l, 9)"}, "End": True}, []),
        ({"Type": "Fail", "ErrorPath": "$.none"}, []),
        ({"Type": "Pass", "Result": "x" * 300_000, "End": True}, []),
        (
            {"Type": "Parallel", "Branches": [{"StartAt": "F", "States": {"F": FAIL}}], "End": True},
            ["ParallelStateStarted", "FailStateEntered", "ParallelStateFailed"],
        ),
        (
            {"Type": "Map", "ItemsPath": "$.l", "ItemProcessor": {"StartAt": "F", "States": {"F": FAIL}}, "End": True},
            ["MapStateStarted", "MapIterationStarted", "FailStateEntered", "MapIterationFailed", "MapStateFailed"],
        ),
    ],
    ids=["fail", "path", "intrinsic", "error path", "size", "parallel", "map"],
)  # fmt: skip
def test_only_tasks_have_an_event_of_their_failure(
    states: States, state: dict[str, Any], kinds: list[str]
) -> None:
    arn = states.machine({"StartAt": "Only", "States": {"Only": state}}, kind="STANDARD")
    execution = states.start(arn, {"l": [1]})
    assert states.wait(execution)["status"] == "FAILED"
    entered = f"{state['Type']}StateEntered"
    assert states.kinds(execution) == ["ExecutionStarted", entered, *kinds, "ExecutionFailed"]


def test_the_error_and_the_cause_of_a_fail_state_may_be_calls_of_functions(states: States) -> None:
    state = {"Type": "Fail", "ErrorPath": "States.Format('{}', $.e)", "CausePath": "States.JsonToString($)"}
    answer = states.run(only(state), {"e": "Odd"})
    assert (answer["error"], answer["cause"]) == ("Odd", '{"e":"Odd"}')
    with pytest.raises(states.sfn.exceptions.InvalidDefinition, match="is not allowed as ErrorPath"):
        states.machine(only({"Type": "Fail", "ErrorPath": "States.MathAdd(1, 2)"}))


@pytest.mark.parametrize(
    ("state", "error", "cause"),
    [
        ({"Type": "Fail", "Error": "{% 5 %}"}, "States.QueryEvaluationError", "field 'Error' returned an unexpected"),
        ({"Type": "Fail", "Cause": "{% $none %}"}, "States.QueryEvaluationError", "field 'Cause' returned nothing"),
        ({"Type": "Wait", "Seconds": "{% -1 %}"}, "States.QueryEvaluationError", "field 'Seconds' returned an unexpected"),
        ({"Type": "Fail", "ErrorPath": "$.n", "QueryLanguage": "JSONPath"}, "States.Runtime", "'$.n' is not a string"),
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_an_error(
    states: States, state: dict[str, Any], error: str, cause: str
) -> None:
    language = {} if "QueryLanguage" in state else {"QueryLanguage": "JSONata"}
    answer = states.run(only(state, **language), {"n": 5})
    assert answer["error"] == error
    assert cause in answer["cause"]
