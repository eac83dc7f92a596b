"""What AWS, Terraform or cdktf would refuse late or ignore silently, row by row: where it is held, and by which test.

Each row of the list of known pitfalls names what makes it impossible, or what raises it before Terraform runs: rules of
`tools.audit`, tested in `test_audit.py` and `test_mutations.py`, or tests of the constructs. docs/preflight.md is the
same list for users.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.constructs.test_mutations import MUTATIONS
from tests.unit.tools.test_audit import CASES
from tools.audit import RULES

C = "tests/constructs/test_construct_"
A = "tests/unit/archives/test_lambda_archive.py::"


@dataclass(frozen=True, slots=True)
class Row:
    """A pitfall.

    Attributes:
        what: What goes wrong.
        held_by: The rules of the audit, and the tests, that hold it.
        reason: Why it is not held; empty where it is.
    """

    what: str
    held_by: tuple[str, ...] = ()
    reason: str = ""


PITFALLS = {
    1: Row("no permission: 500 at the first call", (
        "permission-missing", C + "invariants.py::test_every_lambda_integration_has_exactly_the_permission_it_needs")),
    2: Row("permission and integration about different aliases", (
        "permission-alias", C + "function_callers.py::test_a_permission_names_the_alias_and_one_source")),
    3: Row("permission lost with its alias", ("permission-lifetime",)),
    4: Row("arn where invoke_arn belongs", ("integration-uri",)),
    5: Row("deployment before the integrations", (
        "deployment-order", "integration-missing", C + "invariants.py::test_the_deployment_waits_for_the_whole_api")),
    6: Row("changes never reach the stage", (
        "deployment-triggers", C + "deployment.py::test_a_change_of_the_api_redeploys")),
    7: Row("a trigger that changes after the first apply", (
        "deployment-triggers", C + "deployment.py::test_nothing_else_redeploys")),
    8: Row("changes in place that the hash misses", (
        "tests/unit/test_routes.py::test_every_field_changes_the_hash",
        "tests/unit/test_routes.py::test_what_has_no_meaning_does_not_change_the_hash")),
    9: Row("a deployment destroyed while a stage points to it", ("deployment-replacement",)),
    10: Row("stage_name on the deployment", (
        "deployment-replacement", C + "invariants.py::test_the_deployment_waits_for_the_whole_api")),
    11: Row("two owners of the region's API Gateway account", (
        "account-once", C + "stage.py::test_names_are_taken_once")),
    12: Row("a stage that logs before the account has a role", (
        "account-order", C + "stage.py::test_the_role_for_logs_is_made_before_the_stage")),
    13: Row("Lambda makes its log group itself", (
        "log-group", "log-group-by-function",
        C + "invariants.py::test_every_function_has_its_log_group_and_policies_first")),
    14: Row("API Gateway makes the log group of its executions itself", ("execution-log-group",)),
    15: Row("a function before the policies of its role", (
        "role-policies", C + "function.py::test_a_policy_that_is_added_later_is_awaited_too")),
    16: Row("a role made again under the same name", (
        "role-name", C + "role.py::test_the_prefix_of_a_role_leaves_room_for_the_suffix")),
    17: Row("a usage plan before its stage", (
        "plan-stage", C + "invariants.py::test_every_plan_limits_and_shows_no_key")),
    18: Row("method settings under a path that is not encoded, or overwritten", ("method-settings-path",)),
    19: Row("no throttle", (
        "throttle-missing", C + "invariants.py::test_the_stage_is_throttled_and_logs_without_bodies")),
    20: Row("the value of an API key in plans and outputs", (
        "key-shown", C + "usage_plan.py::test_the_value_of_a_key_is_in_no_output")),
    21: Row("a resource policy that refers to its own API", ("api-policy",)),
    22: Row("a resource policy that is never deployed", ("policy-deployed", "deployment-order")),
    23: Row("an OpenAPI body and resources beside it", ("api-mixed",)),
    24: Row("more than 300 resources", (
        "api-size", "tests/unit/test_routes_table.py::test_300_resources_are_the_most")),
    25: Row("429 of the control plane in large applies", ("provider-retries",)),
    26: Row("concurrent changes of authorizers", (
        "authorizer-order", C + "authorizers.py::test_authorizers_are_made_one_after_the_other")),
    27: Row("a hash of the archive that is not the one AWS answers with", (
        "code-hash", A + "test_the_properties_describe_the_zip")),
    28: Row("a renamed file that is not deployed", (
        A + "test_what_changes_a_file_s_path_mode_or_bytes_changes_the_hash",)),
    29: Row("another zip from the same sources", (
        A + "test_entries_are_sorted_and_carry_fixed_dates_and_modes",
        A + "test_the_same_sources_give_the_same_bytes_whatever_surrounds_them")),
    30: Row("a path with a space that archives nothing, or runs a command", (
        "tests/constructs/test_preflight.py::test_cdktf_archives_nothing",)),
    31: Row("security groups that a function holds when it is destroyed", ("network",)),
    32: Row("provisioned concurrency on an alias with weights, or by ARN", (
        "alias-weights", "alias-function", "provisioned-concurrency",
        C + "cold_start.py::test_what_lambda_does_not_allow_together")),
    33: Row("provisioned concurrency for $LATEST", ("publish",)),
    34: Row("concurrency reserved in an account that has too little", (
        C + "function.py::test_a_function_with_nothing_but_an_archive",)),
    35: Row("a canary without a deployment of its own", (
        "canary", C + "canary.py::test_a_canary_that_would_be_no_canary")),
    36: Row("a firewall associated before the stage is there", ("firewall-order",)),
    37: Row("log groups whose names use up the account's log policies", ("firewall-log", "vended-log-names")),
    38: Row("a state machine before the policies of its role", ("workflow-policies",)),
    39: Row("200 for a workflow that failed", ("workflow-status",)),
    40: Row("a function that outlives API Gateway's patience", (
        "integration-timeout", C + "lambda_integration.py::test_timeouts_that_are_refused",
        C + "authorizers.py::test_an_authorizer_answers_before_api_gateway_gives_up")),
    41: Row("messages given out again while they are handled", ("queue-visibility",)),
    42: Row("one bad message replays its batch", ("batch-failures",)),
    43: Row("cached answers of an authorizer", ("authorizer-cache",)),
    44: Row("the private key of a certificate in the state", ("private-key",)),
    45: Row("a domain before its certificate is valid", (
        "certificate", C + "domain_name.py::test_a_certificate_is_made_and_validated")),
    46: Row("a mapping or plan of a stage that was replaced", ("base-path", "plan-stage")),
    47: Row("the way past the domain", (
        "open-endpoint", "shown-address", C + "domain_name.py::test_the_way_past_the_domain_is_closed")),
    48: Row("alarms that an encrypted topic drops", ("topic-key",)),
    49: Row("a key that CloudWatch Logs may not use", ("log-key",)),
    50: Row("cdktf is archived, and its bindings end at provider 6.25", (
        "tests/constructs/test_preflight.py::test_cdktf_and_its_bindings_are_pinned",)),
    51: Row("an unqualified provider, and paths of one machine", (
        "provider-source", "absolute-path", "backend",
        C + "stack.py::test_the_provider_is_qualified_and_both_of_its_majors_are_allowed",
        C + "invariants.py::test_nothing_of_this_machine_is_in_the_output")),
    52: Row("addresses that change when a construct moves", (
        C + "invariants.py::test_addresses_do_not_change_by_themselves",
        C + "rest_api.py::test_a_variable_keeps_its_address_when_it_is_renamed")),
    53: Row("unresolved tokens", ("token", C + "invariants.py::test_every_token_is_resolved")),
    54: Row("20 to 40 s for each synth, and warnings about Node", (
        "tests/constructs/test_lazy_bindings_synth.py::test_the_project_is_as_by_the_stock_path",)),
}  # fmt: skip

TRAPS = {
    "node.add_dependency does nothing": ("reference-missing", C + "invariants.py::test_no_resource_waits_for_itself"),
    "an import loads all 2,215 modules": (
        "tests/unit/test_lazy_bindings.py::test_an_import_loads_what_it_names_from_the_small_archive",),
    "errors inside a Lazy are wrapped": (C + "rest_api.py::test_methods_that_are_refused",),
    "the provider lock ignores mirrors": ("tests/engine/test_cdktf_cli.py::test_deploy_call_destroy",),
    "source, version and state's path": ("provider-source", "absolute-path"),
    "a managed policy that moto lacks": ("managed-policies",),
    "moto answers no binary media types": (
        "tests/unit/local_cloud/test_moto_gaps_api_gateway.py::test_binary_media_types_are_kept_and_changed",),
    "a deleted route that is still served": (
        "tests/unit/tools/test_plan_guard.py::test_a_plan_whose_snapshot_keeps_what_it_deletes_is_refused",
        "tests/engine/test_deleted_routes.py::test_the_advice_deletes_what_a_plain_apply_would_leave"),
}  # fmt: skip


def holders() -> list[tuple[str, str]]:
    rows = [(str(number), row.held_by) for number, row in PITFALLS.items()] + list(TRAPS.items())
    return [(name, holder) for name, held_by in rows for holder in held_by]


@pytest.mark.parametrize(("row", "holder"), holders())
def test_what_holds_a_row_is_there(row: str, holder: str) -> None:
    if "::" not in holder:
        assert holder in RULES
        return
    file, _, name = holder.partition("::")
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_row_is_judged_and_at_least_forty_are_held() -> None:
    assert sorted(PITFALLS) == list(range(1, 55))
    assert all(bool(row.held_by) != bool(row.reason) for row in PITFALLS.values())
    assert sum(bool(row.held_by) for row in PITFALLS.values()) >= 40


def test_every_rule_of_the_audit_is_shown_to_find_something() -> None:
    shown = {mutation.rule for mutation in MUTATIONS} | {case.rule for case in CASES}
    assert shown == set(RULES)


def test_the_page_for_users_has_every_row_and_every_rule() -> None:
    page = (PROJECT / "docs" / "preflight.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(range(1, 55))
    assert set(RULES) == set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE))
    for number, row in PITFALLS.items():
        if row.reason:
            assert re.search(rf"^\| {number} \|.*{re.escape(row.reason)}", page, re.MULTILINE), number


def test_cdktf_archives_nothing() -> None:
    sources = [file.read_text(encoding="utf-8") for file in (PROJECT / "constructs_lib").rglob("*.py")]
    assert sources
    assert not any("TerraformAsset" in text or "AssetType" in text for text in sources)


def test_cdktf_and_its_bindings_are_pinned() -> None:
    locked = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search(r"^cdktf==0\.21\.0 ", locked, re.MULTILINE)
    assert re.search(r"^cdktf-cdktf-provider-aws==21\.22\.1 ", locked, re.MULTILINE)


def test_the_rules_are_called_what_they_are_registered_as() -> None:
    for name, rule in RULES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert rule.__doc__, name
        assert Path(rule.__code__.co_filename).parent == PROJECT / "tools" / "audit"
