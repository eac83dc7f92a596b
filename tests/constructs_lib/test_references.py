"""References between resources: the same as cdktf's, without a request to it."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cdktf import App, Fn, TerraformElement, TerraformOutput, TerraformResource, TerraformStack
from cdktf_cdktf_provider_aws.s3_bucket import S3Bucket
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from constructs import Construct, Node
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from constructs_lib import (
    AwsStack,
    ConflictError,
    DeadLetterQueue,
    Function,
    LogGroup,
    Role,
    SqsSendMessage,
    Succeed,
    Table,
    Workflow,
)
from constructs_lib.logical_ids import has_usual_ids, logical_id
from constructs_lib.references import address, attribute, make, text_of, token, wait_for
from constructs_lib.stacks import note_place
from tests.support.paths import PROJECT
from tests.support.synthesis import Configuration, FakeArchive, refused
from tools.scan_all_on import AllOn

OF_EVERY_OBJECT = {
    *(
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
    ),
    *("hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf"),
}
"""Names that constructs' JavaScript takes for children that are there already."""

IDS = st.one_of(
    st.sampled_from(
        ["Resource", "Default", "api", "i", "pi", "the-api", "tenant=acme", "x" * 130, "Ünïcode", "日本"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="/\n"), min_size=1, max_size=12),
).filter(lambda name: name not in OF_EVERY_OBJECT)


class Tree:
    """A stack in which cdktf returns its own name for a path."""

    def __init__(self, app: App) -> None:
        self._stack = TerraformStack(app, "tree")
        self._made: dict[tuple[str, ...], Construct] = {(): self._stack}

    def logical_id(self, *ids: str) -> str:
        for length in range(1, len(ids) + 1):
            if ids[:length] not in self._made:
                self._made[ids[:length]] = Construct(self._made[ids[: length - 1]], ids[length - 1])
        return self._stack.get_logical_id(self._made[ids].node)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(App(outdir=str(tmp_path_factory.mktemp("tree"))))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.lists(IDS, min_size=1, max_size=6))
@example(ids=["api"])
@example(ids=["Resource"])
@example(ids=["api", "Resource"])
@example(ids=["api", "Default", "Resource"])
@example(ids=["api", "Default"])
@example(ids=["shop-api", "api", "i", "Resource"])
@example(ids=["Resource", "Resource", "source"])
@example(ids=["x" * 255])
@example(ids=["x" * 256])
@example(ids=["ü" * 300])
@example(ids=["x" * 100, "y" * 100, "z" * 100])
@example(ids=["a b", "c.d", "e:f", "ü"])
@example(ids=["😀", "\ue000", "a\tb", "\x00"])
def test_a_logical_id_is_cdktfs(tree: Tree, ids: list[str]) -> None:
    if any(one != "Default" for one in ids):
        assert logical_id("/".join(ids)) == tree.logical_id(*ids)


def test_what_only_cdktf_can_name_it_is_asked_for() -> None:
    assert logical_id("Default") is None
    assert logical_id("api/\ud83d") is None


def test_each_resource_of_all_constructs_is_at_the_address_that_cdktf_writes(
    app: App, tmp_path: Path
) -> None:
    stack = AllOn(app, tmp_path, jobs=True)
    resources = [one for one in stack.node.find_all() if isinstance(one, TerraformResource)]
    assert len(resources) > 150
    for one in resources:
        assert address(one) == f"{one.terraform_resource_type}.{one.friendly_unique_id}"


def provider_calls() -> Iterator[tuple[str, type, bool]]:
    """Each resource class that the library creates: where, the class, and whether `make` or `_create` creates it."""
    for path in sorted((PROJECT / "constructs_lib").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            alias.asname or alias.name: (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and (node.module or "").startswith("cdktf_cdktf_provider_aws.")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
                continue
            by_make = ast.unparse(node.func) in {"make", "self._create"}
            called = node.args[0] if by_make else node.func
            if isinstance(called, ast.Name) and called.id in names:
                module, name = names[called.id]
                kind = getattr(importlib.import_module(str(module)), name)
                if isinstance(kind, type) and issubclass(kind, TerraformResource):
                    yield f"{path.relative_to(PROJECT)}:{node.lineno}", kind, by_make


def test_every_resource_is_made_by_make_and_its_class_is_in_the_module_of_its_type() -> None:
    calls = list(provider_calls())
    assert len(calls) > 60
    assert [where for where, _, by_make in calls if not by_make] == []
    for kind in {kind for _, kind, _ in calls}:
        declared: Any = kind
        assert f"aws_{kind.__module__.rpartition('.')[2]}" == declared.TF_RESOURCE_TYPE


def test_an_attribute_is_what_cdktfs_token_stands_for(stack: AwsStack) -> None:
    role = Role(stack, "role", service="lambda.amazonaws.com")
    text = attribute(role.resource, "arn")
    assert text == f"${{{address(role.resource)}.arn}}"
    assert (role.arn, text_of(role.arn, stack)) == (token(role.resource, "arn"), text)
    assert text_of("${TfToken[TOKEN.1]}", stack) is None
    TerraformOutput(stack, "by_token", value=role.arn)
    TerraformOutput(stack, "by_text", value=text)
    outputs = Configuration(stack).json["output"]
    assert outputs["by_token"] == outputs["by_text"] == {"value": text}


def test_a_property_is_a_token_that_cdktfs_functions_take(stack: AwsStack, function: Function) -> None:
    TerraformOutput(stack, "parts", value=Fn.element(Fn.split(":", function.qualified_arn), 3))
    written = Configuration(stack).json["output"]["parts"]["value"]
    assert written == f'${{element(split(":", {address(function.alias)}.arn), 3)}}'


def test_a_property_of_one_stack_reaches_another_by_its_output(
    app: App, stack: AwsStack, function: Function
) -> None:
    other = AwsStack(app, "other", region="us-east-1")
    TerraformOutput(other, "arn", value=function.qualified_arn)
    app.synth()
    name = f"cross-stack-output-{address(function.alias)}arn".replace(".", "")
    here, there = (json.loads((one.folder / "cdk.tf.json").read_text()) for one in (stack, other))
    assert here["output"][name] == {"sensitive": True, "value": f"${{{address(function.alias)}.arn}}"}
    assert there["output"]["arn"]["value"] == (
        f"${{data.terraform_remote_state.cross-stack-reference-input-shop.outputs.{name}}}"
    )


def test_a_construct_refers_to_what_is_in_another_stack_by_its_output(app: App, stack: AwsStack) -> None:
    other = AwsStack(app, "other", region="us-east-1")
    queue = DeadLetterQueue(stack, "failed")
    role = Role(other, "role", service="lambda.amazonaws.com")
    LogGroup(stack, "log", name="/shop/log").grant_write(role)
    steps = SqsSendMessage("tell", queue, body={"a": 1}) >> Succeed("done")
    Workflow(other, "tells", definition=steps)
    app.synth()
    written = json.loads((other.folder / "cdk.tf.json").read_text())
    policies = written["resource"]["aws_iam_role_policy"].values()
    (logs,) = (one["policy"] for one in policies if one["name"] == "logs")
    assert "data.terraform_remote_state.cross-stack-reference-input-shop.outputs." in logs
    (machine,) = written["resource"]["aws_sfn_state_machine"].values()
    assert "${data.terraform_remote_state.cross-stack-reference-input-shop.outputs." in machine["definition"]
    assert "$${" not in machine["definition"]


def test_a_definition_escapes_what_looks_like_a_reference_and_is_none(stack: AwsStack) -> None:
    queue = DeadLetterQueue(stack, "failed")
    url = attribute(queue.resource, "url")
    steps = SqsSendMessage("tell", queue, body={"text": url}) >> Succeed("done")
    Workflow(stack, "tells", definition=steps)
    definition = json.loads(Configuration(stack).only("sfn_state_machine")["definition"])
    assert definition["States"]["tell"]["Arguments"] == {"QueueUrl": url, "MessageBody": {"text": f"${url}"}}
    beside = json.loads((stack.folder / "workflows" / "shop-tells.asl.json").read_text(encoding="utf-8"))
    assert beside["States"]["tell"]["Arguments"] == {"QueueUrl": url, "MessageBody": {"text": url}}


def test_an_id_can_be_overridden_as_long_as_nothing_refers_to_it(stack: AwsStack) -> None:
    table = Table(stack, "orders", partition_key="id", sort_key=None)
    table.resource.override_logical_id("kept")
    assert attribute(table.resource, "arn") == "${aws_dynamodb_table.kept.arn}"
    assert set(Configuration(stack).all("dynamodb_table")) == {"aws_dynamodb_table.kept"}


@pytest.mark.parametrize("use", [lambda table: attribute(table.resource, "arn"), lambda table: table.arn])
def test_an_id_that_is_in_use_cannot_be_overridden_any_more(stack: AwsStack, use: Any) -> None:
    table = Table(stack, "orders", partition_key="id")
    use(table)
    target = address(table.resource)
    kind, message = refused(lambda: table.resource.override_logical_id("kept"))
    assert kind is ConflictError
    assert message == (
        f"shop/orders/Resource: is in use as {target} already, and cannot be renamed to 'kept' any more; remove override_logical_id; to keep a resource with another address, call move_from_id('TYPE.NAME')"
    )
    table.resource.move_from_id("aws_dynamodb_table.kept")
    configuration = Configuration(stack)
    assert set(configuration.all("dynamodb_table")) == {target}
    assert configuration.json["moved"] == [{"from": "aws_dynamodb_table.kept", "to": target}]


def test_a_resource_of_the_users_own_is_where_the_user_says(stack: AwsStack) -> None:
    bucket, queue = S3Bucket(stack, "bucket"), SqsQueue(stack, "queue")
    bucket.override_logical_id("mine")
    wait_for(queue, bucket)
    assert Configuration(stack).only("sqs_queue")["depends_on"] == ["aws_s3_bucket.mine"]


@pytest.mark.parametrize("separator", ["/", "\n"])
def test_an_id_that_constructs_changes_is_asked_for(stack: AwsStack, separator: str) -> None:
    part = Construct(stack, f"a{separator}b")
    note_place(part, stack, f"a{separator}b")
    bucket, inside = make(S3Bucket, stack, f"c{separator}d"), make(S3Bucket, part, "bucket")
    assert address(bucket) == f"aws_s3_bucket.{bucket.friendly_unique_id}" == "aws_s3_bucket.c--d"
    assert address(inside) == f"aws_s3_bucket.{inside.friendly_unique_id}"
    assert address(inside).startswith("aws_s3_bucket.a--b_bucket_")


class Numbered(AwsStack):
    """A stack that names its resources itself."""

    def _allocate_logical_id(self, tf_element: TerraformElement | Node) -> str:
        node = tf_element if isinstance(tf_element, Node) else tf_element.node
        return node.path.replace("/", "-").upper()


def test_a_stack_that_names_its_resources_itself_is_asked(app: App, tmp_path: Path) -> None:
    stack = Numbered(app, "shop", region="us-east-1")
    function = Function(stack, "chat", archive=FakeArchive.make(tmp_path))
    assert not has_usual_ids(Numbered)
    assert address(function.resource) == "aws_lambda_function.SHOP-CHAT-RESOURCE"
    alias = Configuration(stack).only("lambda_alias")
    assert alias["function_name"] == "${aws_lambda_function.SHOP-CHAT-RESOURCE.function_name}"


def test_another_release_of_cdktf_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stack(TerraformStack):
        pass

    class OtherStack(TerraformStack):
        pass

    assert has_usual_ids(Stack)
    monkeypatch.setattr("constructs_lib.logical_ids.version", {"cdktf": "0.22.0"}.__getitem__)
    assert not has_usual_ids(OtherStack)


def test_what_a_user_waits_for_stays(stack: AwsStack) -> None:
    first, second, third = (make(SqsQueue, stack, name) for name in ("one", "two", "three"))
    wait_for(third, first, first=True)
    third.depends_on = [*(third.depends_on or []), "aws_s3_bucket.mine"]
    wait_for(third, second, first)
    queues = Configuration(stack).all("sqs_queue")
    assert queues["aws_sqs_queue.three"]["depends_on"] == [
        "aws_sqs_queue.one",
        "aws_s3_bucket.mine",
        "aws_sqs_queue.two",
    ]
