"""The states language: both query languages, choices, parallel work, waiting, intrinsic functions, the context."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from local_cloud.states import jsonata
from tests.support.states_cloud import States, invoke, only

STEP: dict[str, Any] = {"Type": "Pass", "End": True}


def query(output: Any, **more: Any) -> dict[str, Any]:
    """A state machine in JSONata that answers with this."""
    return {**only({"Type": "Pass", "Output": output}, QueryLanguage="JSONata"), **more}


@pytest.mark.parametrize(
    ("expression", "given", "expected"),
    [
        ("{% $states.input.a + 1 %}", {"a": 1}, 2),
        ("{% $states.input.text %}", {"text": 'has "quotes" and\nlines'}, 'has "quotes" and\nlines'),
        ("{% $sum($states.input.items.price) %}", {"items": [{"price": 1.5}, {"price": 2}]}, 3.5),
        ("{% $states.input.items[price > 1].name %}", {"items": [{"name": "a", "price": 2}]}, "a"),
        ("{% [$states.input.items[price > 1].name] %}", {"items": [{"name": "a", "price": 2}]}, ["a"]),
        ("{% $states.input.nothing %}", {"nothing": None}, None),
        ("{% [1..3] %}", {}, [1, 2, 3]),
        ("{% $map([1..3], function($v) { $v * 2 }) %}", {}, [2, 4, 6]),
        ("{% $exists($states.input.a) ? 'yes' : 'no' %}", {}, "no"),
        ({"a": "{% $states.input.a %}", "b": ["x", "{% 1 %}"], "c": None}, {"a": [1]}, {"a": [1], "b": ["x", 1], "c": None}),
        ("{% $merge([$states.input, {'b': 2}]) %}", {"a": 1}, {"a": 1, "b": 2}),
        ("{% $partition([1..5], 2) %}", {}, [[1, 2], [3, 4], [5]]),
        ("{% $range(0, 1, 0.5) %}", {}, [0, 0.5, 1]),
        ("{% $range(3, 1, -1) %}", {}, [3, 2, 1]),
        ("{% $hash('a', 'MD5') %}", {}, "0cc175b9c0f1b6a831c399e269772661"),
        ("{% $parse('{\"a\": null}').a %}", {}, None),
        ("{% $random(7) = $random(7) and $random() < 1 %}", {}, True),
        ("{% $length($uuid()) %}", {}, 36),
    ],
)  # fmt: skip
def test_jsonata(states: States, expression: Any, given: Any, expected: Any) -> None:
    assert states.output(query(expression), given) == expected


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("{% $states.input.missing %}", "returned nothing (undefined)."),
        ("{% function($x) { $x } %}", "returned an unsupported result type."),
        ("{% 1 + 'a' %}", "threw an error: "),
        ("{% $eval('1') %}", "calls $eval, which Step Functions does not have; use $parse."),
        ("{% $hash('a', 'CRC') %}", "or with an algorithm other than MD5, SHA-1, SHA-256, SHA-384, SHA-512."),
        ("{% ($f := function($x) { 1 + $f($x) }; $f(1)) %}", "is nested too deeply."),
    ],
)
def test_jsonata_that_fails_is_a_query_evaluation_error(states: States, expression: str, cause: str) -> None:
    answer = states.run(query(expression))
    assert (answer["status"], answer["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert cause in answer["cause"]
    assert answer["cause"].startswith(
        "An error occurred while executing the state 'Only' (entered at the event id #2)."
    )


def test_jsonata_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonata, "_LONGEST_EVALUATION_SECONDS", 0.05)
    with pytest.raises(jsonata.QueryError, match=re.escape("took more than 0 seconds.")):
        jsonata.evaluate("($f := function($x) { $f($x) }; $f(1))", {})


def test_jsonata_that_cannot_be_parsed_is_refused_when_the_state_machine_is_created(states: States) -> None:
    with pytest.raises(states.sfn.exceptions.InvalidDefinition) as refused:
        states.machine(query("{% 1 + %}"))
    assert "The JSONata expression '1 +' is not valid" in str(refused.value)


def test_the_results_of_jsonata_share_nothing_with_its_variables() -> None:
    variables = {"a": {"b": [1]}}
    result = jsonata.evaluate("$a", variables)
    result["b"].append(2)
    assert variables == {"a": {"b": [1]}}


def test_variables_are_assigned_and_seen_by_later_states_in_both_query_languages(states: States) -> None:
    definition = {
        "StartAt": "Set",
        "States": {
            "Set": {"Type": "Pass", "Assign": {"kept.$": "$.a", "text": 'a "quote"'}, "Next": "Jsonata"},
            "Jsonata": {
                "Type": "Pass",
                "QueryLanguage": "JSONata",
                "Assign": {"more": "{% $kept.b & '!' %}"},
                "Output": {"kept": "{% $kept.b %}", "text": "{% $text %}"},
                "Next": "JsonPath",
            },
            "JsonPath": {
                "Type": "Pass",
                "Parameters": {"more.$": "$more", "b.$": "$kept.b", "in.$": "$"},
                "End": True,
            },
        },
    }
    assert states.output(definition, {"a": {"b": "x"}}) == {
        "more": "x!",
        "b": "x",
        "in": {"kept": "x", "text": 'a "quote"'},
    }


def test_the_escapes_of_terraform_and_of_json_are_understood(states: States) -> None:
    text = 'a "b" \\ <c> & d\n🎉 ü'
    state = {
        "Type": "Pass",
        "QueryLanguage": "JSONata",
        "Output": {"t": text, "q": "{% 2 > 1 and 'ü' = 'ü' %}"},
    }
    definition = (
        json.dumps(only(state)).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    )
    arn = states.sfn.create_state_machine(
        name=states.name(), definition=definition, roleArn=states.role, type="EXPRESS"
    )["stateMachineArn"]
    answer = states.sfn.start_sync_execution(stateMachineArn=arn)
    assert json.loads(answer["output"]) == {"t": text, "q": True}
    assert states.sfn.describe_state_machine(stateMachineArn=arn)["definition"] == definition
    parameters = {"t": text, "f.$": "States.Format('<{}>', $.a)"}
    assert states.output(only({"Type": "Pass", "Parameters": parameters}), {"a": "ü"}) == {
        "t": text,
        "f": "<ü>",
    }


def test_a_task_in_jsonata_has_arguments_a_result_and_an_error_output(states: States) -> None:
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": states.function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload.n %}",
        "Catch": [
            {"ErrorEquals": ["Overloaded"], "Output": "{% $states.errorOutput.Error %}", "Next": "Caught"}
        ],
        "End": True,
    }
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Try",
        "States": {"Try": task, "Caught": {"Type": "Pass", "End": True}},
    }
    assert states.output(definition, {"n": 4}) == 4
    assert states.output(definition, {"do": "fail"}) == "Overloaded"


def choice(condition: dict[str, Any], **more: Any) -> dict[str, Any]:
    step = {"Type": "Pass", "End": True}
    return {
        "StartAt": "Choose",
        "States": {
            "Choose": {"Type": "Choice", "Choices": [{**condition, "Next": "Yes"}], "Default": "No"},
            "Yes": {**step, "Result": "yes"},
            "No": {**step, "Result": "no"},
        },
        **more,
    }


@pytest.mark.parametrize(
    ("condition", "given", "expected"),
    [
        ({"Variable": "$.n", "NumericGreaterThan": 3}, {"n": 4}, "yes"),
        ({"Variable": "$.n", "NumericGreaterThan": 3}, {"n": 3}, "no"),
        ({"Variable": "$.s", "StringMatches": "a*"}, {"s": "abc"}, "yes"),
        ({"Variable": "$.missing", "IsPresent": True}, {}, "no"),
        ({"And": [{"Variable": "$.a", "BooleanEquals": True}, {"Not": {"Variable": "$.b", "IsNull": True}}]}, {"a": True, "b": 1}, "yes"),
        ({"Variable": "$.t", "TimestampLessThan": "2030-01-01T00:00:00Z"}, {"t": "2026-01-01T00:00:00Z"}, "yes"),
    ],
)  # fmt: skip
def test_a_choice(states: States, condition: dict[str, Any], given: Any, expected: str) -> None:
    assert states.output(choice(condition), given) == expected


def test_a_choice_in_jsonata(states: States) -> None:
    definition = choice({"Condition": "{% $states.input.n > 3 %}"}, QueryLanguage="JSONata")
    for name, result in (("Yes", "yes"), ("No", "no")):
        definition["States"][name] = {"Type": "Pass", "Output": result, "End": True}
    assert states.output(definition, {"n": 4}) == "yes"
    assert states.output(definition, {"n": 3}) == "no"


def test_a_choice_that_matches_nothing_and_has_no_default_fails(states: States) -> None:
    definition = choice({"Variable": "$.n", "NumericEquals": 1})
    del definition["States"]["Choose"]["Default"], definition["States"]["No"]
    answer = states.run(definition, {"n": 2})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.NoChoiceMatched")


def test_paths_select_and_place_parts_of_the_data(states: States) -> None:
    state = {
        "Type": "Pass",
        "InputPath": "$.in",
        "Parameters": {"first.$": "$.items[0]", "all.$": "$.items[*].n", "fixed": 1},
        "ResultPath": "$.out",
        "OutputPath": "$.out",
    }
    given = {"in": {"items": [{"n": 1}, {"n": 2}]}}
    assert states.output(only(state), given) == {"first": {"n": 1}, "all": [1, 2], "fixed": 1}


@pytest.mark.parametrize(
    ("call", "given", "expected"),
    [
        ("States.Format('{} of {}', $.a, $.b)", {"a": 1, "b": "x"}, "1 of x"),
        ("States.Array($.a, 'b')", {"a": 1}, [1, "b"]),
        ("States.ArrayPartition($.a, 2)", {"a": [1, 2, 3]}, [[1, 2], [3]]),
        ("States.ArrayContains($.a, 2)", {"a": [1, 2]}, True),
        ("States.ArrayRange(1, 5, 2)", {}, [1, 3, 5]),
        ("States.ArrayGetItem($.a, 1)", {"a": [1, 2]}, 2),
        ("States.ArrayLength($.a)", {"a": [1, 2]}, 2),
        ("States.ArrayUnique($.a)", {"a": [1, 1, 2]}, [1, 2]),
        ("States.Base64Encode('ab')", {}, "YWI="),
        ("States.Base64Decode('YWI=')", {}, "ab"),
        ("States.Hash('a', 'MD5')", {}, "0cc175b9c0f1b6a831c399e269772661"),
        ("States.JsonMerge($.a, $.b, false)", {"a": {"x": 1}, "b": {"y": 2}}, {"x": 1, "y": 2}),
        ("States.StringToJson($.a)", {"a": '{"x": 1}'}, {"x": 1}),
        ("States.StringToJson($.a)", {"a": " "}, None),
        ("States.JsonToString($.a)", {"a": {"x": 1}}, '{"x":1}'),
        ("States.MathAdd(1, $.a)", {"a": 2}, 3),
        ("States.StringSplit('a,b', ',')", {}, ["a", "b"]),
    ],
)  # fmt: skip
def test_an_intrinsic_function(states: States, call: str, given: Any, expected: Any) -> None:
    output = states.output(only({"Type": "Pass", "Parameters": {"out.$": call}}), given)
    assert output == {"out": expected}


def test_the_context_object_names_the_execution_and_the_state(states: States) -> None:
    parameters = {"id.$": "$$.Execution.Id", "start.$": "$$.Execution.StartTime", "state.$": "$$.State.Name"}
    answer = states.run(only({"Type": "Pass", "Parameters": parameters}), {"a": 1})
    assert answer["output"]["id"] == answer["executionArn"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["output"]["start"])
    assert answer["output"]["state"] == "Only"
    assert states.output(query("{% $states.context.Execution.Input.a %}"), {"a": 1}) == 1


def parallel(*states: dict[str, Any], **more: Any) -> dict[str, Any]:
    branches = [
        {"StartAt": f"B{i}", "States": {f"B{i}": {**state, "End": True}}} for i, state in enumerate(states)
    ]
    return {"Type": "Parallel", "Branches": branches, **more}


def test_parallel_branches_run_at_the_same_time_and_answer_in_order(states: States) -> None:
    task = invoke(states.function)
    started = time.monotonic()
    output = states.output(only(parallel(task, task, task)), {"do": "sleep", "seconds": 0.5})
    assert [item["seconds"] for item in output] == [0.5, 0.5, 0.5]
    assert time.monotonic() - started < 5


def test_a_branch_that_fails_fails_the_state_and_can_be_caught(states: States) -> None:
    state = parallel(STEP, {"Type": "Fail", "Error": "Broken", "Cause": "by design"})
    state["Branches"][1]["States"]["B1"].pop("End")
    answer = states.run(only(state))
    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "Broken", "by design")
    catch = [{"ErrorEquals": ["Broken"], "Next": "Caught"}]
    definition = {"StartAt": "P", "States": {"P": {**state, "Catch": catch, "End": True}, "Caught": STEP}}
    assert states.output(definition) == {"Error": "Broken", "Cause": "by design"}


def test_the_time_limit_of_a_branch_is_an_error_of_the_parallel_state(states: States) -> None:
    state = parallel(invoke(states.function, TimeoutSeconds=1), STEP)
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}]
    definition = {"StartAt": "P", "States": {"P": {**state, "Catch": catch, "End": True}, "Caught": STEP}}
    assert states.output(definition, {"do": "sleep", "seconds": 3})["Error"] == "States.Timeout"


def test_a_branch_that_catches_its_error_leaves_the_others_results(states: States) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Gone", "ResultPath": "$.error"}]
    failing = {**invoke(states.function), "Catch": catch, "End": True}
    failing["Parameters"] = {"FunctionName": states.function, "Payload": {"do": "fail"}}
    branches = [
        {"StartAt": "Good", "States": {"Good": {**STEP, "Result": "good"}}},
        {
            "StartAt": "Bad",
            "States": {"Bad": failing, "Gone": {**STEP, "Parameters": {"failed.$": "$.error.Error"}}},
        },
    ]
    assert states.output(only({"Type": "Parallel", "Branches": branches})) == [
        "good",
        {"failed": "Overloaded"},
    ]


def mapped(processor: dict[str, Any], **more: Any) -> dict[str, Any]:
    item = {
        "ProcessorConfig": {"Mode": "INLINE"},
        "StartAt": "Item",
        "States": {"Item": {**processor, "End": True}},
    }
    return {"Type": "Map", "ItemProcessor": item, **more}


def test_a_map_works_on_each_item_and_answers_in_order(states: States) -> None:
    selector = {"value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"}
    state = mapped({"Type": "Pass"}, ItemsPath="$.items", ItemSelector=selector, MaxConcurrency=2)
    output = states.output(only(state), {"items": ["a", "b", "c"]})
    assert output == [{"value": value, "index": index} for index, value in enumerate("abc")]


def test_the_item_of_a_map_is_known_to_the_tasks_inside_of_it(states: States) -> None:
    task = invoke(states.function)
    task["Parameters"] = {"FunctionName": states.function, "Payload": {"index.$": "$$.Map.Item.Index"}}
    assert states.output(only(mapped(task)), [7, 8]) == [{"index": 0}, {"index": 1}]


def test_a_map_in_jsonata(states: States) -> None:
    state = mapped({"Type": "Pass", "Output": "{% $states.input * 2 %}"}, Items="{% $states.input.n %}")
    assert states.output(only(state, QueryLanguage="JSONata"), {"n": [1, 2]}) == [2, 4]


def test_a_map_of_no_items_answers_with_none(states: States) -> None:
    assert states.output(only(mapped({"Type": "Pass"})), []) == []


def test_a_map_of_many_items_one_after_another(states: States) -> None:
    items = list(range(1200))
    assert states.output(only(mapped({"Type": "Pass"}, MaxConcurrency=1)), items) == items


def test_a_map_runs_no_more_iterations_at_once_than_it_may(states: States, tmp_path: Path) -> None:
    function = states.deploy(
        f"""
        import os, time
        from pathlib import Path
        def handler(event, context):
            mine = Path({str(tmp_path)!r}) / str(event)
            mine.touch()
            running = len(os.listdir({str(tmp_path)!r}))
            time.sleep(0.05)
            mine.unlink()
            return running
        """
    )
    output = states.output(only(mapped(invoke(function), MaxConcurrency=2)), [1, 2, 3, 4, 5, 6])
    assert max(output) == 2


def test_an_iteration_that_fails_fails_the_map(states: States) -> None:
    answer = states.run(only(mapped(invoke(states.function), MaxConcurrency=1)), [{}, {"do": "fail"}, {}])
    assert (answer["status"], answer["error"]) == ("FAILED", "Overloaded")
    kinds = states.kinds(answer["executionArn"])
    assert kinds.count("MapIterationSucceeded") == 1
    assert kinds.count("MapIterationFailed") == 1
    assert kinds[-1] == "ExecutionFailed"


def test_a_wait_waits(states: States) -> None:
    started = time.monotonic()
    states.output(only({"Type": "Wait", "Seconds": 1}))
    assert time.monotonic() - started >= 1
    states.output(only({"Type": "Wait", "TimestampPath": "$.until"}), {"until": "2020-01-01T00:00:00Z"})


def test_fail_and_succeed_end_an_execution(states: States) -> None:
    answer = states.run(
        only({"Type": "Fail", "ErrorPath": "$.e", "CausePath": "$.c"}), {"e": "E", "c": "why"}
    )
    assert (answer["status"], answer["error"], answer["cause"]) == ("FAILED", "E", "why")
    assert states.output(only({"Type": "Succeed"}), {"a": 1}) == {"a": 1}


def test_an_output_over_256_kib_fails_the_execution(states: States) -> None:
    parts = {f"p{index}.$": "$.text" for index in range(3)}
    answer = states.run(only({"Type": "Pass", "Parameters": parts}), {"text": "x" * 100_000})
    assert (answer["status"], answer["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_data_that_is_no_ascii_comes_through(states: States) -> None:
    assert states.output(only(invoke(states.function)), {"text": "für 🎉"}) == {"text": "für 🎉"}
    assert (
        json.loads(json.dumps(states.output(query("{% $states.input.text %}"), {"text": "für 🎉"})))
        == "für 🎉"
    )
