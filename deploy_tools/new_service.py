"""Folder of a new service, and the two lines that `main.py` needs for it.

The folder holds a contract with one operation, the handler that implements it, and the description of its archive.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from deploy_tools.errors import DeploymentError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")
_MEMORY_MB = 512
_MARKER: Final = "# Add yours here."
"""Comment in `main.py` below the last service."""

_CONTRACT = '''"""Contract of the {name} service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from handlers.common.contract import Contract
from handlers.common.metering import per_call
from handlers.common.models import NotBlank, RequestModel, ResponseModel


class {title}Request(RequestModel):
    """A text."""

    text: Annotated[str, Field(max_length=2_000), NotBlank()]


class {title}Response(ResponseModel):
    """The answer."""

    text: str


{name} = Contract("{name}", summary="What the {name} service does.")
answer_text = {name}.post(
    "/{name}",
    {title}Request,
    {title}Response,
    summary="Answer a text.",
    metered_by=per_call("call", nano_usd=1_000),  # a millionth of a US dollar, in budgets and the ledger
    request_example={{"text": "Hello"}},
)
'''

_APP = '''"""Lambda handler of the {name} service."""

from __future__ import annotations

from handlers.common.service import Service
from handlers.{name}.contract import (
    {title}Request,
    {title}Response,
    {operations},
)

service = Service({name})


@service.implements(answer_text)
def handle_text(request: {title}Request) -> {title}Response:
    """Return the text."""
    return {title}Response(text=request.text)


handler = service.handler
'''

_PACKAGE = """# How the archive of the {name} function is made.
handler = "handlers.{name}.app.handler"
include = ["handlers/__init__.py", "handlers/common", "handlers/{name}"]
requirements = "../requirements.txt"
exclude = [
    "aws_lambda_powertools/event_handler/**", # a router and its web page; ours is handlers/common
    "pydantic/v1/**",
    "**/*.pyi",
]
"""


def files(name: str) -> dict[str, str]:
    """Return the files of a service by their paths in the project."""
    title = "".join(word.capitalize() for word in name.split("_"))
    operations = ",\n    ".join(sorted(("answer_text", name)))
    templates = {
        "__init__.py": '"""The {name} service."""\n',
        "contract.py": _CONTRACT,
        "app.py": _APP,
        "package.toml": _PACKAGE,
    }
    return {
        f"handlers/{name}/{file}": text.format(name=name, title=title, operations=operations)
        for file, text in templates.items()
    }


def main_lines(name: str, project: Path) -> tuple[str, str]:
    """Return the import and the entry of a service in `main.py`, as its other services are written there."""
    text = (project / "main.py").read_text(encoding="utf-8")
    scope = re.search(r"\bAiService\(\s*(\w+),", text)
    marker = re.search(rf"^( *){re.escape(_MARKER)}$", text, re.MULTILINE)
    entry = f"AiService({scope[1] if scope else 'stack'}, {name}, memory_mb={_MEMORY_MB}),"
    return f"from handlers.{name}.contract import {name}\n", f"{marker[1] if marker else ''}{entry}\n"


def write(name: str, project: Path) -> list[str]:
    """Write the files of a service, and return their paths.

    Raises:
        DeploymentError: The name is not valid, or the service exists.
    """
    if not _NAME.fullmatch(name):
        raise DeploymentError(
            f"NAME: {name!r} is not valid; use 1-20 lower case letters, digits and '_', such as NAME=greeting"
        )
    folder = project / "handlers" / name
    if folder.exists():
        raise DeploymentError(f"handlers/{name} exists already; choose another name")
    folder.mkdir(parents=True)
    for path, text in files(name).items():
        (project / path).write_text(text, encoding="utf-8")
    return list(files(name))


def create(name: str, project: Path) -> None:
    """Write the service, and print what to do next.

    Raises:
        DeploymentError: The name is not valid, or the service exists.
    """
    import_line, entry = main_lines(name, project)
    for path in write(name, project):
        print(f"  created {path}")
    print(
        f"\nAdd to main.py, to its imports:\n\n{import_line}\nand where it says `Add yours here`:\n\n{entry}"
    )
    golden = " Before a commit: make golden, make check." if (project / "tests" / "golden").is_dir() else ""
    print(f"Then: make serve.{golden}")
