"""The real Terraform with credentials of another account: refused before anything is read or created there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy_tools.errors import TerraformError
from deploy_tools.terraform import Terraform, environment_for, find_engine
from tests.support.paths import PROJECT
from tools.golden import profile
from tools.project import synthesize

try:
    find_engine()
except TerraformError as missing:
    pytest.skip(f"Terraform is needed: {missing}", allow_module_level=True)

ACCOUNT = "999988887777"
IDENTITY = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::{ACCOUNT}:user/ada</Arn><UserId>AIDAEXAMPLE</UserId><Account>{ACCOUNT}</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass
class OtherAccount:
    """AWS as another account: knows whose credentials are used, and no other action.

    Attributes:
        url: Its endpoint.
        calls: The body of each request to it.
    """

    url: str
    calls: list[str] = field(default_factory=list)

    def terraform(self, stack: Path, directory: Path) -> Terraform:
        """Return Terraform in the environment of a shell with credentials of this account."""
        shell = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_CLI_ARGS"))
        }
        shell |= {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
        }
        return Terraform(find_engine(), stack, environment_for(directory, environment=shell))


@pytest.fixture
def other_account() -> Iterator[OtherAccount]:
    class Sts(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            account.calls.append(body)
            is_identity_call = "Action=GetCallerIdentity" in body
            self.send_response(200 if is_identity_call else 403)
            self.send_header("Content-Type", "text/xml")
            self.end_headers()
            self.wfile.write(IDENTITY.encode() if is_identity_call else b"")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    for method in ("DELETE", "GET", "HEAD", "POST", "PUT"):
        setattr(Sts, f"do_{method}", Sts.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sts)
    account = OtherAccount(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield account
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({**profile("local"), "ENVIRONMENT": ""}, id="a shell that lost ENVIRONMENT"),
        pytest.param(
            {**profile("dev"), "AWS_ACCOUNT_ID": "210987654321"},
            id="dev of another account",
            marks=pytest.mark.long,
        ),
    ],
)
def test_another_account_is_refused_before_anything_is_read_or_created(
    tmp_path: Path, other_account: OtherAccount, variables: dict[str, str]
) -> None:
    stack = synthesize(PROJECT, tmp_path / "cdktf.out", variables)
    terraform = other_account.terraform(stack, tmp_path / "terraform")
    terraform.init()
    with pytest.raises(TerraformError) as refused:
        terraform.run("apply", "-no-color", "-input=false", "-auto-approve")
    assert f"AWS account ID not allowed: {ACCOUNT}" in str(refused.value)
    assert "ENVIRONMENT" in str(refused.value).rpartition("\n")[2]
    assert {call.partition("&")[0] for call in other_account.calls} == {"Action=GetCallerIdentity"}
    (state,) = tmp_path.glob("*.tfstate")
    assert state.read_text(encoding="utf-8") == ""
