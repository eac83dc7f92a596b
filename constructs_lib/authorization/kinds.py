"""Authorizations of methods. There is no default: an open method needs `Public()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from constructs_lib.errors import InvalidArgumentError
from constructs_lib.routes.definitions import AuthorizationDefinition


class Authorization(Protocol):
    """Authorization of a method."""

    def definition(self) -> AuthorizationDefinition:
        """Return it as data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """Anybody on the internet may call the method.

    Attributes:
        with_api_key_only: Whether an API key is the only credential of callers, for methods with
            `api_key_required=True`. API keys are not secrets: anyone who sees a request has the key.

    Example:
        >>> Public().definition().type
        'NONE'
    """

    with_api_key_only: bool = False

    def definition(self) -> AuthorizationDefinition:
        """Return it as data."""
        return AuthorizationDefinition(type="NONE")


@dataclass(frozen=True, slots=True)
class IamAuthorization:
    """Callers sign their requests (SigV4), and IAM must allow them `execute-api:Invoke` on the method.

    Example:
        >>> IamAuthorization().definition().type
        'AWS_IAM'
    """

    def definition(self) -> AuthorizationDefinition:
        """Return it as data."""
        return AuthorizationDefinition(type="AWS_IAM")


def check_authorization(where: str, argument: str, value: object) -> None:
    """Check that `value` is an `Authorization`.

    Raises:
        InvalidArgumentError: if it is not.
    """
    if isinstance(value, type) or not hasattr(value, "definition"):
        raise InvalidArgumentError(
            where,
            f"{argument} is "
            + (
                f"the class {value.__name__} itself"
                if isinstance(value, type)
                else f"of type {type(value).__name__}"
            ),
            "pass Public(), IamAuthorization(), a CognitoAuthorizer or a LambdaAuthorizer",
        )
