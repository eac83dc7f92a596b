"""Permissions that a call of S3 needs.

Its actions follow from method, path, query and headers, and differ in name from the operations more often than not.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from local_cloud.iam.calls import Call
from local_cloud.iam.permissions import Need
from local_cloud.messages import Request, Response

# Settings of a bucket and parts of an object, which a parameter without a value names: the actions that read and write
# them are `Get` and `Put` with what is here, or what is here.
_OF_BUCKETS = {
    "accelerate": "AccelerateConfiguration", "acl": "BucketAcl", "analytics": "AnalyticsConfiguration", "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration", "inventory": "InventoryConfiguration", "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation", "logging": "BucketLogging", "metrics": "MetricsConfiguration",
    "notification": "BucketNotification", "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls", "policy": "BucketPolicy", "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock", "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment", "tagging": "BucketTagging", "uploads": "ListBucketMultipartUploads",
    "versioning": "BucketVersioning", "versions": "ListBucketVersions", "website": "BucketWebsite",
}  # fmt: skip
_OF_OBJECTS = {
    "acl": "ObjectAcl", "attributes": "GetObjectAttributes", "legal-hold": "ObjectLegalHold", "restore": "RestoreObject",
    "retention": "ObjectRetention", "tagging": "ObjectTagging", "torrent": "GetObjectTorrent",
}  # fmt: skip
_DELETING = {"policy": "DeleteBucketPolicy", "website": "DeleteBucketWebsite", "tagging": "PutBucketTagging"}
_HOSTED_BUCKET = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3[.-]")
_DELETED_KEY = re.compile(rb"<Key>([^<]*)</Key>")


def s3_needs(call: Call) -> tuple[Need, ...]:
    """Return the permissions that a request to S3 takes."""
    bucket, key = _bucket_and_key(call.request)
    query = dict(parse_qsl(call.request.query, keep_blank_values=True))
    if not bucket:
        return (Need("s3:ListAllMyBuckets", ("*",)),)
    if key:
        return _object_needs(call, bucket, key, query)
    return _bucket_needs(call, bucket, query)


def listing_of_missing_object(call: Call, response: Response) -> Need | None:
    """Return the permission for the answer that an object does not exist; None for other answers."""
    bucket, key = _bucket_and_key(call.request)
    method = call.request.method
    # HEAD has no body that says whether it is the bucket that does not exist: it is taken for granted.
    missing = method == "HEAD" or (method == "GET" and b"<Code>NoSuchKey</Code>" in response.body)
    return Need("s3:ListBucket", (f"arn:aws:s3:::{bucket}",)) if key and missing else None


def _bucket_and_key(request: Request) -> tuple[str, str]:
    path = unquote(request.path).lstrip("/")
    host = _HOSTED_BUCKET.match(request.header("host") or "")
    bucket, _, key = (host["bucket"], "", path) if host else path.partition("/")
    return bucket, key


def _bucket_needs(call: Call, bucket: str, query: dict[str, str]) -> tuple[Need, ...]:
    method, arn = call.request.method, f"arn:aws:s3:::{bucket}"
    part = next((name for name in _OF_BUCKETS if name in query), None)
    if part is not None:
        action = _DELETING.get(part) if method == "DELETE" else None
        return (Need(f"s3:{action or _verb(method, _OF_BUCKETS[part])}", (arn,)),)
    if method == "POST" and "delete" in query:
        keys = _DELETED_KEY.findall(call.request.body)
        return tuple(Need("s3:DeleteObject", (f"{arn}/{key.decode('utf-8', 'replace')}",)) for key in keys)
    if method in ("GET", "HEAD"):
        facts = {f"s3:{name}": query[name] for name in ("prefix", "delimiter", "max-keys") if name in query}
        return (Need("s3:ListBucket", (arn,), facts),)
    action = {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method)
    return () if action is None else (Need(f"s3:{action}", (arn,)),)


def _verb(method: str, name: str) -> str:
    """Return the action of a request about a setting or a part."""
    if name.startswith(("Bucket", "Object")) or name.endswith("Configuration"):
        return f"{'Get' if method in ('GET', 'HEAD') else 'Put'}{name}"
    return name


def _object_needs(call: Call, bucket: str, key: str, query: dict[str, str]) -> tuple[Need, ...]:
    method, arn = call.request.method, f"arn:aws:s3:::{bucket}/{key}"
    version = "Version" if query.get("versionId", "null") != "null" else ""
    part = next((name for name in _OF_OBJECTS if name in query), None)
    if part is not None:
        action = _verb(method, _OF_OBJECTS[part])
        action = "DeleteObjectTagging" if (method, part) == ("DELETE", "tagging") else action
        is_known = part in ("acl", "attributes", "tagging", "torrent")
        action = action.replace("Object", "ObjectVersion", 1) if version and is_known else action
        return (Need(f"s3:{action}", (arn,)),)
    if "uploadId" in query and method in ("GET", "DELETE"):
        action = "ListMultipartUploadParts" if method == "GET" else "AbortMultipartUpload"
        return (Need(f"s3:{action}", (arn,)),)
    if method in ("GET", "HEAD", "DELETE"):
        verb = "Delete" if method == "DELETE" else "Get"
        return (Need(f"s3:{verb}Object{version}", (arn,)),)
    if method == "POST" and "select" in query:
        return (Need("s3:GetObject", (arn,)),)
    written = Need("s3:PutObject", (arn,))
    source = unquote(call.request.header("x-amz-copy-source") or "").lstrip("/").partition("?")[0]
    if not source:
        return (written,)
    return (Need("s3:GetObject", (f"arn:aws:s3:::{source}",)), written)
