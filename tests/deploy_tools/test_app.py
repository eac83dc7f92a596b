"""An app is what its `cdktf.json` and its manifest say: any command, any names, any number of stacks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from deploy_tools.app import CdktfApp, chosen_stacks, read_manifest
from deploy_tools.archive_progress import ArchiveEvent
from deploy_tools.errors import DeploymentError
from tests.support.fake_app import fake_app
from tests.support.paths import PROJECT


def app_of(folder: Path, program: str, **settings: str) -> CdktfApp:
    (folder / "main.py").write_text(program, encoding="utf-8")
    (folder / "cdktf.json").write_text(json.dumps({"app": "python main.py", **settings}), encoding="utf-8")
    return CdktfApp.in_folder(folder)


def message(folder: Path, program: str) -> str:
    with pytest.raises(DeploymentError) as failed:
        app_of(folder, program).synthesize({})
    return str(failed.value)


def test_stacks_come_in_the_order_of_their_deployment(tmp_path: Path) -> None:
    app = fake_app(tmp_path, jobs=["api"], api=["users", "network"], users=[], network=[])
    stacks = app.synthesize({})
    assert [stack.name for stack in stacks] == ["users", "network", "api", "jobs"]
    assert stacks == app.synthesized()
    assert [stack.name for stack in chosen_stacks(stacks, ["jobs", "users"])] == ["users", "jobs"]
    assert chosen_stacks(stacks, []) == stacks
    with pytest.raises(
        DeploymentError, match=r"^there is no stack 'shop'; choose api or jobs or network or users$"
    ):
        chosen_stacks(stacks, ["shop"])


def test_stacks_that_depend_on_each_other_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="stacks api, users depend on each other; remove one reference"):
        fake_app(tmp_path, users=["api"], api=["users"], shop=[]).synthesize({})


def test_a_stack_is_what_its_configuration_says(tmp_path: Path) -> None:
    providers = [{"alias": "global", "region": "us-east-1"}, {"region": "eu-west-1"}]
    configuration = {
        "provider": {"aws": providers},
        "resource": {"aws_sqs_queue": {"a": {}, "b": {}}, "aws_sns_topic": {"c": {}}},
    }
    shop, other = fake_app(tmp_path, {"shop": configuration}, shop=[], other=[]).synthesize({})
    assert (shop.region, shop.resource_count) == ("eu-west-1", 3)
    assert (other.region, other.resource_count) == ("us-east-1", 0)
    assert shop.state_path == tmp_path / "terraform.shop.tfstate"


@pytest.mark.parametrize(
    ("backend", "path"),
    [
        ({"local": {"path": "/elsewhere/shop.tfstate"}}, "/elsewhere/shop.tfstate"),
        ({"local": {}}, "cdktf.out/stacks/shop/terraform.tfstate"),
        ({}, "cdktf.out/stacks/shop/terraform.tfstate"),
    ],
)
def test_the_state_is_where_the_backend_keeps_it(tmp_path: Path, backend: object, path: str) -> None:
    (shop,) = fake_app(tmp_path, {"shop": {"terraform": {"backend": backend}}}, shop=[]).synthesize({})
    assert shop.state_path == tmp_path / path


def test_a_state_elsewhere_is_not_for_the_local_cloud(tmp_path: Path) -> None:
    configuration = {"terraform": {"backend": {"s3": {"bucket": "states"}}}}
    (shop,) = fake_app(tmp_path, {"shop": configuration}, shop=[]).synthesize({})
    with pytest.raises(DeploymentError) as refused:
        _ = shop.state_path
    assert str(refused.value) == (
        "stack shop: the state is in a backend of the kind 's3', and the local cloud needs a state in a file; leave out the "
        "backend where ENVIRONMENT is local"
    )


def test_the_output_folder_is_the_one_that_cdktf_json_names(tmp_path: Path) -> None:
    fake_app(tmp_path, shop=[])
    app = app_of(tmp_path, (tmp_path / "main.py").read_text(encoding="utf-8"), output="out")
    (shop,) = app.synthesize({})
    assert shop.directory == tmp_path / "out" / "stacks" / "shop"
    (other,) = app.synthesize({}, outdir=tmp_path / "other")
    assert other.directory == tmp_path / "other" / "stacks" / "shop"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (None, "{folder}: not the folder of a CDKTF app, because it has no cdktf.json; name another folder"),
        ("{", "{folder}/cdktf.json is not JSON: "),
        ("{}", '{folder}/cdktf.json: "app" is missing; set it to a command such as "python main.py"'),
        (
            '{"app": " "}',
            '{folder}/cdktf.json: "app" is missing; set it to a command such as "python main.py"',
        ),
        ('{"app": "python \'main.py"}', '{folder}/cdktf.json: "app" is not a command: No closing quotation'),
    ],
)
def test_a_folder_without_an_app_is_an_error(tmp_path: Path, content: str | None, wrong: str) -> None:
    if content is not None:
        (tmp_path / "cdktf.json").write_text(content, encoding="utf-8")
    with pytest.raises(DeploymentError) as refused:
        CdktfApp.in_folder(tmp_path)
    assert str(refused.value).startswith(wrong.format(folder=tmp_path))


def test_a_command_that_is_missing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cdktf.json").write_text('{"app": "no-such-program main.py"}', encoding="utf-8")
    with pytest.raises(DeploymentError) as refused:
        CdktfApp.in_folder(tmp_path).synthesize({})
    assert str(refused.value) == "`no-such-program main.py` cannot be run: No such file or directory"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (None, "{file} is missing: the app has not been synthesized, or writes somewhere else"),
        ("[]", "{file} is not a manifest of cdktf; delete {outdir} and synthesize again"),
        (
            '{"stacks": {"shop": {}}}',
            "{file} is not a manifest of cdktf; delete {outdir} and synthesize again",
        ),
        ('{"stacks": {}}', "{file} lists no stack; add one to the app"),
    ],
)
def test_a_manifest_that_says_nothing_is_an_error(tmp_path: Path, content: str | None, wrong: str) -> None:
    file = tmp_path / "manifest.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(DeploymentError) as refused:
        read_manifest(tmp_path)
    assert str(refused.value) == wrong.format(file=file, outdir=tmp_path)


def test_an_error_of_the_constructs_is_a_sentence_with_the_line_that_caused_it(tmp_path: Path) -> None:
    program = """\
from constructs_lib.errors import InvalidArgumentError

def declare():
    raise InvalidArgumentError("shop/api", "name is empty", "pass a name")

declare()
"""
    assert message(tmp_path, program) == "main.py:4: shop/api: name is empty; pass a name"


def test_the_line_is_one_of_the_app_and_not_of_the_constructs_beside_it(tmp_path: Path) -> None:
    program = "from constructs_lib.checks import check_range; check_range('shop/api', 'size', 0, 1, 2)"
    app = CdktfApp(PROJECT, (sys.executable, "-c", program), tmp_path)
    with pytest.raises(DeploymentError) as failed:
        app.synthesize({})
    assert str(failed.value) == "shop/api: size is 0; use 1 to 2"


def test_an_error_of_a_variable_is_the_sentence_with_which_the_program_ends(tmp_path: Path) -> None:
    sentence = "AWS_REGION: 'europe' is not a region code; set one such as eu-central-1"
    assert message(tmp_path, f'raise SystemExit("{sentence}")\n') == sentence


def test_errors_of_the_validation_are_sentences_too(tmp_path: Path) -> None:
    program = """\
import jsii
from cdktf import App, TerraformStack
from constructs import IValidation

@jsii.implements(IValidation)
class Invalid:
    def validate(self):
        return ["has no key; pass key", "has no name; pass name"]

app = App()
TerraformStack(app, "shop").node.add_validation(Invalid())
app.synth()
"""
    assert message(tmp_path, program) == "shop: has no key; pass key\nshop: has no name; pass name"


def test_an_archive_that_cannot_be_built_is_a_sentence(tmp_path: Path) -> None:
    program = """\
from lambda_archives import LambdaArchive, Target
LambdaArchive("missing", target=Target.this_machine())
"""
    found = message(tmp_path, program)
    assert found.startswith("main.py:2: ")
    assert "missing" in found
    assert "Traceback" not in found


def test_of_any_other_error_the_user_sees_where_it_is(tmp_path: Path) -> None:
    found = message(tmp_path, "1 / 0\n")
    assert " main.py` ended with status 1:\nTraceback (most recent call last):\n" in found
    assert found.endswith("ZeroDivisionError: division by zero")


def test_the_archives_that_a_synthesis_asks_for_are_reported_and_no_others(tmp_path: Path) -> None:
    fake_app(tmp_path, shop=[])
    for name in ("used", "unused"):
        (tmp_path / "handlers" / name).mkdir(parents=True)
        (tmp_path / "handlers" / name / "app.py").write_text(
            "def handler(event, context): ...\n", encoding="utf-8"
        )
        (tmp_path / "handlers" / name / "package.toml").write_text(
            f'handler = "handlers.{name}.app.handler"\ninclude = ["handlers/{name}"]\n', encoding="utf-8"
        )
    with (tmp_path / "main.py").open("a", encoding="utf-8") as main:
        main.write(
            "from lambda_archives import LambdaArchive, Target\n"
            'LambdaArchive.from_package("handlers/used/package.toml", target=Target.this_machine())\n'
        )
    events: list[ArchiveEvent] = []
    CdktfApp.in_folder(tmp_path).synthesize({}, on_archive=events.append)
    begun, ready = events
    assert begun == ArchiveEvent("used")
    assert (ready.archive, ready.unpacked_bytes) == ("used", 33)
    assert not list((tmp_path / ".cache").rglob("*unused*"))
