"""Who may call a method. There is no default: an open method is opened by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from constructs_lib.routes import AuthorizationDefinition


class Authorization(Protocol):
    """Who may call a method."""

    def definition(self) -> AuthorizationDefinition:
        """Returns it as data."""


@dataclass(frozen=True, slots=True)
class Public:
    """Anybody on the internet may call the method.

    Example:
        >>> Public().definition().type
        'NONE'
    """

    def definition(self) -> AuthorizationDefinition:
        """Returns it as data."""
        return AuthorizationDefinition(type="NONE")


@dataclass(frozen=True, slots=True)
class IamAuthorization:
    """Callers sign their requests (SigV4), and IAM must allow them `execute-api:Invoke` on the method.

    Example:
        >>> IamAuthorization().definition().type
        'AWS_IAM'
    """

    def definition(self) -> AuthorizationDefinition:
        """Returns it as data."""
        return AuthorizationDefinition(type="AWS_IAM")
