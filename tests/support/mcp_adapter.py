"""LangChain's adapter for MCP, in an environment of its own: it needs version 1 of the official SDK."""

from __future__ import annotations

import hashlib
import subprocess
import sys

from tests.support.paths import PROJECT

LOCK = PROJECT / "requirements-mcp-adapter.lock"


def adapter_python() -> str:
    """Return the Python with the adapter; install it on first use, and again when the lock changes."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    environment = PROJECT / ".cache" / "mcp-adapter" / digest
    python = environment / "bin" / "python"
    if not (environment / "installed").is_file():
        subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", "--clear", environment], check=True)
        install = ["pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", LOCK]
        subprocess.run([sys.executable, "-m", "uv", *install], check=True)
        (environment / "installed").touch()
    return str(python)
