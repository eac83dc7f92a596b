"""`settings.py` and the environment variables that it reads."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import settings
from constructs_lib import environment
from constructs_lib.environment import Environment
from settings import settings_from
from tests.support.paths import PROJECT

VARIABLES = (*environment.VARIABLES, *settings.VARIABLES)


@pytest.mark.parametrize("name", ["local", "dev", "prod"])
def test_an_empty_variable_counts_as_unset(name: str) -> None:
    required = {"ENVIRONMENT": "" if name == "local" else name, "STATE_BUCKET": "company-states"}
    empty = {**dict.fromkeys(VARIABLES, ""), **required}
    unset = {variable: value for variable, value in empty.items() if value}
    assert settings_from(empty) == settings_from(unset)
    assert settings_from(empty).environment.name == name
    assert Environment.from_variables(empty) == Environment.from_variables(unset)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"ENVIRONMENT": "produktion"},
            "ENVIRONMENT: 'produktion' is unknown; set local, dev or prod. Default: local",
        ),
        ({"AI_BACKEND": "azure"}, "AI_BACKEND: 'azure' is unknown; set local or aws. Default: local"),
        (
            {"MONTHLY_BUDGET_USD": "0"},
            "MONTHLY_BUDGET_USD: '0' is not a number of dollars; set 1-1000000. Default: 100",
        ),
        (
            {"MONTHLY_BUDGET_USD": "99.5"},
            "MONTHLY_BUDGET_USD: '99.5' is not a number of dollars; set 1-1000000. Default: 100",
        ),
        ({"THREAT_PROTECTION": "yes"}, "THREAT_PROTECTION: 'yes' is unknown; set off or on. Default: off"),
        ({"AWS_REGION": "Europe"}, "AWS_REGION: 'Europe' is not a region code; set one such as eu-central-1"),
        (
            {"AWS_ACCOUNT_ID": "1234-5678-9012"},
            "AWS_ACCOUNT_ID: '1234-5678-9012' is not an account ID; set its 12 digits",
        ),
        *(
            (
                {"LOCAL_CLOUD_PORT": port},
                f"LOCAL_CLOUD_PORT: {port!r} is not a port; set 0-65535. Default: 4566",
            )
            for port in ("abc", "-1", "65536", "4566.0", "٤٥")
        ),
        (
            {"ENVIRONMENT": "dev", "ALARM_EMAILS": "ops@shop.example, a b"},
            "ALARM_EMAILS: emails 'a b' is not valid; use addresses, such as 'ops@shop.example'",
        ),
        (
            {"ENVIRONMENT": "prod"},
            (
                "STATE_BUCKET: is not set, and prod stores Terraform's state in S3; run `make bootstrap ENVIRONMENT=prod`, and "
                "set AWS_ACCOUNT_ID or STATE_BUCKET"
            ),
        ),
        (
            {"ENVIRONMENT": "prod", "STATE_BUCKET": "Company States"},
            (
                "S3State: bucket 'Company States' is not valid; use the bucket's name: 3 to 63 lower case letters, "
                "digits, '-' and '.'"
            ),
        ),
    ],
)
def test_a_value_that_is_not_valid_ends_the_program_with_a_sentence(
    variables: dict[str, str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        settings_from(variables)
    assert ended.value.code == message


def test_the_local_environment_is_the_local_cloud_and_its_account() -> None:
    local = Environment.from_variables({"AWS_ACCOUNT_ID": "210987654321", "LOCAL_CLOUD_PORT": "4571"})
    assert local == Environment(
        name="local",
        account_id="123456789012",
        endpoint_url="http://127.0.0.1:4571",
        local_cloud_port=4571,
    )
    free = Environment.from_variables({"LOCAL_CLOUD_PORT": "0", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert free == replace(local, endpoint_url="http://127.0.0.1:9", local_cloud_port=0)


def test_prod_is_aws_whatever_the_shell_says_of_the_local_cloud() -> None:
    prod = Environment.from_variables(
        {
            "ENVIRONMENT": "prod",
            "AWS_ACCOUNT_ID": "210987654321",
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        }
    )
    assert prod == Environment(name="prod", region="eu-west-1", account_id="210987654321")
    assert (prod.is_local, prod.allowed_account_ids) == (False, ["210987654321"])


def test_origins_and_addresses_are_lists() -> None:
    result = settings_from(
        {
            "ENVIRONMENT": "dev",
            "ALLOWED_ORIGINS": "https://shop.example, https://admin.example,",
            "ALARM_EMAILS": "ops@shop.example",
        }
    )
    assert result.defaults.allowed_origins == ("https://shop.example", "https://admin.example")
    assert result.emails == ("ops@shop.example",)
    assert settings_from({}).defaults.allowed_origins == ("http://localhost:3000",)


def documented(text: str) -> set[str]:
    return set(re.findall(r"^([A-Z][A-Z_]+) {2,}", text, re.MULTILINE))


def test_each_variable_is_read_in_one_file_and_documented_there() -> None:
    for module in (environment, settings):
        source = Path(module.__file__ or "").read_text(encoding="utf-8")
        assert documented(module.__doc__ or "") == set(module.VARIABLES)
        types = {"CREDIT_DEBIT_CARD_NUMBER", "INTERNATIONAL_BANK_ACCOUNT_NUMBER"}  # of personal data
        assert set(re.findall(r'"(ENVIRONMENT|[A-Z]+(?:_[A-Z]+)+)"', source)) - types == set(module.VARIABLES)


def test_the_readme_lists_all_of_them() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| variable \|.*?\n\n", readme, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)) == set(VARIABLES)


def test_no_tool_reads_them_itself() -> None:
    reading = re.compile(r'environ(?:\.get\(|\[)"(?:' + "|".join(VARIABLES) + ')"')
    found = {
        f"{path.relative_to(PROJECT)}: {match[0]}"
        for folder in ("tools", "constructs_lib", "lambda_archives", "local_cloud")
        for path in (PROJECT / folder).rglob("*.py")
        for match in reading.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_a_server_with_openai_s_protocol_answers_before_the_offline_model() -> None:
    def targets(**variables: str) -> list[list[str]]:
        routes = settings_from(variables).model_routes
        return [[target["backend"] for target in route.as_dict()["targets"]] for route in routes]

    assert targets() == [["offline"], ["openai", "offline"], ["offline"], ["openai"]]
    assert targets(ENVIRONMENT="dev") == targets(AI_BACKEND="aws") == [["bedrock", "bedrock"]] * 2


@pytest.mark.parametrize(
    ("variables", "prompt_attacks"),
    [({}, False), ({"AI_BACKEND": "aws"}, False), ({"ENVIRONMENT": "dev"}, True)],
)
def test_a_route_has_a_guardrail_in_every_environment(
    variables: dict[str, str], prompt_attacks: bool
) -> None:
    guardrails = {route.name: route.guardrail for route in settings_from(variables).model_routes}
    guarded = guardrails.pop("guarded")
    assert guarded is not None
    assert (guarded.personal_data["PHONE"], guarded.prompt_attacks) == ("MASK", prompt_attacks)
    assert set(guardrails.values()) == {None}


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ({}, ("qwen3", "http://127.0.0.1:11434/v1")),
        ({"MODEL_NAME": "phi4"}, ("phi4", "http://127.0.0.1:11434/v1")),
        ({"MODEL_BASE_URL": "http://127.0.0.1:8080/v1"}, ("qwen3", "http://127.0.0.1:8080/v1")),
    ],
)
def test_a_server_on_this_machine_answers_first_for_its_own_route(
    given: dict[str, str], server: tuple[str, str]
) -> None:
    route = settings_from(given).model_routes[1].as_dict()
    first = route["targets"][0]
    assert (route["name"], (first["model"], first["base_url"])) == ("server", server)


def test_the_documentation_page_is_not_in_prod() -> None:
    settings_of = {
        name: settings_from({"ENVIRONMENT": name, "STATE_BUCKET": "company-states"})
        for name in ("local", "dev", "prod")
    }
    assert [name for name, one in settings_of.items() if one.docs is not None] == ["local", "dev"]
