"""`lazy_bindings` against a provider package and a jsii that are only a few files: no node, no real archive.

Each test runs a program of its own, because what is tested is the state of an interpreter's imports.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import venv
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lazy_bindings import _store
from lazy_bindings._provider import ARCHIVE, ARCHIVE_SIZE, UnavailableError
from tests.support.paths import PROJECT

# What the real one does on import: it asks importlib.resources for the archive and has the kernel load it.
JSII = """
    import importlib.resources, os, sys
    from types import SimpleNamespace

    __version__ = os.environ.get("FAKE_JSII_VERSION", "1.142.0")

    class JSIIError(Exception): pass
    errors = SimpleNamespace(JSIIError=JSIIError)

    def load(name, version, archive):
        with open(archive, "rb") as file:
            content = file.read(8)
        print("load", os.path.basename(os.path.dirname(archive)))
        if content == b"damaged!":
            raise JSIIError("TAR_BAD_ARCHIVE:\\nUnrecognized archive format")

    class _Kernel:
        def getBinScriptCommand(self, name, script, arguments):
            place = os.environ.get("FAKE_PLACE")
            if place is None or not os.path.lexists(place):
                raise JSIIError(f"Package with name {name} was not loaded.")
            return SimpleNamespace(command=os.path.join(place, "lib", "index.js"))
    kernel = _Kernel()

    class JSIIAssembly:
        @classmethod
        def load(cls, name, version, module, filename):
            files = importlib.resources.files(f"{module}._jsii")
            with importlib.resources.as_file(files.joinpath(filename)) as path:
                load(name, version, os.fspath(path))
            prefixes = getattr(sys.modules[f"{module}._jsii"], "_SUBMODULE_FQN_MAP", {})
            print("prefixes", len(prefixes), prefixes.get("@cdktf/provider-aws.dataAwsIamPolicyDocument"))
"""

NAMESPACES = ("sqs_queue", "sns_topic", "instance", "data_aws_iam_policy_document", "lambda_broken")


@dataclass
class Installation:
    """A site-packages folder with the fakes, a home directory, and the environment to run programs in."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def provider(self) -> Path:
        return self.folder / "site" / "cdktf_cdktf_provider_aws"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def cache(self) -> Path:
        return self.home / ".cache" / "lazy-bindings"

    def entry(self, contents: str) -> Path:
        """The folder of a repacked archive in the cache."""
        fingerprint = _store._fingerprint()
        return self.cache / f"provider-aws@21.22.1-{fingerprint}-{contents}"

    def fill_cache(self, *kinds: str, content: bytes = b"repacked") -> None:
        for kind in kinds or ("common", "everything"):
            self.entry(kind).mkdir(parents=True, mode=0o700)
            (self.entry(kind) / ARCHIVE).write_bytes(content)
            (self.entry(kind) / "length").write_text(str(len(content)), "ascii")
        self.cache.chmod(0o700)

    def run(self, program: str, python: Path | None = None) -> tuple[list[str], list[str]]:
        """Run a program, by default without a start-up hook; return the lines it wrote to stdout and to stderr."""
        interpreter = (sys.executable, "-S") if python is None else (python,)
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT")},
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join((str(self.folder / "site"), str(PROJECT))),
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.variables,
        }
        done = subprocess.run(
            [*interpreter, "-W", "error", "-c", textwrap.dedent(program)],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path)
    site = tmp_path / "site"
    (tmp_path / "home").mkdir()
    for name, text in {
        "jsii.py": JSII,
        "cdktf/__init__.py": "",
        "cdktf/_jsii/__init__.py": "",
        "cdktf_cdktf_provider_aws/__init__.py": "print('stock root')\nfrom ._jsii import *\n"
        + "".join(f"from . import {name}\n" for name in NAMESPACES if name != "lambda_broken"),
        "cdktf_cdktf_provider_aws/_jsii/__init__.py": """
            import jsii
            jsii.JSIIAssembly.load("@cdktf/provider-aws", "21.22.1", __name__[0:-6], "provider-aws@21.22.1.jsii.tgz")
        """,
        "cdktf_cdktf_provider_aws/py.typed": "",
        **{
            f"cdktf_cdktf_provider_aws/{name}/__init__.py": f"from .._jsii import *\nprint('import {name}')\n"
            for name in NAMESPACES
        },
        "cdktf_cdktf_provider_aws/lambda_broken/__init__.py": "import a_module_that_is_not_there\n",
    }.items():
        file = site / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), "utf-8")
    with (installation.provider / "_jsii" / ARCHIVE).open("wb") as archive:
        archive.truncate(ARCHIVE_SIZE)  # a hole: its size is right, its contents are not
    return installation


COMMON = "load provider-aws@21.22.1-{}-common"
EVERYTHING = "load provider-aws@21.22.1-{}-everything"
OWN = "load _jsii"
PREFIXES = "prefixes 5 cdktf_cdktf_provider_aws.data_aws_iam_policy_document"


def lines(*expected: str) -> list[str]:
    return [line.format(_store._fingerprint()) for line in expected]


def fallback(reason: str) -> list[str]:
    return [f"lazy_bindings: {reason}; loading the provider's own package, which is slower"]


def test_an_import_loads_what_it_names_from_the_small_archive(installation: Installation) -> None:
    installation.fill_cache()
    out, err = installation.run("""
        import lazy_bindings
        lazy_bindings.install()
        import cdktf_cdktf_provider_aws.sqs_queue
        from cdktf_cdktf_provider_aws.sns_topic import __name__ as name
        print(name)
    """)
    assert out == lines(
        COMMON, PREFIXES, "import sqs_queue", "import sns_topic", "cdktf_cdktf_provider_aws.sns_topic"
    )
    assert err == []


def test_the_root_imports_a_namespace_when_it_is_read(installation: Installation) -> None:
    installation.fill_cache()
    out, err = installation.run("""
        import lazy_bindings
        lazy_bindings.install()
        import cdktf_cdktf_provider_aws as aws
        print("nothing yet")
        print(aws.sqs_queue.__name__, aws.sqs_queue is aws.sqs_queue)
        from cdktf_cdktf_provider_aws import sns_topic
        print(sns_topic is aws.sns_topic, hasattr(aws, "no_such_thing"), hasattr(aws, "_private"))
        print(aws.__all__)
        print([name for name in dir(aws) if not name.startswith("_")])
        try:
            aws.no_such_thing
        except AttributeError as error:
            print(error, error.name)
        try:
            from cdktf_cdktf_provider_aws import no_such_thing
        except ImportError as error:
            print(str(error).partition(" (")[0])
    """)
    assert out == [
        "nothing yet",
        *lines(COMMON, PREFIXES),
        "import sqs_queue",
        "cdktf_cdktf_provider_aws.sqs_queue True",
        "import sns_topic",
        "True False False",
        str(sorted(NAMESPACES)),
        str(sorted(NAMESPACES)),
        "module 'cdktf_cdktf_provider_aws' has no attribute 'no_such_thing' no_such_thing",
        "cannot import name 'no_such_thing' from 'cdktf_cdktf_provider_aws'",
    ]
    assert err == []


def test_an_error_inside_a_namespace_is_not_hidden(installation: Installation) -> None:
    installation.fill_cache()
    out, _ = installation.run("""
        import lazy_bindings
        lazy_bindings.install()
        import cdktf_cdktf_provider_aws as aws
        try:
            aws.lambda_broken
        except ModuleNotFoundError as error:
            print(error)
    """)
    assert out == ["No module named 'a_module_that_is_not_there'"]


def test_another_resource_replaces_the_archive_once_and_late(
    installation: Installation, tmp_path: Path
) -> None:
    installation.fill_cache()
    unpacked, place = tmp_path / "unpacked", tmp_path / "node_modules" / "provider-aws"
    unpacked.mkdir()
    place.parent.mkdir()
    place.symlink_to(unpacked)
    installation.variables["FAKE_PLACE"] = str(place)
    out, err = installation.run("""
        import lazy_bindings
        lazy_bindings.install()
        from cdktf_cdktf_provider_aws import sqs_queue, instance, data_aws_iam_policy_document
        import cdktf_cdktf_provider_aws.sns_topic
    """)
    assert out == lines(
        COMMON,
        PREFIXES,
        "import sqs_queue",
        EVERYTHING,
        "import instance",
        "import data_aws_iam_policy_document",
        "import sns_topic",
    )
    assert err == []
    assert not place.is_symlink()
    assert unpacked.is_dir()


def test_without_symbolic_links_the_place_is_set_aside(installation: Installation, tmp_path: Path) -> None:
    installation.fill_cache()
    place = tmp_path / "node_modules" / "provider-aws"
    place.mkdir(parents=True)
    installation.variables["FAKE_PLACE"] = str(place)
    installation.run("""
        import lazy_bindings
        lazy_bindings.install()
        from cdktf_cdktf_provider_aws import sqs_queue, instance
    """)
    assert [entry.name for entry in place.parent.iterdir()] == ["provider-aws.replaced"]


def test_another_resource_first_loads_everything_at_once(installation: Installation) -> None:
    installation.fill_cache()
    out, err = installation.run("""
        import lazy_bindings
        lazy_bindings.install()
        from cdktf_cdktf_provider_aws import instance, sqs_queue
    """)
    assert out == lines(EVERYTHING, PREFIXES, "import instance", "import sqs_queue")
    assert err == []


@pytest.mark.parametrize(
    ("imports", "loads"),
    [
        ("import shop._jsii; from cdktf_cdktf_provider_aws import sqs_queue", [EVERYTHING]),
        ("from cdktf_cdktf_provider_aws import sqs_queue; import shop._jsii", [COMMON, EVERYTHING]),
        ("import other._jsii; from cdktf_cdktf_provider_aws import sqs_queue", [COMMON]),
    ],
)
def test_a_library_that_is_built_on_the_provider_gets_everything(
    installation: Installation, imports: str, loads: list[str]
) -> None:
    installation.fill_cache()
    for library, needed in (("shop", "cdktf_cdktf_provider_aws._jsii"), ("other", "cdktf._jsii")):
        module = installation.folder / "site" / library / "_jsii" / "__init__.py"
        module.parent.mkdir(parents=True)
        module.write_text(f"import {needed}\n", "utf-8")
    out, err = installation.run(f"import lazy_bindings; lazy_bindings.install(); {imports}")
    assert [line for line in out if line.startswith("load")] == lines(*loads)
    assert err == []


@pytest.mark.parametrize("value", ["off", "OFF", "0", "no", "false"])
def test_the_environment_turns_it_off(installation: Installation, value: str) -> None:
    installation.fill_cache()
    installation.variables["LAZY_BINDINGS"] = value
    out, err = installation.run("""
        import sys
        before = list(sys.meta_path)
        import lazy_bindings
        lazy_bindings.install()
        print(sys.meta_path == before)
        import cdktf_cdktf_provider_aws.sqs_queue
    """)
    assert out[:3] == ["True", "stock root", OWN]
    assert err == []


def test_it_stays_on_for_other_values_and_is_installed_once(installation: Installation) -> None:
    installation.variables["LAZY_BINDINGS"] = "on"
    out, err = installation.run("""
        import sys
        before = len(sys.meta_path)
        import lazy_bindings
        lazy_bindings.install()
        lazy_bindings.install()
        print(len(sys.meta_path) - before, "jsii" in sys.modules)
    """)
    assert out == ["1 False"]
    assert err == []


def test_an_import_of_the_provider_before_is_reported(installation: Installation) -> None:
    _, err = installation.run("""
        import cdktf_cdktf_provider_aws
        import lazy_bindings
        lazy_bindings.install()
    """)
    assert err == fallback(
        "cdktf_cdktf_provider_aws was imported before constructs_lib, and lazy_bindings.pth is not in site-packages"
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the start-up hook, as `make install` copies it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (site_packages,) = folder.glob("lib/python3.*/site-packages")
    shutil.copytree(PROJECT / "lazy_bindings" / "startup", site_packages, dirs_exist_ok=True)
    return folder / "bin" / "python"


PROVIDER_FIRST = """
    from cdktf_cdktf_provider_aws.sqs_queue import __name__ as name
    import lazy_bindings
    lazy_bindings.install()
    from cdktf_cdktf_provider_aws import sns_topic
"""


def test_the_provider_may_be_imported_first(installation: Installation, python: Path) -> None:
    installation.fill_cache()
    out, err = installation.run(PROVIDER_FIRST, python)
    assert out == lines(COMMON, PREFIXES, "import sqs_queue", "import sns_topic")
    assert err == []


def test_the_environment_turns_the_start_up_hook_off(installation: Installation, python: Path) -> None:
    installation.variables["LAZY_BINDINGS"] = "off"
    out, err = installation.run("from cdktf_cdktf_provider_aws import sqs_queue", python)
    assert out[:2] == ["stock root", OWN]
    assert err == []


def test_another_project_in_the_environment_takes_the_stock_path(
    installation: Installation, python: Path
) -> None:
    out, err = installation.run(
        f"import sys; sys.path.remove({str(PROJECT)!r}); from cdktf_cdktf_provider_aws import sqs_queue",
        python,
    )
    assert out[:2] == ["stock root", OWN]
    assert err == []


def test_the_start_up_hook_imports_nothing_but_itself(installation: Installation) -> None:
    out, _ = installation.run(f"""
        import site, sys
        sys.path.append({str(PROJECT / "lazy_bindings" / "startup")!r})
        before = set(sys.modules)
        import _lazy_bindings_startup
        _lazy_bindings_startup.begin()
        print(*set(sys.modules) - before)
    """)
    assert out == ["_lazy_bindings_startup"]


STOCK = ["stock root", OWN]
PROGRAM = """
    import lazy_bindings
    lazy_bindings.install()
    import cdktf_cdktf_provider_aws.sqs_queue
    from cdktf_cdktf_provider_aws import instance
"""


def assert_stock(installation: Installation, reason: str) -> None:
    """Assert that everything was imported the ordinary way, from the provider's own archive."""
    out, err = installation.run(PROGRAM)
    assert out[:2] == STOCK
    assert [line for line in out if line.startswith("load")] == [OWN]
    imported = [line for line in out if line.startswith("import")]
    assert imported == [f"import {name}" for name in NAMESPACES if name != "lambda_broken"]
    assert err == fallback(reason)


def test_another_version_of_jsii_takes_the_stock_path(installation: Installation) -> None:
    installation.fill_cache()
    installation.variables["FAKE_JSII_VERSION"] = "1.143.0"
    assert_stock(installation, "the tested version of jsii is 1.142.0, and this is 1.143.0")


def test_another_runtime_of_jsii_takes_the_stock_path(installation: Installation) -> None:
    installation.fill_cache()
    installation.variables["JSII_RUNTIME"] = "/opt/runtime.js"
    assert_stock(installation, "JSII_RUNTIME replaces jsii's own runtime")


def test_another_version_of_the_provider_takes_the_stock_path(installation: Installation) -> None:
    installation.fill_cache()
    folder = installation.provider / "_jsii"
    (folder / ARCHIVE).rename(folder / "provider-aws@21.23.0.jsii.tgz")
    module = folder / "__init__.py"
    module.write_text(module.read_text("utf-8").replace("21.22.1", "21.23.0"), "utf-8")
    assert_stock(
        installation,
        f"the tested version of @cdktf/provider-aws is 21.22.1, which is not what is in {installation.provider}",
    )


def test_an_archive_of_another_size_takes_the_stock_path(installation: Installation) -> None:
    installation.fill_cache()
    with (installation.provider / "_jsii" / ARCHIVE).open("ab") as archive:
        archive.write(b"more")
    assert_stock(
        installation,
        f"{ARCHIVE} in {installation.provider / '_jsii'} has 37074906 bytes instead of 37074902",
    )


def test_compiled_modules_without_sources_take_the_stock_path(installation: Installation) -> None:
    installation.fill_cache()
    installation.run("""
        import pathlib, py_compile
        root = pathlib.Path("site/cdktf_cdktf_provider_aws/__init__.py")
        py_compile.compile(root, root.with_suffix(".pyc"), doraise=True)
        root.unlink()
    """)
    assert_stock(
        installation,
        "cdktf_cdktf_provider_aws is loaded by SourcelessFileLoader, not from plain source files",
    )


def assert_own_archive(installation: Installation, reason: str) -> None:
    """Assert that the imports stay lazy, from the provider's own archive, which is loaded once."""
    out, err = installation.run(PROGRAM)
    assert out == [OWN, PREFIXES, "import sqs_queue", "import instance"]
    assert err == fallback(reason)


def test_an_archive_with_other_contents_is_not_repacked(installation: Installation) -> None:
    archive = installation.provider / "_jsii" / ARCHIVE
    assert_own_archive(installation, f"{archive} is not the file that was published as {ARCHIVE}")
    assert list(installation.cache.iterdir()) == []


def test_a_truncated_entry_is_not_used(installation: Installation) -> None:
    installation.fill_cache()
    (installation.entry("common") / ARCHIVE).write_bytes(b"repa")
    archive = installation.provider / "_jsii" / ARCHIVE
    assert_own_archive(installation, f"{archive} is not the file that was published as {ARCHIVE}")


@pytest.mark.parametrize("length", ["", "eight", "٨"])
def test_an_entry_with_a_damaged_length_is_not_used(installation: Installation, length: str) -> None:
    installation.fill_cache()
    (installation.entry("common") / "length").write_text(length, "utf-8")
    archive = installation.provider / "_jsii" / ARCHIVE
    assert_own_archive(installation, f"{archive} is not the file that was published as {ARCHIVE}")


def test_what_jsii_cannot_read_is_discarded(installation: Installation) -> None:
    installation.fill_cache(content=b"damaged!")
    broken = installation.entry("common")
    out, err = installation.run(PROGRAM)
    assert out == [*lines(COMMON), OWN, PREFIXES, "import sqs_queue", "import instance"]
    assert err == fallback(
        f"jsii cannot load {broken / ARCHIVE}: TAR_BAD_ARCHIVE: Unrecognized archive format"
    )
    assert not broken.exists()


def test_what_jsii_cannot_read_late_is_discarded(installation: Installation, tmp_path: Path) -> None:
    installation.fill_cache("common")
    installation.fill_cache("everything", content=b"damaged!")
    out, err = installation.run(PROGRAM)
    assert out == [*lines(COMMON), PREFIXES, "import sqs_queue", *lines(EVERYTHING), OWN, "import instance"]
    broken = installation.entry("everything")
    assert err == fallback(
        f"jsii cannot load {broken / ARCHIVE}: TAR_BAD_ARCHIVE: Unrecognized archive format"
    )
    assert not broken.exists()
    assert installation.entry("common").exists()


def test_everything_that_cannot_be_made_late_is_the_provider_s_own(installation: Installation) -> None:
    installation.fill_cache("common")
    out, err = installation.run(PROGRAM)
    assert out == [*lines(COMMON), PREFIXES, "import sqs_queue", OWN, "import instance"]
    archive = installation.provider / "_jsii" / ARCHIVE
    assert err == fallback(f"{archive} is not the file that was published as {ARCHIVE}")


def test_a_home_directory_that_does_not_exist(installation: Installation) -> None:
    installation.home.rmdir()
    assert_own_archive(
        installation, f"the home directory {installation.home}, where the cache belongs, does not exist"
    )
    assert not installation.home.exists()


def test_a_cache_that_cannot_be_written(installation: Installation) -> None:
    (installation.home / ".cache").write_text("a file where the folder should be", "utf-8")
    assert_own_archive(installation, f"the cache {installation.cache} cannot be used: Not a directory")


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_cache_that_may_not_be_written(installation: Installation) -> None:
    installation.cache.mkdir(parents=True)
    installation.cache.chmod(0o500)
    assert_own_archive(installation, f"the cache {installation.cache} cannot be used: Permission denied")


def test_a_cache_that_others_may_write_to(installation: Installation) -> None:
    installation.fill_cache()
    installation.cache.chmod(0o777)
    assert_own_archive(installation, f"other users may write to {installation.cache}")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, "/home/me/.cache/lazy-bindings"),
        ("linux", {"XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/lazy-bindings"),
        ("linux", {"XDG_CACHE_HOME": "caches"}, "/home/me/.cache/lazy-bindings"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/home/me/.cache/lazy-bindings"),
        ("freebsd14", {}, "/home/me/.cache/lazy-bindings"),
        ("darwin", {}, "/home/me/Library/Caches/lazy-bindings"),
        ("darwin", {"XDG_CACHE_HOME": "/var/cache/me"}, "/var/cache/me/lazy-bindings"),
        ("win32", {}, "/home/me/AppData/Local/lazy-bindings"),
        ("win32", {"XDG_CACHE_HOME": "/var/cache/me"}, "/home/me/AppData/Local/lazy-bindings"),
        ("win32", {"LOCALAPPDATA": "C:\\Users\\me\\Local"}, "C:\\Users\\me\\Local/lazy-bindings"),
        ("win32", {"LOCALAPPDATA": "Local"}, "/home/me/AppData/Local/lazy-bindings"),
    ],
)
def test_the_cache_follows_the_platform(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    found = str(_store.cache_directory(platform, variables))
    assert found.replace(str(tmp_path), "/home/me") == expected


def test_a_user_without_a_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(UnavailableError, match=r"^there is no home directory to keep a cache in$"):
        _store.cache_directory("linux", {})
