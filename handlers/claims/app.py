"""Pre token generation trigger of the user pool: adds the keyed hash of the user to the ID token.

API Gateway writes the claim `caller` to its access log, and functions write it to theirs. The trigger fails where KMS
fails, and no user signs in then: a token without the claim would be a caller whose calls cannot be found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handlers.common.caller import USER
from handlers.common.caller_hash import CallerHashes
from handlers.common.deadline import Deadline
from handlers.common.errors import InternalError
from handlers.common.logs import InvocationLog
from handlers.common.once import Once


class TokenTrigger:
    """Answers Cognito's events of version V1_0.

    Args:
        hashes: Gives the hashes of callers; asked at the first event.
    """

    def __init__(self, hashes: Callable[[], CallerHashes]) -> None:
        self._hashes = hashes
        self._log = InvocationLog("users")

    def handler(self, event: Mapping[str, object], context: object) -> dict[str, object]:
        """The Lambda entry point.

        Returns:
            The event with the claim `caller` to add.

        Raises:
            ServiceError: KMS fails, or the event names no user. Cognito issues no token.
        """
        line = self._log.begin(str(getattr(context, "aws_request_id", "unknown")))
        line.operation = "users.claims"
        try:
            user = f"{USER}:{_sub(event)}"
            line.caller = self._hashes().hash_of(user, deadline=Deadline.of_context(context))
        except Exception as error:  # noqa: BLE001 - nothing of what went wrong may reach the user
            problem = line.failure(error)
        else:
            line.success()
            claims = {"claimsToAddOrOverride": {"caller": line.caller}}
            return {**event, "response": {"claimsOverrideDetails": claims}}
        raise problem.with_traceback(None) from None


def _sub(event: Mapping[str, object]) -> str:
    request = event.get("request")
    attributes = request.get("userAttributes") if isinstance(request, dict) else None
    sub = attributes.get("sub") if isinstance(attributes, dict) else None
    if not isinstance(sub, str) or not sub:
        raise InternalError(detail="the event has no sub")
    return sub


trigger = TokenTrigger(Once(CallerHashes.from_environment))
handler = trigger.handler
