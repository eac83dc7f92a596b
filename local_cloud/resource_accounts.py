"""The account that owns a resource: the condition key `aws:ResourceAccount`."""

from __future__ import annotations

_ACCOUNT = 4


def account_of(arn: str) -> str | None:
    """Return the account that owns a resource, or None if that is not known.

    ARNs name it, but for those of S3: a bucket's name is unique among all accounts, and moto knows its owner.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return None
    if parts[2] != "s3":
        return parts[_ACCOUNT] or None
    from moto.s3.models import s3_backends

    owners: dict[str, tuple[str, str]] = s3_backends.bucket_accounts
    found = owners.get(parts[5].partition("/")[0])
    return None if found is None else found[1]
