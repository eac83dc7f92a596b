"""boto3 for the local cloud in a shell that is set up for something else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy_tools.callers import Callers
from deploy_tools.local_session import local_session

IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@pytest.fixture
def endpoint_url() -> Iterator[str]:
    class Sts(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(IDENTITY)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Sts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_nothing_of_the_shell_is_read(
    tmp_path: Path, endpoint_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "config"
    configuration.write_text(
        "[default]\nregion = eu-north-1\nendpoint_url = http://127.0.0.1:9\n", encoding="utf-8"
    )
    for name, value in {
        "AWS_PROFILE": "no-such-profile",
        "AWS_CONFIG_FILE": str(configuration),
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_RETRY_MODE": "no-such-mode",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_CA_BUNDLE": str(tmp_path / "no-such-file"),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
        "no_proxy": "",
    }.items():
        monkeypatch.setenv(name, value)
    session = local_session("eu-west-1")
    assert session.get_credentials().access_key == "local"
    client = session.client("sts", endpoint_url=endpoint_url)
    assert client.get_caller_identity()["Account"] == "123456789012"
    assert client.meta.region_name == "eu-west-1"


def test_operators_sign_for_the_region_of_the_stack() -> None:
    callers = Callers("http://127.0.0.1:9", {}, region="eu-west-1")
    signed = callers.signed("GET", "http://127.0.0.1:9/health", None)
    assert "/eu-west-1/execute-api/aws4_request" in signed["Authorization"]
