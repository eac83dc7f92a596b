"""The line of a request in the log of requests."""

from __future__ import annotations

from local_cloud.messages import Request, Response
from local_cloud.request_log import request_line

GET = Request(
    method="GET",
    path="/shop/\udcff",
    query="",
    headers=(),
    body=b"",
    peer="127.0.0.1",
    protocol="HTTP/1.1",
    port=4566,
)


def test_a_request_is_one_line() -> None:
    line = request_line(GET, Response(200, (), b"four"), 0.0123, "shop").decode()
    assert line.split(" ", 1)[1] == "200 GET    /shop/\\udcff 12.3 ms 4 B shop\n"
