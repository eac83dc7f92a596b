"""AWS provider that serves a whole run of Terraform as one process.

Terraform starts the provider for its schema, the validation, the plan and the apply, and hashes its 700 MB before. With
`-debug`, the provider prints how to attach to it, and one process serves them all: an apply takes 2 s of processor less. It is
for the local cloud only, as the hashes of the lock file are then compared by `terraform init` alone.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_EXECUTABLE: Final = ".terraform/providers/*/hashicorp/aws/*/*/terraform-provider-aws_v*"
_ATTACHMENT: Final = re.compile(r"TF_REATTACH_PROVIDERS='(?P<value>\{.*\})'")
_START_SECONDS: Final = 60.0


@contextmanager
def shared_provider(
    directory: Path, environment: Mapping[str, str], *, keep_open: Sequence[int] = ()
) -> Iterator[dict[str, str]]:
    """Run the AWS provider while the block runs Terraform; yield the variables with which Terraform attaches to it.

    Without any, Terraform starts the provider by itself: if a directory has none or several, or if it does not start.

    Args:
        directory: Directory of the stack, initialized.
        environment: Complete environment of Terraform.
        keep_open: File descriptors that the provider keeps open. Default: none.
    """
    executables = list(directory.glob(_EXECUTABLE))
    if len(executables) != 1:
        yield {}
        return
    with (
        tempfile.TemporaryDirectory() as sockets,
        subprocess.Popen(
            [executables[0].absolute(), "-debug"],
            cwd=directory,  # archives have paths relative to it
            env={**environment, "PLUGIN_UNIX_SOCKET_DIR": sockets},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C reaches it by way of Terraform
            pass_fds=keep_open,
        ) as provider,
    ):
        try:
            yield _attachment(provider)
        finally:
            provider.kill()


def _attachment(provider: subprocess.Popen[str]) -> dict[str, str]:
    """Wait until a provider has started; return the variables with which Terraform attaches to it."""
    assert provider.stdout is not None  # noqa: S101 - piped
    limit = threading.Timer(_START_SECONDS, provider.kill)
    limit.start()
    try:
        for line in provider.stdout:
            if (found := _ATTACHMENT.search(line)) is not None:
                return {"TF_REATTACH_PROVIDERS": found["value"]}
    finally:
        limit.cancel()
    return {}
