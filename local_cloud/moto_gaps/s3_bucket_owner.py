"""Bucket policies are for the account that owns the bucket.

moto 5.2.5 shows, sets and deletes the policy of any account's bucket. S3 answers callers of another account with 405,
and a configuration that uses a bucket by its name finds out by that whose bucket it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

_OPERATIONS = ("get_bucket_policy", "put_bucket_policy", "delete_bucket_policy")


def apply() -> None:
    """Answer calls about the policy of another account's bucket with 405."""
    from moto.s3.models import S3Backend

    for name in _OPERATIONS:
        setattr(S3Backend, name, _for_the_owner(getattr(S3Backend, name)))


def _for_the_owner(operation: Callable[..., Any]) -> Callable[..., Any]:
    from moto.s3.exceptions import MethodNotAllowed
    from moto.s3.models import s3_backends

    @wraps(operation)
    def checked(backend: Any, bucket_name: str, *arguments: Any) -> Any:
        _, owner = s3_backends.bucket_accounts.get(bucket_name, (None, backend.account_id))
        if owner != backend.account_id:
            raise MethodNotAllowed
        return operation(backend, bucket_name, *arguments)

    return checked
