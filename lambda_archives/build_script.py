"""Build scripts of services: they change installed wheels, for example to convert a model.

The script sees a folder with the wheels' files and nothing of the machine's settings that could make its result
differ. Files that it leaves alone stay the members that they were.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_archives.errors import ArchiveError
from lambda_archives.sources import read_tree
from lambda_archives.wheels import error_tail
from lambda_archives.zip_writer import Member

_UNSET = ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONSAFEPATH")
_FIXED = {
    "LC_ALL": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "SOURCE_DATE_EPOCH": "315532800",
    "TZ": "UTC",
}


def run_build_script(script: Path, members: Sequence[Member], folder: Path) -> list[Member]:
    """Unpack `members` into `folder`, run the script on it, and return what is there afterwards.

    The script runs under the interpreter that runs this code, in `folder`, which is also its only argument. The
    folder of the script is not on `sys.path`, so that all it depends on is named in the package file.

    Args:
        script: The Python script.
        members: The files of the wheels.
        folder: An empty folder; it must live as long as the returned members are used.

    Raises:
        ArchiveError: if the script exits with another status than 0; the message ends with what it wrote last.
    """
    before = {member.path: (member, _unpack(member, folder)) for member in members}
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET} | _FIXED
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(folder)],
        check=False,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        output = done.stderr if done.stderr.strip() else done.stdout
        raise ArchiveError(
            f"{script}: the build script ended with status {done.returncode}; correct it. It wrote last:\n"
            + error_tail(output)
        )
    after: list[Member] = []
    for source in read_tree(folder, path="", boundary=folder):
        member, digest = before.get(source.path, (None, ""))
        after.append(member if member is not None and digest == source.sha256 else source.member)
    return after


def _unpack(member: Member, folder: Path) -> str:
    """Write a member below `folder` and return the SHA-256 of its bytes."""
    file = folder / member.path
    data = member.read()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    file.chmod(0o755 if member.executable else 0o644)
    return hashlib.sha256(data).hexdigest()
