"""`make new-service NAME=greeting`: write the folder of a service, and print the two lines that `main.py` needs.

    python -m tools.new_service NAME

The folder holds a contract with one operation, the handler that implements it, and the description of its archive.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy_tools.errors import DeploymentError
from tools.project import PROJECT

_NAME = re.compile(r"[a-z][a-z0-9_]{0,19}")
_MEMORY_MB = 512

_CONTRACT = '''"""Contract of the {name} service."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from handlers.common.contract import Contract
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


def main_lines(name: str) -> tuple[str, str]:
    """Return the import and the entry of a service in `main.py`."""
    entry = f"            AiService(self, {name}, memory_mb={_MEMORY_MB}, caller_limit=limit),\n"
    return f"from handlers.{name}.contract import {name}\n", entry


def write(name: str, project: Path = PROJECT) -> list[str]:
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
    folder.mkdir()
    for path, text in files(name).items():
        (project / path).write_text(text, encoding="utf-8")
    return list(files(name))


def main(arguments: Sequence[str]) -> int:
    """Write the service that the arguments name, and print what to do next."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    (name,) = arguments
    for path in write(name):
        print(f"  created {path}")
    import_line, entry = main_lines(name)
    print(
        f"\nAdd to main.py, to its imports:\n\n{import_line}\nand where it says `Add yours here`:\n\n{entry}"
    )
    print("Then: make golden, make check, make serve.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except DeploymentError as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
