"""References of a configuration, replaced by what the state has."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_tools.interpolation import UnresolvedError, resolved
from deploy_tools.terraform_state import TerraformState

STATE = TerraformState(
    Path("terraform.tfstate"),
    {
        "version": 4,
        "resources": [
            {
                "mode": mode,
                "type": kind,
                "name": name,
                "instances": [{"attributes": {"arn": f"arn:{name}", "size": 3}}],
            }
            for mode, kind, name in (
                ("managed", "aws_lambda_alias", "a-b_C1"),
                ("data", "aws_caller_identity", "me"),
            )
        ],
    },
)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ('{"a": "${aws_lambda_alias.a-b_C1.arn}:1"}', '{"a": "arn:a-b_C1:1"}'),
        ("${data.aws_caller_identity.me.arn}", "arn:me"),
        ("{% $states.input %} $${kept} %%{kept} $5 {x}", "{% $states.input %} ${kept} %{kept} $5 {x}"),
        ("$$${aws_lambda_alias.a-b_C1.arn}", "$${aws_lambda_alias.a-b_C1.arn}"),
    ],
)
def test_references_and_escapes(template: str, value: str) -> None:
    assert resolved(template, STATE) == value


@pytest.mark.parametrize(
    "template",
    [
        "${aws_lambda_alias.other.arn}",
        "${aws_lambda_alias.a-b_C1.size}",
        "${aws_lambda_alias.a-b_C1[0].arn}",
        '${join(",", [])}',
        "%{if true}x%{endif}",
        "${",
    ],
)
def test_all_else_is_left_to_terraform(template: str) -> None:
    with pytest.raises(UnresolvedError):
        resolved(template, STATE)
