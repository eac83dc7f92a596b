"""Who may call a method. There is no default: an open method is opened by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from constructs_lib.errors import InvalidArgumentError
from constructs_lib.routes.definitions import AuthorizationDefinition


class Authorization(Protocol):
    """Who may call a method."""

    def definition(self) -> AuthorizationDefinition:
        """Return it as data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """Anybody on the internet may call the method.

    Attributes:
        with_api_key_only: Whether an API key is all that callers need: for methods with `api_key_required=True`, which
            are refused with `Public()` otherwise. Keys are not secrets: whoever sees one request has it.

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
