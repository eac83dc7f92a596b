"""Keys of tenants: `aio_TENANT_KEYID_SECRET`, of which the table has the SHA-256 only.

The secret has 44 letters and digits at random (262 bits), so that its hash needs no salt and no slow function. The tenant
and the id of the key find the record with one read; they are not secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "aio_"
"""How a key begins. A token of the user pool never does."""

_KEY: Final = re.compile(r"aio_([a-z][a-z0-9-]{0,62})_([a-z0-9]{12})_[A-Za-z0-9]{44}")


@dataclass(frozen=True, slots=True)
class TenantKey:
    """Key that a caller sent.

    Attributes:
        tenant: Id of the tenant whose key it says it is.
        key_id: Id of the key.
        sha256: SHA-256 of the whole key, in hexadecimal.
    """

    tenant: str
    key_id: str
    sha256: str

    @classmethod
    def read(cls, token: str) -> TenantKey | None:
        """Return the parts of a key; None for any other text."""
        found = _KEY.fullmatch(token)
        if found is None:
            return None
        return cls(found[1], found[2], hashlib.sha256(token.encode()).hexdigest())

    def matches(self, sha256: str) -> bool:
        """Compare the hash of the key with a hash of the table, in a time that does not depend on where they differ."""
        return hmac.compare_digest(self.sha256.encode(), sha256.encode())
