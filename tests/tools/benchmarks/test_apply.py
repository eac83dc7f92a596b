"""The calls of an apply are counted in the local cloud's request log, by service, without the cloud's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from deploy_tools.cloud import Cloud
from tools.benchmarks.apply import services

LOG = """\
10:00:00 200 GET    /_local_cloud/health 0.2 ms 64 B
10:00:01 201 POST   /restapis 2.5 ms 210 B apigateway
10:00:01 200 PUT    /restapis/abc?mode=overwrite 2.5 ms 210 B apigateway
10:00:01 201 POST   /2015-03-31/functions/bench/policy 2.5 ms 210 B lambda
10:00:02 200 POST   / 1.0 ms 100 B Logs_20140328.CreateLogGroup
10:00:03 200 GET    /_aws/execute-api/abc/prod/orders 3.0 ms 10 B openapi/prod /orders
"""


def test_calls_are_counted_by_service(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "requests.log").write_text(LOG, encoding="utf-8")
    assert services(Cloud("http://127.0.0.1:1", tmp_path, "0" * 16)) == Counter(
        {"apigateway": 2, "lambda": 1, "Logs_20140328.CreateLogGroup": 1}
    )
