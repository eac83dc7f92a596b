"""What the provider's modules check of their arguments is what they check without lazy bindings."""

from __future__ import annotations

import typing
from importlib.metadata import distribution, version
from typing import Any

import cdktf
import pytest
import typeguard
from cdktf import TerraformStack, Token
from cdktf_cdktf_provider_aws.lambda_function import LambdaFunction
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue, SqsQueueTimeouts

from lazy_bindings._namespaces import _Remembered

MODULES = [kind.__init__.__globals__ for kind in (SqsQueue, S3Bucket, LambdaFunction)]


def signatures(module: dict[str, Any]) -> list[Any]:
    """The functions from which a module takes the types of its constructors' arguments."""
    return [value for name, value in module.items() if name.startswith("_typecheckingstub__")]


def outcome(check: Any, value: object, expected: Any) -> str:
    try:
        check("argument name", value, expected)
    except TypeError as error:
        return str(error)
    return "right"


def test_a_type_is_checked_as_typeguard_does() -> None:
    expected = {
        hint
        for module in MODULES
        for signature in signatures(module)
        for hint in typing.get_type_hints(signature).values()
    }
    values: list[object] = [
        *(None, True, 3, 2.5, "text", b"bytes"),
        *([], ["a"], ["a", 1], ("a",), {}, {"a": "b"}, {"a": 1}, {1: "a"}),
        *(
            SqsQueueTimeouts(create="1m"),
            Token.as_any("text"),
            TerraformStack(cdktf.Testing.app(), "one"),
            str,
        ),
    ]
    check = MODULES[0]["check_type"]
    assert check.__module__ == "lazy_bindings._namespaces"
    outcomes = [(hint, value, outcome(check, value, hint)) for hint in expected for value in values]
    assert outcomes == [
        (hint, value, outcome(typeguard.check_type, value, hint)) for hint in expected for value in values
    ]
    right = sum(told == "right" for *_, told in outcomes)
    assert len(expected) > 20
    assert len(expected) < right < len(outcomes) / 2


def test_a_wrong_argument_is_told_by_its_name() -> None:
    stack = TerraformStack(cdktf.Testing.app(), "one")
    with pytest.raises(
        TypeError, match=r"^type of argument name must be one of \(str, NoneType\); got int instead$"
    ):
        SqsQueue(stack, "queue", name=1)  # type: ignore[arg-type]


def test_the_types_of_arguments_are_worked_out_once() -> None:
    (module, *_) = MODULES
    (signature, *_) = signatures(module)
    hints = module["typing"].get_type_hints(signature)
    assert hints == typing.get_type_hints(signature)
    assert module["typing"].get_type_hints(signature) is hints
    assert module["typing"].Optional is typing.Optional


def test_typeguard_s_version_is_read_once() -> None:
    found = distribution("typeguard")
    assert isinstance(found, _Remembered)
    assert found.metadata is found.metadata
    assert version("typeguard") == found.metadata["Version"]
    assert found.files
    assert not isinstance(distribution("jsii"), _Remembered)
