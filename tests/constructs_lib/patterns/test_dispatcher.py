"""Dispatcher: it lists the operations of its services and may invoke exactly their functions."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from constructs_lib import AiService, AwsStack, Dispatcher, InvalidArgumentError
from handlers.common.contract import Contract
from tests.support.contracts import greeting
from tests.support.synthesis import Configuration, FakeArchive, alias_arn, refused, statements

ALL = Contract("all", summary="All services by name.")


def test_it_may_invoke_its_services_and_knows_their_arns(stack: AwsStack, archive: FakeArchive) -> None:
    service = AiService(stack, greeting(), archive=archive)
    dispatcher = Dispatcher(stack, ALL, services=[service], archive=archive)
    assert dict(dispatcher.services) == {"greeting": service}
    synthesized = Configuration(stack)
    arn = alias_arn(synthesized, service.function_name)
    (body,) = (
        one for one in synthesized.all("lambda_function").values() if one["function_name"] == "shop-all"
    )
    assert json.loads(body["environment"]["variables"]["AI_SERVICES"]) == {"greeting": arn}
    (invoke,) = (
        statements(policy["policy"])
        for policy in synthesized.all("iam_role_policy").values()
        if policy["name"].startswith("invoke-")
    )
    assert invoke[0]["Resource"] == [arn]


def test_its_archive_has_the_catalogue(
    stack: AwsStack, archive: FakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "handlers" / "all"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text("def handler(event, context): ...\n")
    (folder / "package.toml").write_text('handler = "handlers.all.app.handler"\ninclude = ["handlers/all"]\n')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cdktf.json").touch()
    Dispatcher(stack, ALL, services=[AiService(stack, greeting(), archive=archive)])
    (place,) = stack.folder.glob("assets/all-*.zip")
    with zipfile.ZipFile(place) as zipped:
        catalogue = json.loads(zipped.read("handlers/all/catalogue.json"))
    assert [entry["name"] for entry in catalogue] == ["greeting.greet", "greeting.last"]


def test_a_dispatcher_without_services_is_rejected(stack: AwsStack, archive: FakeArchive) -> None:
    assert refused(lambda: Dispatcher(stack, ALL, services=[], archive=archive)) == (
        InvalidArgumentError,
        "shop/all: services is empty; pass at least one AiService",
    )
