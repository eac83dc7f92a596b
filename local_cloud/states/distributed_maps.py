"""Fields of Distributed Map that moto's parser cannot read.

They are `ExecutionType: EXPRESS`, `ItemBatcher`, an empty `ReaderConfig`, and a `ToleratedFailurePercentage` without a
fraction. Written against moto 5.2.5. They are taken out or rewritten before a definition is parsed; batches are made when the
map runs. Child executions are the same for both types here.
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval.resource_eval_s3 import (
    ResourceEvalS3,
)

from local_cloud.patches import extends, replaces
from local_cloud.states import parser

_LARGEST_BATCH_BYTES = 256 * 1024


@replaces(ResourceEvalS3, "_handle_put_object")
def _write_results(env: Any, runtime_part: Any, state_credentials: Any) -> None:
    """Write the results, and a manifest with them."""
    parameters, outputs = env.stack.pop(), env.stack.pop()
    map_run = env.map_run_record_pool_manager.get_all().pop()
    client = ResourceEvalS3._get_s3_client(runtime_part, state_credentials)
    bucket, prefix = parameters["Bucket"], parameters.get("Prefix") or ""
    folder = f"{prefix.rstrip('/')}/" if prefix else ""
    folder += map_run.map_run_arn.rpartition(":")[2]
    results = [_result(map_run, output) for output in outputs]
    content = json.dumps(results, ensure_ascii=False, separators=(",", ":")).encode()
    if results:
        client.put_object(Bucket=bucket, Key=f"{folder}/SUCCEEDED_0.json", Body=content)
    manifest = {
        "DestinationBucket": bucket,
        "MapRunArn": map_run.map_run_arn,
        "ResultFiles": {
            "FAILED": [],
            "PENDING": [],
            "SUCCEEDED": [{"Key": f"{folder}/SUCCEEDED_0.json", "Size": len(content)}] if results else [],
        },
    }
    key = f"{folder}/manifest.json"
    client.put_object(Bucket=bucket, Key=key, Body=json.dumps(manifest).encode())
    details = {"Bucket": bucket, "Key": key}
    env.stack.append({"MapRunArn": map_run.map_run_arn, "ResultWriterDetails": details})


def _result(map_run: Any, output: Any) -> dict[str, Any]:
    """Return the record of a child execution; children have no executions of their own here."""
    _, partition, _, region, account, _, label, *_ = map_run.map_run_arn.split(":")
    name = str(uuid.uuid4())
    return {
        "ExecutionArn": f"arn:{partition}:states:{region}:{account}:execution:{label}:{name}",
        "Name": name,
        "Output": json.dumps(output, ensure_ascii=False, separators=(",", ":")),
        "OutputDetails": {"Included": True},
        "Status": "SUCCEEDED",
    }


def make_readable(machine: Any) -> None:
    """Take what moto's parser cannot read out of a definition."""
    for state in _maps(machine):
        for field in ("ItemProcessor", "Iterator"):
            config = (state.get(field) or {}).get("ProcessorConfig")
            if isinstance(config, dict) and config.get("ExecutionType") == "EXPRESS":
                config["ExecutionType"] = "STANDARD"
        state.pop("ItemBatcher", None)
        if isinstance(percentage := state.get("ToleratedFailurePercentage"), int):
            state["ToleratedFailurePercentage"] = float(percentage)
        reader = state.get("ItemReader")
        if isinstance(reader, dict) and isinstance(settings := reader.get("ReaderConfig"), dict):
            settings.setdefault("InputType", "JSON")


def attach_batchers(program: Any, machine: Mapping[str, Any], language: str = "JSONPath") -> None:
    """Note the batches of the maps of a machine at the components that run them."""
    language = machine.get("QueryLanguage", language)
    for name, state in machine["States"].items():
        parsed = program.states.states[name]
        if state["Type"] == "Map":
            component, inner = parsed.iteration_component, state.get("ItemProcessor") or state["Iterator"]
            if "ItemBatcher" in state:
                component.item_batcher = _template(state["ItemBatcher"], state.get("QueryLanguage", language))
            if str((state.get("ItemReader") or {}).get("Resource", "")).endswith(":listObjectsV2"):
                parsed.item_reader.resource_output_transformer = None  # a list of objects has no format
            attach_batchers(component._get_iteration_program(), inner, language)
        elif state["Type"] == "Parallel":
            for branch, content in zip(parsed.branches.programs, state["Branches"], strict=True):
                attach_batchers(branch, content, language)


def _template(batcher: Mapping[str, Any], language: str) -> Any:
    """Return the settings of batches as the template of a state, so that they are evaluated like one."""
    field = "Parameters" if language == "JSONPath" else "Output"
    content = {re.sub(r"Path$", ".$", name): value for name, value in batcher.items()}
    state = {"Type": "Pass", "QueryLanguage": language, field: content, "End": True}
    definition = json.dumps({"StartAt": "Batch", "States": {"Batch": state}})
    parsed = parser.AmazonStateLanguageParser.parse(definition)[0].states.states["Batch"]
    return parsed.parameters or parsed.output.jsonata_template_value


def _maps(machine: Any) -> Iterator[dict[str, Any]]:
    """Return the Map states of a machine, which need not be valid."""
    states = machine.get("States") if isinstance(machine, dict) else None
    for state in states.values() if isinstance(states, dict) else ():
        match state:
            case {"Type": "Map"}:
                yield state
                yield from _maps(state.get("ItemProcessor") or state.get("Iterator"))
            case {"Type": "Parallel", "Branches": [*branches]}:
                for branch in branches:
                    yield from _maps(branch)


@extends(DistributedIterationComponent, "_map_run")
def _run_in_batches(original: Callable[..., None], component: Any, env: Any, eval_input: Any) -> None:
    batcher = getattr(component, "item_batcher", None)
    if batcher:
        items = _selected(env, eval_input, env.stack.pop())
        env.stack.append(_batches(env, batcher, items))
    original(component, env, eval_input)


def _selected(env: Any, eval_input: Any, items: list[Any]) -> list[Any]:
    """Return what ItemSelector makes of each item; batches are made of that."""
    selector = eval_input.item_selector or eval_input.parameters
    if selector is None:
        return items
    selected = []
    context = env.states.context_object.context_object_data
    for index, value in enumerate(items):
        context["Map"] = {"Item": {"Index": index, "Value": value}}
        env.stack.append(env.states.get_input())
        selector.eval(env=env)
        selected.append(env.stack.pop())
    context.pop("Map", None)
    eval_input.item_selector = eval_input.parameters = None
    return selected


def _batches(env: Any, batcher: Any, items: list[Any]) -> list[dict[str, Any]]:
    env.stack.append(env.states.get_input())
    batcher.eval(env)
    settings = env.stack.pop()
    most = int(settings.get("MaxItemsPerBatch") or len(items) or 1)
    largest = int(settings.get("MaxInputBytesPerBatch") or _LARGEST_BATCH_BYTES)
    shared = {"BatchInput": settings["BatchInput"]} if "BatchInput" in settings else {}
    batches: list[dict[str, Any]] = []
    size = 0
    for item in items:
        added = len(json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode())
        if not batches or len(batches[-1]["Items"]) >= most or size + added > largest:
            batches.append({**copy.deepcopy(shared), "Items": []})
            size = 0
        batches[-1]["Items"].append(item)
        size += added
    return batches
