"""State of moto in this process: a cloud inside the test process begins without it, and quickly."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from joserfc.jwk import RSAKey
from moto import mock_aws
from moto.cognitoidp import models as cognito_models
from moto.iam.models import IAMBackend, ManagedPolicy
from moto.moto_api._internal import moto_api_backend
from moto.utilities.utils import load_resource

__all__ = ["forget_everything", "mock_aws"]

_read_policies = IAMBackend._init_aws_policies
_policies: dict[str, list[ManagedPolicy]] = {}


def _policies_of_aws(backend: IAMBackend) -> list[ManagedPolicy]:
    if backend.region_name != "aws":  # moto has an IAM for each partition; tests are in one
        return []
    if not _policies.get(backend.account_id):
        _policies[backend.account_id] = _read_policies(backend)
    return [_copy(policy) for policy in _policies[backend.account_id]]


def _copy(policy: ManagedPolicy) -> ManagedPolicy:
    # Without moto's constructor, which keeps a list of every object.
    copied: ManagedPolicy = object.__new__(type(policy))
    copied.__dict__.update(policy.__dict__)
    return copied


# Reading the 1,400 policies that AWS manages takes moto a second each time, and they never change.
IAMBackend._init_aws_policies = _policies_of_aws  # type: ignore[method-assign]


@cache
def _key_of_user_pools() -> RSAKey:
    return RSAKey.import_key(load_resource("cognitoidp/resources/jwks-private.json"))


# Reading the key that all user pools have takes moto 150 ms for each.
cognito_models.jwk = SimpleNamespace(  # type: ignore[attr-defined]
    RSAKey=SimpleNamespace(import_key=lambda _file: _key_of_user_pools())
)


def forget_everything() -> None:
    """Remove every resource of every account from moto, as between two files of tests."""
    moto_api_backend.reset()
