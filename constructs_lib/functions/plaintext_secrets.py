"""Detection of secrets in arguments, which Terraform would store in plain text in configuration, plan and state."""

from __future__ import annotations

import re
from typing import Final

_KINDS: Final = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("an API key", re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")),
    ("an API key", re.compile(r"\b(?:AIza[0-9A-Za-z_-]{35}|hf_[A-Za-z0-9]{30,})")),
    ("an access token", re.compile(r"\b(?:gh[opsu]_[A-Za-z0-9]{36}|github_pat_\w{20,}|glpat-[\w-]{20,})")),
    ("an access token", re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("a signed token", re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}")),
    ("a password in a URL", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/:@]+@")),
)


def find_secret(value: str) -> str | None:
    """Return the kind of secret in `value`; None if it does not look like one.

    Example:
        >>> find_secret("AKIA" + "A" * 16)
        'an AWS access key'
    """
    return next((kind for kind, pattern in _KINDS if pattern.search(value)), None)
