"""README and docs: links, commands, programs and messages that they show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from deploy_tools import new_service
from tests.support.pages import FENCED, PAGES, shown
from tests.support.paths import PROJECT
from tests.support.readme import SERVICE
from tools.golden import golden_file

README = (PROJECT / "README.md").read_text(encoding="utf-8")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def slugs(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    for link in _LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in slugs(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=shown)
def test_make_has_the_targets_that_are_shown(page: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    code = [body for language, body in FENCED.findall(text) if language == "sh"]
    code += re.findall(r"`(make [^`]+)`", text)
    for target in re.findall(r"\bmake (?:-s )?([a-z][a-z-]+)", "\n".join(code)):
        assert f"\n{target}:" in makefile, target


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_programs_are_those_of_the_files_that_are_named(page: Path) -> None:
    blocks = re.findall(
        r"<!-- from: (\S+) -->\n```\w+\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    )
    for file, program in blocks:
        assert program in (PROJECT / file).read_text(encoding="utf-8"), file


def test_tutorial_shows_the_whole_of_hello() -> None:
    program = (PROJECT / "examples/hello/main.py").read_text(encoding="utf-8")
    tutorial = (PROJECT / "docs/tutorial.md").read_text(encoding="utf-8")
    assert f"```python\n{program[program.index('app = App()') :]}```" in tutorial


def test_readme_lists_the_examples() -> None:
    assert {file.parent.name for file in PROJECT.glob("examples/*/README.md")} == set(
        re.findall(r"\[([\w-]+)\]\(examples/", README)
    )


def test_readme_shows_the_service_that_is_created() -> None:
    _, entry = new_service.main_lines(SERVICE, PROJECT)
    files = "".join(new_service.files(SERVICE).values())
    section = README[README.index("## Your own service") : README.index("## Language models")]
    (program,) = [body for language, body in FENCED.findall(section) if language == "python"]
    excerpts = re.split(r"\n*# \w+\.py\n", program)[1:]
    assert len(excerpts) == 2
    assert all(excerpt in files for excerpt in excerpts)
    assert f"`{entry.strip()}`" in section


def test_stack_of_the_testing_guide_passes() -> None:
    guide = (PROJECT / "docs/guides/testing.md").read_text(encoding="utf-8")
    (program,) = [body for _, body in FENCED.findall(guide) if "Testing.synth" in body]
    names: dict[str, Callable[[], None]] = {}
    exec(compile(program, "testing.md", "exec"), names)  # noqa: S102 - the program of the guide
    names["test_orders_are_protected"]()


def test_messages_of_the_project_are_printed_as_shown() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("constructs_lib/api", "deploy_tools", "lazy_bindings", "local_cloud")
        for path in (PROJECT / folder).rglob("*.py")
    )
    sources += "".join((PROJECT / name).read_text(encoding="utf-8") for name in ("Makefile", "settings.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", sources)
    rows = re.findall(
        r"^\| `{1,2}(.+?)`{1,2} \| ([^|]+) \|",
        README[README.index("## Troubleshooting") : README.index("## Map")],
        re.MULTILINE,
    )
    ours = [
        message for message, source in rows if source not in ("Terraform", "AWS Lambda", "Amazon Bedrock")
    ]
    assert len(ours) >= 6
    for message in ours:
        prefix, _, text = message.rpartition(": is not set")
        for part in re.split("…", f"is not set{text}" if prefix else message):
            assert part.strip(" ;:()") in joined, message


def test_costs_without_requests_are_those_of_what_prod_deploys() -> None:
    resources = json.loads(golden_file("ai-orchestrator").read_text(encoding="utf-8"))["resource"]
    (firewall,) = resources["aws_wafv2_web_acl"].values()
    deployed = [
        len(resources["aws_cloudwatch_metric_alarm"]),
        len(resources["aws_wafv2_web_acl"]),
        len(firewall["rule"]),
        len(resources["aws_kms_key"]),
        len(resources["aws_cloudwatch_dashboard"]),
    ]
    cost = (PROJECT / "docs/guides/cost.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+ \| (\d+) \| (\d+\.\d\d) \| (\d+\.\d\d) \|$", cost, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == deployed
    assert all(int(number) * Decimal(each) == Decimal(month) for number, each, month in rows)
    requests = re.findall(r"^\| .+ \| .*(?:million|second|GB).* \| (\d+\.\d\d) \|$", cost, re.MULTILINE)
    sums = re.findall(r"\*\*(\d+\.\d\d)\*\*", cost)
    assert [sum(map(Decimal, parts)) for parts in ([row[2] for row in rows], requests)] == list(
        map(Decimal, sums)
    )
