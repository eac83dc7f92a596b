"""`make archives`: build every Lambda archive for this machine; print its sizes and its cold-start import time.

The import time is that of the handler's module in a new interpreter with only the archive and the packages of
Lambda's runtime: the median of several starts, after one that fills the disk cache. Compiled files are
deleted between starts, because Lambda's task root is read-only.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

from lambda_archives import ArchiveError, LambdaArchive, Target
from local_cloud.functions.environment import make_runtime_folder
from tools.project import PROJECT

STARTS = 5
UNPACKED_LIMIT = 262_144_000
IMPORT = (
    "import sys, time, importlib; started = time.perf_counter(); importlib.import_module(sys.argv[1]); "
    "print((time.perf_counter() - started) * 1000)"
)


def import_milliseconds(archive: LambdaArchive, module: str, runtime: Path) -> float:
    """Return the median time that the import of `module` takes in a fresh interpreter, in milliseconds.

    Raises:
        subprocess.CalledProcessError: The module cannot be imported from the archive.
    """
    interpreter = getattr(sys, "_base_executable", None) or sys.executable
    with tempfile.TemporaryDirectory() as unpacked:
        with zipfile.ZipFile(archive.zip_path) as packed:
            packed.extractall(unpacked)
        variables = {
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join([unpacked, str(runtime)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [interpreter, "-S", "-s", "-P", "-c", IMPORT, module]
        runs = [
            subprocess.run(
                command, env=variables, cwd=unpacked, capture_output=True, text=True, check=True
            ).stdout
            for _ in range(STARTS + 1)
        ]
    return statistics.median(map(float, runs[1:]))


def main() -> int:
    """Build the archives and print the table; return 1 if one cannot be built or imported, or is too large."""
    target = Target.this_machine()
    print(
        f"archives for Python {target.python_version} on {target.architecture}; Lambda's limit is 262.1 MB unpacked\n"
    )
    print(f"  {'archive':<16}{'zipped':>10}{'unpacked':>11}{'of limit':>10}{'build':>9}{'cold import':>13}")
    status = 0
    with tempfile.TemporaryDirectory() as directory:
        runtime = make_runtime_folder(Path(directory))
        for package in sorted((PROJECT / "handlers").glob("*/package.toml")):
            started = time.monotonic()
            try:
                archive = LambdaArchive.from_package(package, target=target)
                built = time.monotonic() - started
                handler = tomllib.loads(package.read_text(encoding="utf-8"))["handler"]
                imported = f"{import_milliseconds(archive, handler.rpartition('.')[0], runtime):.0f} ms"
            except ArchiveError as error:
                print(f"  {package.parent.name:<16}{error}")
                status = 1
                continue
            except subprocess.CalledProcessError as error:
                imported, status = f"fails: {error.stderr.strip().splitlines()[-1]}", 1
            share = archive.unpacked_bytes / UNPACKED_LIMIT
            status |= share > 1
            print(
                f"  {archive.name:<16}{archive.zip_bytes / 1e6:>7.1f} MB{archive.unpacked_bytes / 1e6:>8.1f} MB"
                f"{share:>9.0%} {built:>7.1f} s{imported:>13}",
                flush=True,
            )
    return status


if __name__ == "__main__":
    sys.exit(main())
