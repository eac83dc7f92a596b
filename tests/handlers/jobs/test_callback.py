"""Callbacks: signed by KMS as moto has it, and only to public addresses."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from handlers.common.aws_api import AwsApi
from handlers.common.deadline import Deadline
from handlers.jobs.callback import CallbackFailed, CallbackRefused, Callbacks
from handlers.jobs.callback_url import ForbiddenAddress, check_callback_url, is_public, public_address
from tests.support import aws
from tests.support.moto_state import mock_aws

ADDRESS = "should have the name of a host, not an IP address"
SAID = {"id": "1f", "status": "succeeded", "workflow": "document"}


class Receiver:
    """Notes what is posted to it, and answers with a status."""

    def __init__(self, status: int | Exception = 204) -> None:
        self.status = status
        self.got: list[tuple[str, str, str, bytes, Mapping[str, str]]] = []

    def post(
        self, host: str, address: str, path: str, body: bytes, headers: Mapping[str, str], _seconds: float
    ) -> int:
        self.got.append((host, address, path, body, headers))
        if isinstance(self.status, Exception):
            raise self.status
        return self.status


def test_the_receiver_can_check_the_signature_with_the_public_key() -> None:
    with mock_aws():
        kms = aws.client("kms")
        key_id = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        public = load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"])
        receiver = Receiver()
        callbacks = Callbacks(
            key_id,
            api=AwsApi("kms", make_client=lambda _name, _tries: kms),
            post=receiver.post,
            resolve=lambda _host: ["93.184.216.34"],
            clock=lambda: 1_800_000_000.9,
        )
        callbacks.send("https://example.com/hooks?job=1", SAID, deadline=Deadline.after(20))
    ((host, address, path, body, headers),) = receiver.got
    assert (host, address, path) == ("example.com", "93.184.216.34", "/hooks?job=1")
    assert body == b'{"id":"1f","status":"succeeded","workflow":"document"}'
    signed_at, _, signature = headers["X-Signature"].partition(",v1=")
    assert signed_at == "t=1800000000"
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(base64.b64decode(signature), b"1800000000." + body, ec.ECDSA(hashes.SHA256()))


def callbacks(receiver: Receiver, *addresses: str) -> Callbacks:
    api: Any = aws.Answering({"sign": {"Signature": b"signed"}})

    def resolve(_host: str) -> list[str]:
        if not addresses:
            raise OSError("unknown")
        return list(addresses)

    return Callbacks("key", api=api, post=receiver.post, resolve=resolve)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
     "::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "ff02::1"],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused_and_nothing_is_sent(address: str) -> None:
    receiver = Receiver()
    with pytest.raises(CallbackRefused):
        callbacks(receiver, "93.184.216.34", address).send(
            "https://example.com", SAID, deadline=Deadline.after(20)
        )
    assert receiver.got == []


@pytest.mark.parametrize("status", [199, 301, 307, 404, 500, OSError("reset"), TimeoutError()])
def test_what_is_no_2xx_is_a_failure_that_can_be_retried(status: int | Exception) -> None:
    with pytest.raises(CallbackFailed) as failed:
        callbacks(Receiver(status), "93.184.216.34").send(
            "https://example.com", SAID, deadline=Deadline.after(20)
        )
    assert str(failed.value) == "The callback was not taken."


def test_a_host_that_nobody_knows_is_a_failure() -> None:
    with pytest.raises(CallbackFailed):
        callbacks(Receiver()).send("https://example.com", SAID, deadline=Deadline.after(20))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com", "should start with https://"),
        ("ftp://example.com", "should start with https://"),
        ("https://user:secret@example.com", "should have neither a user name nor a fragment"),
        ("https://example.com/#part", "should have neither a user name nor a fragment"),
        ("https://example.com:8443", "should have no other port than 443"),
        ("https://localhost", "should name a public host"),
        ("https://metadata.google.internal", "should name a public host"),
        ("https://127.0.0.1", ADDRESS),
        ("https://[::1]", ADDRESS),
        ("https://127.1", ADDRESS),
        ("https://0x7f.0.0.1", ADDRESS),
        ("https://2130706433", ADDRESS),
        ("https://127.0x1/", ADDRESS),
        ("https://0X7F.1/", ADDRESS),
        ("https://0x/", ADDRESS),
        ("https://example.0x/", ADDRESS),
        ("https://example.1/", ADDRESS),
        ("https://017700000001/", ADDRESS),
        ("https://127.1./", ADDRESS),
        ("https://93.184.216.34/", ADDRESS),
        ("https://[::ffff:93.184.216.34]/", ADDRESS),
        ("https://[::ffff:7f00:1]/", ADDRESS),
        ("https://localhost./", "should name a public host"),
        ("https://a.localhost./", "should name a public host"),
        ("https://example..com/", "should name a public host"),
        ("https://127%2e0.example/", "should name a public host"),
        ("https://", "should name a public host"),
        ("https://exa mple.com", "should be an address in ASCII, without spaces and backslashes"),
        ("https://example.com\\@10.0.0.1", "should be an address in ASCII, without spaces and backslashes"),
        ("https://example.com:port", "should be an address"),
    ],
)
def test_an_address_that_may_not_be_called(url: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        check_callback_url(url)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com.:443/a?b=c",
        "https://1.example.com/",
        "https://0x7f.example/",
        "https://example.0xyz/",
        "https://xn--bcher-kva.example/",
        "https://EXAMPLE.com/",
    ],
)
def test_a_public_host_may_be_called(url: str) -> None:
    check_callback_url(url)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("0.0.0.0", "0.255.255.255"),  # noqa: S104
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.31.196.0", "192.31.196.255"),
        ("192.52.193.0", "192.52.193.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("192.175.48.0", "192.175.48.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "255.255.255.255"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ],
)
def test_special_networks_are_refused_from_end_to_end(first: str, last: str) -> None:
    start, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
    assert [is_public(str(start)), is_public(str(start + 1)), is_public(str(end))] == [False] * 3
    edges = [edge for edge in (int(start) - 1, int(end) + 1) if 0 <= edge < 2**start.max_prefixlen]
    assert [str(type(start)(edge)) for edge in edges if not is_public(str(type(start)(edge)))] == []


@pytest.mark.parametrize(
    "address",
    [
        "2002:a00:1::",  # 6to4 of 10.0.0.1
        "2002:a9fe:a9fe::",  # 6to4 of 169.254.169.254
        "2001:0:a00:1::",  # Teredo
        "64:ff9b::a00:1",  # NAT64 of 10.0.0.1
        "64:ff9b:1::a00:1",  # NAT64 of a local network
        "::ffff:93.184.216.34",  # mapped
        "::93.184.216.34",  # compatible
        "fec0::1",  # site-local
        "fc00::1",  # unique local
        "fd00:ec2::254",  # the metadata of EC2
        "fe80::1%eth0",
        "ff02::1",
        "100::1",  # discarded
        "5f00::1",  # segment routing
        "::",
        "::1",
    ],
)
def test_an_address_that_stands_for_another_or_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(ForbiddenAddress):
        public_address("example.com", lambda _host: [address])


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "2a00::1"]
)
def test_a_public_address_is_called(address: str) -> None:
    assert public_address("example.com", lambda _host: [address]) == address
