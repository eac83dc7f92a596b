"""AwsStack: the provider, the state, the versions, and where archives go."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cdktf import App, TerraformOutput, TerraformStack
from constructs import Construct

from constructs_lib import (
    AwsStack,
    ConflictError,
    Environment,
    InvalidArgumentError,
    S3State,
    StackDefaults,
)
from constructs_lib.partitions import partition_of
from constructs_lib.provider_stack import ProviderStack
from tests.support.synthesis import Configuration, FakeArchive, refused


def test_the_provider_is_qualified_and_both_of_its_majors_are_allowed(stack: AwsStack) -> None:
    configuration = Configuration(stack).json
    assert configuration["terraform"] == {
        "backend": {"local": {"path": "../../../terraform.shop.tfstate"}},
        "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.100.0, < 7.0.0"}},
        "required_version": ">= 1.5.0, < 2.0.0",
    }
    assert configuration["provider"] == {"aws": [{"region": "us-east-1"}]}
    assert "data" not in configuration


def test_accounts_tags_state_and_version_can_be_chosen(app: App) -> None:
    stack = AwsStack(
        app,
        "shop",
        region="eu-central-1",
        allowed_account_ids=["111122223333"],
        defaults=StackDefaults(tags={"project": "shop"}),
        state_path="state/shop.tfstate",
        provider_version="~> 6.21",
    )
    configuration = Configuration(stack).json
    assert configuration["provider"]["aws"] == [
        {
            "allowed_account_ids": ["111122223333"],
            "default_tags": [{"tags": {"project": "shop"}}],
            "region": "eu-central-1",
        }
    ]
    assert configuration["terraform"]["backend"] == {"local": {"path": "../../../state/shop.tfstate"}}
    assert configuration["terraform"]["required_providers"]["aws"]["version"] == "~> 6.21"
    assert (stack.region, stack.provider.region) == ("eu-central-1", "eu-central-1")


def test_a_stack_of_ones_own_may_choose_any_private_name(app: App) -> None:
    created = vars(AwsStack(app, "plain", region="us-east-1")).keys() - vars(TerraformStack(app, "stock"))
    methods = {name for kind in (AwsStack, ProviderStack) for name in vars(kind)}
    assert {
        name for name in created | methods if re.match(r"_(?!_|AwsStack__|ProviderStack__)", name)
    } == set()


def test_the_state_lies_beside_the_output_directory(app: App, stack: AwsStack, tmp_path: Path) -> None:
    app.synth()
    directory = Path(app.outdir) / "stacks" / "shop"
    written = json.loads((directory / "cdk.tf.json").read_text(encoding="utf-8"))
    state = directory / written["terraform"]["backend"]["local"]["path"]
    assert state.resolve() == (tmp_path / "terraform.shop.tfstate").resolve()


def test_the_account_and_partition_are_looked_up_once_when_needed(stack: AwsStack) -> None:
    for number in range(2):
        TerraformOutput(stack, f"where-{number}", value=f"{stack.partition}/{stack.account_id}")
    data = Configuration(stack).json["data"]
    assert {kind: len(found) for kind, found in data.items()} == {
        "aws_caller_identity": 1,
        "aws_partition": 1,
    }


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-isob-east-1", "aws-iso-b"),
    ],
)
def test_the_regions_of_all_partitions_are_known(app: App, region: str, partition: str) -> None:
    assert partition_of(AwsStack(app, "shop", region=region).region) == partition


TAGS = "use keys of 1 to 128 characters that do not start with 'aws:', and values of at most 256"


@pytest.mark.parametrize(
    ("construct_id", "arguments", "message"),
    [
        (
            "my shop",
            {},
            (
                "my shop: construct_id 'my shop' is not valid; start with a letter and use letters, digits and '-': "
                "names in AWS start with it"
            ),
        ),
        (
            "shop",
            {"region": "Frankfurt"},
            "shop: region 'Frankfurt' is not valid; use a region's code, such as 'eu-central-1'",
        ),
        (
            "shop",
            {"allowed_account_ids": ["1234"]},
            "shop: allowed_account_ids '1234' is not valid; use the 12 digits of account IDs",
        ),
        (
            "shop",
            {"allowed_account_ids": "111122223333"},
            (
                "shop: allowed_account_ids is '111122223333', not a list of strings; pass a list such as "
                "['123456789012']"
            ),
        ),
        (
            "shop",
            {"defaults": StackDefaults(tags={"aws:x": "y"})},
            f"shop: default tag 'aws:x' is not valid; {TAGS}",
        ),
        (
            "shop",
            {"defaults": StackDefaults(tags={"x": "y" * 257})},
            f"shop: default tag 'x' is not valid; {TAGS}",
        ),
        (
            "shop",
            {"provider_version": ">= 5.0, < 6.0"},
            (
                "shop: provider_version '>= 5.0, < 6.0' does not exclude versions before 5.100.0; start it with a "
                "lowest version, such as '>= 5.100.0, < 7.0.0'"
            ),
        ),
        (
            "shop",
            {"provider_version": "< 7"},
            (
                "shop: provider_version '< 7' does not exclude versions before 5.100.0; start it with a lowest "
                "version, such as '>= 5.100.0, < 7.0.0'"
            ),
        ),
        *(
            (
                "shop",
                {"state_path": path},
                (
                    f"shop: state_path {path!r} leads out of the project; use a relative path without '..', such as "
                    "'terraform.shop.tfstate'"
                ),
            )
            for path in ("/etc/shop.tfstate", "../shop.tfstate", "~/shop.tfstate", "C:\\shop.tfstate", "")
        ),
    ],
)
def test_stacks_that_are_refused(
    app: App, construct_id: str, arguments: dict[str, Any], message: str
) -> None:
    assert refused(lambda: AwsStack(app, construct_id, **{"region": "us-east-1", **arguments})) == (
        InvalidArgumentError,
        message,
    )
    assert app.node.children == []


def test_a_construct_outside_of_an_aws_stack_is_refused(app: App) -> None:
    other = TerraformStack(app, "other")
    assert refused(lambda: AwsStack.of(other)) == (
        InvalidArgumentError,
        "other: is in a stack that is not an AwsStack; derive the stack from AwsStack",
    )


@pytest.mark.parametrize(
    ("constraint", "existing"),
    [
        (">= 5.100.0, < 7.0.0", False),
        (">= 6.20.3", False),
        ("~> 6.21.0", True),
        ("6.25.0", True),
        ("= 7.0.1", True),
    ],
)
def test_a_feature_of_a_newer_provider_needs_a_constraint_that_excludes_older_ones(
    app: App, constraint: str, existing: bool
) -> None:
    stack = AwsStack(app, "shop", region="us-east-1", provider_version=constraint)
    if existing:
        stack.require_provider("shop/chat", "streaming", (6, 21))
    else:
        assert refused(lambda: stack.require_provider("shop/chat", "streaming", (6, 21))) == (
            ConflictError,
            (
                "shop/chat: streaming needs version 6.21.0 of the AWS provider, and provider_version allows older ones; pass "
                "provider_version='>= 6.21.0, < 7.0.0' to the stack"
            ),
        )


def assets(stack: AwsStack, tmp_path: Path) -> dict[str, bytes]:
    directory = tmp_path / "cdktf.out" / "stacks" / "shop" / "assets"
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def test_an_archive_is_placed_beside_the_configuration_and_its_forerunners_go(
    stack: AwsStack, tmp_path: Path
) -> None:
    old, new = FakeArchive.make(tmp_path, text="old"), FakeArchive.make(tmp_path, text="new")
    other = FakeArchive.make(tmp_path, name="chat-bot", text="old")
    for source in (old, other):
        AwsStack(App(outdir=str(tmp_path / "cdktf.out")), "shop", region="us-east-1").place_archive(source)
    assert stack.place_archive(new) == f"assets/chat-{new.digest[:12]}.zip"
    assert stack.place_archive(new) == f"assets/chat-{new.digest[:12]}.zip"
    assert assets(stack, tmp_path) == {
        f"chat-{new.digest[:12]}.zip": new.zip_path.read_bytes(),
        f"chat-bot-{other.digest[:12]}.zip": other.zip_path.read_bytes(),
    }


def test_two_archives_of_one_name_are_kept_apart(stack: AwsStack, tmp_path: Path) -> None:
    archives = [FakeArchive.make(tmp_path, text=text) for text in ("one", "two")]
    places = [stack.place_archive(archive) for archive in archives]
    assert sorted(assets(stack, tmp_path)) == sorted(place.removeprefix("assets/") for place in places)
    assert len(set(places)) == 2


def test_an_archive_is_copied_where_it_cannot_be_linked(
    stack: AwsStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, place: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", no_links)
    archive = FakeArchive.make(tmp_path, name="my chat/1")
    assert stack.place_archive(archive) == f"assets/my-chat-1-{archive.digest[:12]}.zip"
    assert list(assets(stack, tmp_path).values()) == [archive.zip_path.read_bytes()]


def test_two_stacks_with_one_local_state(app: App) -> None:
    AwsStack(app, "shop", region="us-east-1", state_path="state/shop.tfstate")
    AwsStack(app, "store", region="us-east-1")
    before = children_of(app)
    assert refused(lambda: AwsStack(app, "desk", region="us-east-1", state_path="./state/shop.tfstate")) == (
        ConflictError,
        "desk: shares its state 'state/shop.tfstate' with stack 'shop'; pass another state_path to one of the two",
    )
    assert refused(
        lambda: AwsStack(app, "desk", region="us-east-1", state_path="terraform.store.tfstate")
    ) == (
        ConflictError,
        "desk: shares its state 'terraform.store.tfstate' with stack 'store'; pass another state_path to one of the two",
    )
    assert children_of(app) == before


def test_two_stacks_with_one_state_in_s3(app: App) -> None:
    def stack(name: str, **changes: str) -> AwsStack:
        place = {"bucket": "states", "key": "shop.tfstate", "region": "us-east-1", **changes}
        return AwsStack(app, name, region="us-east-1", state=S3State(**place))

    stack("shop")
    stack("desk", key="desk.tfstate")
    stack("store", bucket="others")
    # The name of a bucket is unique in all regions.
    assert refused(lambda: stack("depot", region="eu-central-1")) == (
        ConflictError,
        "depot: shares its state 's3://states/shop.tfstate' with stack 'shop'; pass another key to one of the two",
    )


def test_one_stack_id_below_two_scopes(app: App) -> None:
    scopes = [Construct(app, name) for name in ("test", "live")]
    AwsStack(scopes[0], "shop", region="us-east-1", state_path="test.tfstate")
    assert refused(lambda: AwsStack(scopes[1], "shop", region="us-east-1", state_path="live.tfstate")) == (
        ConflictError,
        "live/shop: would be written to the folder of stack 'test/shop'; rename one of the two stacks (construct_id)",
    )


def test_stacks_of_other_apps_are_others(app: App, tmp_path: Path) -> None:
    AwsStack(app, "shop", region="us-east-1")
    AwsStack(App(outdir=str(tmp_path / "other")), "shop", region="us-east-1")


def children_of(app: App) -> list[str]:
    return [str(construct.node.path) for construct in app.node.find_all()]


@pytest.mark.parametrize(
    ("variables", "prefix", "state", "accounts"),
    [
        ({}, "shop-local", "terraform.shop.local.tfstate", ["123456789012"]),
        ({"ENVIRONMENT": "dev"}, "shop-dev", "terraform.shop.dev.tfstate", None),
        (
            {"ENVIRONMENT": "prod", "AWS_ACCOUNT_ID": "111122223333", "AWS_REGION": "eu-west-1"},
            "shop-prod",
            "terraform.shop.prod.tfstate",
            ["111122223333"],
        ),
    ],
)
def test_an_environment_gives_region_account_names_and_state(
    app: App, variables: dict[str, str], prefix: str, state: str, accounts: list[str] | None
) -> None:
    stack = AwsStack(app, "shop", environment=Environment.from_variables(variables))
    assert (stack.name_prefix, stack.region) == (prefix, variables.get("AWS_REGION", "us-east-1"))
    written = Configuration(stack).json
    assert written["terraform"]["backend"]["local"]["path"] == f"../../../{state}"
    assert written["provider"]["aws"][0].get("allowed_account_ids") == accounts


def test_a_stack_has_an_environment_or_a_region(app: App) -> None:
    environment = Environment.from_variables({})
    assert refused(lambda: AwsStack(app, "shop")) == (
        InvalidArgumentError,
        (
            "shop: has neither environment nor region; pass either environment=Environment.from_variables(os.environ) or "
            "region='eu-central-1'"
        ),
    )
    assert refused(lambda: AwsStack(app, "shop", environment=environment, region="us-east-1")) == (
        InvalidArgumentError,
        (
            "shop: has both environment and region; pass either environment=Environment.from_variables(os.environ) or "
            "region='eu-central-1'"
        ),
    )


def test_outputs_have_a_name_each(stack: AwsStack) -> None:
    stack.output(region=stack.region, names={"a": "b"})
    output = Configuration(stack).json["output"]
    assert (output["region"]["value"], output["names"]["value"]) == ("us-east-1", {"a": "b"})
    assert refused(lambda: stack.output(region="again")) == (
        ConflictError,
        "shop/region: exists already; add each output once",
    )


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"log_retention_days": 31}, "StackDefaults: log_retention_days 31 is unknown"),
        ({"ai_backend": "azure"}, "StackDefaults: ai_backend 'azure' is unknown"),
        ({"reserved_concurrency": -1}, "StackDefaults: reserved_concurrency is -1; use 0 to 100000"),
        ({"reserved_concurrency_of": {"a": -1}}, "StackDefaults: reserved_concurrency_of['a'] is -1"),
    ],
)
def test_defaults_that_are_rejected(defaults: dict[str, Any], message: str) -> None:
    assert refused(lambda: StackDefaults(**defaults))[1].startswith(message)
