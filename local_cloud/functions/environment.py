"""Environment of a worker: only Lambda's environment variables and Lambda's Python packages.

The environment starts empty: no credential, proxy or path of the developer gets in. The credentials are those of the
function's role. The packages are those of AWS's Python runtimes (the SDK and the runtime client), linked into a folder of
their own. What is missing from an archive is missing here too, although this virtual environment may have it. The file
system (a worker has the permissions of its user, `/tmp` included), the network and the user id are not isolated.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from local_cloud.functions.definition import FunctionDefinition
from local_cloud.functions.errors import InvalidRuntime, ServiceUnavailable
from local_cloud.iam.sessions import RoleSession

_RUNTIME_DISTRIBUTIONS = (
    "awslambdaric", "simplejson", "snapshot-restore-py", "boto3", "botocore", "s3transfer", "jmespath",
    "python-dateutil", "urllib3", "six",
)  # fmt: skip
_RUNTIME_CLIENT = Path(__file__).parent / "portable" / "runtime_client.py"

_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def machine_architecture() -> str:
    """This machine's architecture, by Lambda's name for it."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine.lower(), machine)


def machine_runtime() -> str:
    """The runtime that this interpreter can stand for, such as `python3.11`."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def check_runtime(definition: FunctionDefinition) -> None:
    """Refuse a function that is built for another Python, another architecture, or as a container image."""
    where = f"Function {definition.name!r} (version {definition.version})"
    if definition.package_type != "Zip":
        raise InvalidRuntime(
            f"{where} is a container image; the local cloud runs zip archives only. Deploy it from an archive."
        )
    runtime, architecture = machine_runtime(), machine_architecture()
    remedy = "Archives of environment `local` are built for this machine: synthesize with ENVIRONMENT=local and apply again"
    if definition.runtime != runtime:
        raise InvalidRuntime(
            f"{where} asks for runtime {definition.runtime}, but the local cloud runs under {runtime}. {remedy}, "
            f"or start the local cloud with the Python that the function asks for."
        )
    if definition.architecture != architecture:
        raise InvalidRuntime(
            f"{where} is built for {definition.architecture}, but this machine is {architecture}. {remedy}."
        )


def make_runtime_folder(directory: Path) -> Path:
    """Make the folder of links that stands for what AWS's runtime has installed, `runtime` in a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    links = _runtime_links()
    staging = Path(tempfile.mkdtemp(prefix=".runtime.", dir=directory))
    for name, target in links.items():
        (staging / name).symlink_to(target)
    final = directory / "runtime"
    shutil.rmtree(final, ignore_errors=True)
    staging.rename(final)
    return final


@cache
def _runtime_links() -> dict[str, Path]:
    links = {"runtime_client.py": _RUNTIME_CLIENT}
    for name in _RUNTIME_DISTRIBUTIONS:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise ServiceUnavailable(
                f"The Python package {name} is not installed; Lambda's runtime has it. Run `make install`."
            ) from None
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in {"..", "__pycache__", *links} and not top.startswith("runtime_client."):
                links[top] = Path(str(distribution.locate_file(top))).resolve()
    return links


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Folders of the workers of a function version: its unpacked archive, and the one in which each gets its HOME."""

    task_root: Path
    layers_folder: Path | None
    runtime_folder: Path
    homes: Path
    endpoint_url: str


def worker_command(definition: FunctionDefinition, place: WorkerPlace) -> list[str]:
    """The command line of a worker: the bare interpreter, without anything that is installed for it.

    A function may name a program that is started instead, with that command line as its arguments
    (`AWS_LAMBDA_EXEC_WRAPPER`). Where it is missing or cannot be executed, the worker ends as on AWS.
    """
    interpreter = getattr(sys, "_base_executable", None) or sys.executable
    command = [interpreter, "-S", "-s", "-P", "-m", "awslambdaric", definition.handler]
    wrapper = definition.environment.get("AWS_LAMBDA_EXEC_WRAPPER")
    if not wrapper:
        return command
    path = Path(wrapper)
    for there, here in (("/var/task", place.task_root), ("/opt", place.layers_folder)):
        if here is not None and path.is_relative_to(there):
            path = here / path.relative_to(there)
    if not path.is_file():
        return _ended(f"{wrapper}: does not exist", 127)
    if not os.access(path, os.X_OK):
        return _ended(f"{wrapper}: is not an executable", 126)
    return [str(path), *command]


def _ended(message: str, status: int) -> list[str]:
    """A command that does nothing but say why."""
    return ["/bin/sh", "-c", 'echo "$1"; exit "$2"', "sh", message, str(status)]


def worker_environment(
    definition: FunctionDefinition,
    place: WorkerPlace,
    *,
    home: Path,
    runtime_api: str,
    log_stream: str,
    credentials: RoleSession,
) -> dict[str, str]:
    """Return the environment of one worker.

    Variables that Lambda reserves win over the function's; the function's win over the rest.
    """
    defaults = {
        # boto3 would put `sync-` before the endpoint's host for StartSyncExecution.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_ENDPOINT_URL": place.endpoint_url,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
        "HOME": str(home),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "TZ": ":UTC",
    }
    reserved = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_DEFAULT_REGION": definition.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{definition.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(definition.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": definition.name,
        "AWS_LAMBDA_FUNCTION_VERSION": definition.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": definition.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_REGION": definition.region,
        "LAMBDA_RUNTIME_DIR": str(place.runtime_folder),
        "LAMBDA_TASK_ROOT": str(place.task_root),
        "_HANDLER": definition.handler,
    }
    if definition.log_format == "JSON":
        reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        reserved["AWS_LAMBDA_LOG_LEVEL"] = definition.log_level or "INFO"
    search_path = [place.task_root]
    if place.layers_folder is not None:
        packages = place.layers_folder / "python"
        search_path += [packages / "lib" / machine_runtime() / "site-packages", packages]
    search_path.append(place.runtime_folder)
    own = definition.environment.get("PYTHONPATH")
    python_path = os.pathsep.join([*map(str, search_path), *([own] if own else [])])
    return {**defaults, **definition.environment, **reserved, "PYTHONPATH": python_path}
