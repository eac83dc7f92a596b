"""Parts of a configuration that can be updated without Terraform."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from deploy_tools.configuration_changes import ConfigurationChanges, archive_file, compare

BEFORE: dict[str, Any] = {
    "//": {"metadata": 1},
    "terraform": {"backend": {"local": {"path": "x"}}},
    "provider": {"aws": [{"region": "us-east-1"}]},
    "output": {"url": {"value": "${aws_x.y.url}"}},
    "resource": {
        "aws_lambda_function": {
            "small": {"function_name": "small", "filename": "assets/a.zip", "source_code_hash": "a"},
            "large": {"s3_key": "${aws_s3_object.large.key}", "source_code_hash": "a", "timeout": 3},
        },
        "aws_s3_object": {
            "large": {"bucket": "b", "key": "large-a.zip", "source": "assets/a.zip"},
            "other": {"bucket": "b", "key": "other", "source": "assets/a.txt"},
        },
        "aws_sfn_state_machine": {"flow": {"name": "flow", "definition": "{}"}},
    },
}


def after(*path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(BEFORE)
    place: Any = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return changed


def test_nothing_differs() -> None:
    assert not compare(BEFORE, after("//", value={"metadata": 2}))


def test_code_in_a_file_and_in_a_bucket_is_updated_directly() -> None:
    changed = after("resource", "aws_lambda_function", "small", "source_code_hash", value="b")
    changed["resource"]["aws_lambda_function"]["small"]["filename"] = "assets/b.zip"
    changed["resource"]["aws_lambda_function"]["large"]["source_code_hash"] = "b"
    changed["resource"]["aws_s3_object"]["large"] |= {"key": "large-b.zip", "source": "assets/b.zip"}
    functions = ("aws_lambda_function.large", "aws_lambda_function.small")
    assert compare(BEFORE, changed) == ConfigurationChanges(functions=functions)


def test_the_archive_of_a_function_is_a_file_of_the_stack_or_there_is_none() -> None:
    functions = BEFORE["resource"]["aws_lambda_function"]
    assert archive_file(BEFORE, functions["small"]) == ("assets/a.zip", {"filename": "assets/a.zip"})
    assert archive_file(BEFORE, functions["large"]) == ("assets/a.zip", {"s3_key": "large-a.zip"})
    for elsewhere in ({"s3_key": "${data.terraform_remote_state.other.key}"}, {"image_uri": "x"}):
        assert archive_file(BEFORE, elsewhere) == (None, {})


def test_a_definition_is_updated_directly() -> None:
    changed = after("resource", "aws_sfn_state_machine", "flow", "definition", value="{1}")
    assert compare(BEFORE, changed) == ConfigurationChanges(machines=("aws_sfn_state_machine.flow",))


@pytest.mark.parametrize(
    ("path", "value", "address"),
    [
        (("resource", "aws_lambda_function", "large", "timeout"), 4, "aws_lambda_function.large"),
        (("resource", "aws_lambda_function", "new"), {"timeout": 4}, "aws_lambda_function.new"),
        (("resource", "aws_sfn_state_machine", "flow", "name"), "x", "aws_sfn_state_machine.flow"),
        (("resource", "aws_s3_object", "other", "source"), "assets/b.txt", "aws_s3_object.other"),
        (("resource", "aws_sfn_state_machine"), {}, "aws_sfn_state_machine.flow"),
        (("output", "url"), {"value": "x"}, "output.url"),
        (("provider", "aws"), [], "provider.aws"),
        (("terraform", "backend"), {}, "terraform.backend"),
    ],
)
def test_all_else_takes_terraform(path: tuple[str, ...], value: Any, address: str) -> None:
    assert compare(BEFORE, after(*path, value=value)) == ConfigurationChanges(others=(address,))
