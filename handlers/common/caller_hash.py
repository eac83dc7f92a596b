"""Keyed hash of a caller: finds all that one caller did in the logs, and no person without the key.

The key is in KMS, which computes the hash (HMAC-SHA-256). It is in no variable, state or log, and CloudTrail shows each use.
The hash is of `Caller.principal`, such as `user:SUB`.
"""

from __future__ import annotations

import base64
import os
import re
from collections import OrderedDict
from typing import Final

from handlers.common.aws_api import AwsApi, Tries, reading_answer
from handlers.common.deadline import Deadline

HASH_LENGTH: Final = 24
"""Characters of a hash: the first of KMS's answer in base64, 144 of its 256 bits."""

HASH: Final = re.compile(rf"[A-Za-z0-9+/]{{{HASH_LENGTH}}}")
"""What a hash looks like."""

_ALGORITHM: Final = "HMAC_SHA_256"
_CHOICES: Final = (Tries(2, 0.5, 1), Tries(1, 0.5, 1))
_MOST_KNOWN: Final = 1000


class CallerHashes:
    """Hashes callers with a key of KMS, and remembers the hashes of the last 1,000 callers.

    Args:
        key_id: The ARN, the id or the alias of the HMAC key.
        api: KMS. Default: made from the environment.
    """

    def __init__(self, key_id: str, *, api: AwsApi | None = None) -> None:
        self._key_id = key_id
        self._api = api or AwsApi("kms", choices=_CHOICES)
        self._known: OrderedDict[str, str] = OrderedDict()

    @classmethod
    def from_environment(cls) -> CallerHashes:
        """Return the hashes with the key that CALLER_KEY_ID names."""
        return cls(os.environ["CALLER_KEY_ID"])

    def hash_of(self, caller: str, *, deadline: Deadline) -> str:
        """Return the hash of a caller.

        Args:
            caller: The caller, such as `user:SUB` or `tenant:ID`.
            deadline: When the answer must be there.

        Raises:
            ServiceError: KMS fails.
        """
        cached = self._known.get(caller)
        if cached is not None:
            self._known.move_to_end(caller)
            return cached
        request = {"KeyId": self._key_id, "Message": caller.encode(), "MacAlgorithm": _ALGORITHM}
        answer = self._api.call("generate_mac", request, deadline=deadline)
        with reading_answer("kms.generate_mac"):
            found = base64.b64encode(answer["Mac"]).decode()[:HASH_LENGTH]
        self._known[caller] = found
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return found
