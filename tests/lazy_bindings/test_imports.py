"""The provider's bindings, imported in any order: how much is loaded, what stays as it was, where an error appears."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.paths import PROJECT


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with this one's packages and the start-up hook."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site_packages,) = folder.glob("lib/python3.*/site-packages")
    shutil.copytree(PROJECT / "lazy_bindings" / "startup", site_packages, dirs_exist_ok=True)
    paths = [path for path in sys.path if path.endswith("site-packages")]
    (site_packages / "packages.pth").write_text("\n".join(paths), "utf-8")
    return folder / "bin" / "python"


def run(python: Path | str, program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", program],
        cwd=PROJECT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


LOADED = """
import sys
provider = [name for name in sys.modules if name.startswith("cdktf_cdktf_provider_aws.")]
print(*sorted(name for name in provider if not name.endswith("._private")))
"""
ORDERS = {
    "constructs_lib first": "import constructs_lib; import cdktf; from cdktf_cdktf_provider_aws import sqs_queue",
    "sorted": "import cdktf; from cdktf_cdktf_provider_aws import sqs_queue; import constructs, constructs_lib",
    "provider first": "from cdktf_cdktf_provider_aws import sqs_queue; import constructs_lib; import cdktf",
}


@pytest.mark.parametrize("imports", ORDERS.values(), ids=ORDERS.keys())
def test_an_import_loads_the_module_it_names_in_any_order(python: Path, imports: str) -> None:
    done = run(python, imports + LOADED)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["cdktf_cdktf_provider_aws._jsii", "cdktf_cdktf_provider_aws.sqs_queue"]


UNCHANGED = """
import gc, sys, typing
import jsii, typeguard

def values():
    names = [name for name in sys.modules if name.partition(".")[0] in ("jsii", "typeguard", "typing")]
    attributes = {(name, key): id(value) for name in names for key, value in vars(sys.modules[name]).items()}
    kinds = [(name, kind) for name in names for kind in vars(sys.modules[name]).values() if isinstance(kind, type)]
    for name, kind in kinds:
        attributes.update({(name, kind.__qualname__, key): id(value) for key, value in vars(kind).items()})
    collector = (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.callbacks)
    return attributes, id(jsii.kernel), id(jsii.kernel.provider), collector

before = values()
import constructs_lib
from cdktf import App, TerraformStack
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
stack = TerraformStack(App(), "one")
SqsQueue(stack, "queue", name="jobs")
after = values()
print([key for key, value in before[0].items() if after[0].get(key) != value], before[1:] == after[1:])
"""


def test_nothing_is_reassigned_in_jsii_typeguard_and_typing() -> None:
    done = run(sys.executable, UNCHANGED)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] True\n", "")


LOCKED = """
from cdktf import App, TerraformStack
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
import constructs_lib
stack = TerraformStack(App(), "one")
stack.node.lock()
SqsQueue(stack, "queue")
print("created")
"""


def test_an_error_is_raised_on_the_line_that_caused_it(python: Path) -> None:
    done = run(python, LOCKED)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'File "<string>", line 7, in <module>' in done.stderr
    assert 'RuntimeError: Cannot add children to "one" during synthesis' in done.stderr
