"""`cloud.json`: where a running local cloud says how it can be reached, and how one finds out whether that is still true."""

from __future__ import annotations

import http.client
import json
from dataclasses import asdict, dataclass
from pathlib import Path

_NAME = "cloud.json"
_HEALTH_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """A local cloud that has said it is ready.

    Attributes:
        instance: The random name of the first start with this state. A process with the same number that is not a local
            cloud cannot have it.
        restored: Whether it took over what was deployed before.
        note: Why it did not, if there was something.
    """

    url: str
    pid: int
    instance: str
    port: int
    restored: bool = False
    note: str = ""

    def answers(self) -> bool:
        """Return whether the health page answers for this start."""
        host = self.url.removeprefix("http://").rpartition(":")[0].strip("[]")
        # An address that means "all of this machine's" can be listened on, not called.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
        connection = http.client.HTTPConnection(host, self.port, timeout=_HEALTH_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/_local_cloud/health")
            health = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()
        own = {"instance": self.instance, "pid": self.pid}
        return isinstance(health, dict) and health.items() >= own.items()


def write(directory: Path, cloud: RunningCloud) -> None:
    """Publish a cloud that is ready; a reader sees the whole file or none."""
    temporary = directory / f".{_NAME}.{cloud.instance}"
    temporary.write_text(json.dumps(asdict(cloud)) + "\n", encoding="utf-8")
    temporary.replace(directory / _NAME)


def read(directory: Path) -> RunningCloud | None:
    """Return what the last start in this directory published, or None; it need not run any more."""
    try:
        content = json.loads((directory / _NAME).read_text(encoding="utf-8"))
        return RunningCloud(**{**content, "pid": int(content["pid"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(directory: Path, cloud: RunningCloud) -> None:
    """Take back what was published, unless a later start has published itself."""
    if read(directory) == cloud:
        (directory / _NAME).unlink(missing_ok=True)
