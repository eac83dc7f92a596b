"""HmacKey: a key of KMS that makes keyed hashes and does nothing else."""

from __future__ import annotations

from constructs_lib import AwsStack, ConflictError, HmacKey, LimitExceededError, Role
from tests.support.synthesis import Configuration, children, refused, statements


def test_a_key_makes_hashes_for_the_roles_that_are_granted_it(stack: AwsStack) -> None:
    key = HmacKey(stack, "callers")
    role = Role(stack, "role", service="lambda.amazonaws.com")
    key.grant_generate(role)
    key.grant_generate(role)
    configuration = Configuration(stack)
    resource = configuration.only("kms_key")
    assert (resource["customer_master_key_spec"], resource["key_usage"]) == (
        "HMAC_256",
        "GENERATE_VERIFY_MAC",
    )
    assert resource["deletion_window_in_days"] == 30
    assert "enable_key_rotation" not in resource
    assert configuration.only("kms_alias")["name"] == "alias/shop-callers"
    (granted,) = statements(configuration.only("iam_role_policy")["policy"])
    assert (granted["Action"], granted["Resource"]) == (
        ["kms:GenerateMac"],
        [f"${{{configuration.address('kms_key')}.arn}}"],
    )


def test_a_key_that_is_refused(stack: AwsStack) -> None:
    HmacKey(stack, "callers", alias="callers")
    before = children(stack)
    assert refused(lambda: HmacKey(stack, "more", alias="callers")) == (
        ConflictError,
        "shop/more: key alias 'callers' is taken by shop/callers; choose another name",
    )
    assert refused(lambda: HmacKey(stack, "more", deletion_window_days=6)) == (
        LimitExceededError,
        "shop/more: deletion_window_days is 6; use 7 to 30",
    )
    assert children(stack) == before
