"""docs/pitfalls.md lists what AWS, Terraform or cdktf would refuse late or ignore silently, and the rules of the audit."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.paths import PROJECT
from tests.tools.audit.test_audit import CASES
from tests.tools.audit.test_mutations import MUTATIONS
from tools.audit import RULES

PAGE = (PROJECT / "docs" / "pitfalls.md").read_text(encoding="utf-8")


def test_every_rule_of_the_audit_is_shown_to_find_something() -> None:
    shown = {mutation.rule for mutation in MUTATIONS} | {case.rule for case in CASES}
    assert shown == set(RULES)


def test_the_page_lists_every_rule() -> None:
    assert set(RULES) == set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE))


def test_the_rules_that_the_page_names_beside_a_fault_are_there() -> None:
    held_by = re.findall(r"^\| \d+ \|[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
    assert len(held_by) >= 40
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", "".join(held_by))) <= set(RULES)


def test_cdktf_archives_nothing() -> None:
    """`TerraformAsset` archives nothing, or runs a command, where a path has a space."""
    sources = [file.read_text(encoding="utf-8") for file in (PROJECT / "constructs_lib").rglob("*.py")]
    assert sources
    assert not any("TerraformAsset" in text or "AssetType" in text for text in sources)


def test_cdktf_and_its_bindings_are_pinned() -> None:
    """cdktf is archived, and its bindings end at provider 6.25."""
    locked = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert re.search(r"^cdktf==0\.21\.0 ", locked, re.MULTILINE)
    assert re.search(r"^cdktf-cdktf-provider-aws==21\.22\.1 ", locked, re.MULTILINE)


def test_the_rules_are_called_what_they_are_registered_as() -> None:
    for name, rule in RULES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert rule.__doc__, name
        assert Path(rule.__code__.co_filename).parent == PROJECT / "tools" / "audit"
