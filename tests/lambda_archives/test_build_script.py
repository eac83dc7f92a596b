"""Build script of a service: its environment, its result, and errors."""

from __future__ import annotations

import sys
import zipfile

import pytest

from lambda_archives import ArchiveError


@pytest.fixture
def built(project):
    """A project whose build script is still to be written."""
    project.wheel(
        "model",
        {"model/weights.pth": "weights " * 1000, "model/keep.txt": "keep " * 1000, "model/drop.txt": "drop"},
    )

    def write(script: str, package: str = "") -> None:
        project.write({"handlers/vision/build.py": script})
        project.package(f'build = "build.py"\n{package}', requirements=("model==1.0",))

    return write


def zipped(project):
    with zipfile.ZipFile(project.archive().zip_path) as opened:
        return {
            info.filename: (opened.read(info), info.compress_type)
            for info in opened.infolist()
            if info.filename.startswith(("model/", "made"))
        }


def test_the_script_changes_the_wheels_before_patterns_apply(project, built):
    built(
        "import sys, pathlib\n"
        "(folder,) = map(pathlib.Path, sys.argv[1:])\n"
        "assert pathlib.Path.cwd() == folder\n"
        "weights = folder / 'model' / 'weights.pth'\n"
        "(folder / 'made').mkdir()\n"
        "(folder / 'made' / 'weights.bin').write_text(weights.read_text()[:7])\n"
        "(folder / 'made' / '__pycache__').mkdir()\n"
        "(folder / 'made' / '__pycache__' / 'x.pyc').write_text('')\n"
        "weights.unlink()\n",
        'exclude = ["model/drop.txt"]',
    )

    assert zipped(project) == {
        "made/weights.bin": (b"weights", zipfile.ZIP_STORED),
        "model/keep.txt": (b"keep " * 1000, zipfile.ZIP_DEFLATED),
    }


def test_a_pattern_may_match_only_what_the_script_made(project, built):
    built(
        "import pathlib\npathlib.Path('made.tmp').write_text('x')\npathlib.Path('made.txt').write_text('y')\n",
        'exclude = ["*.tmp"]',
    )

    assert zipped(project)["made.txt"] == (b"y", zipfile.ZIP_STORED)
    assert "made.tmp" not in zipped(project)


def test_a_script_needs_no_requirements(project):
    project.write({"handlers/vision/build.py": "open('made.txt', 'w').write('x')\n"})
    project.package('build = "build.py"')

    assert zipped(project) == {"made.txt": (b"x", zipfile.ZIP_STORED)}
    assert project.pip_calls == []


def test_the_script_runs_isolated_under_this_interpreter(project, built, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    built(
        "import os, sys, pathlib\n"
        "pathlib.Path('made.txt').write_text(repr([\n"
        "    sys.executable, os.environ.get('PYTHONPATH'), os.environ['PYTHONHASHSEED'], os.environ['TZ'],\n"
        "    str(pathlib.Path(__file__).parent) in sys.path]))\n"
    )

    assert zipped(project)["made.txt"][0].decode() == repr([sys.executable, None, "0", "UTC", False])


def test_the_script_runs_again_only_when_something_it_depends_on_changed(project, built):
    project.write({"conversion/table.txt": "1"})
    script = (
        "import pathlib\n"
        f"log = pathlib.Path({str(project.shelf / 'runs')!r})\n"
        "log.write_text((log.read_text() if log.exists() else '') + '.')\n"
        f"pathlib.Path('made.txt').write_text(pathlib.Path({str(project.root)!r}, 'conversion/table.txt').read_text())\n"
    )
    inputs = 'build_inputs = ["conversion"]'
    built(script, inputs)
    project.archive()
    project.write({"handlers/vision/app.py": "changed\n"})
    project.archive()
    assert (project.shelf / "runs").read_text() == "."

    project.write({"conversion/table.txt": "2"})
    assert zipped(project)["made.txt"][0] == b"2"
    assert (project.shelf / "runs").read_text() == ".."

    built(script + "# other\n", inputs)
    project.archive()
    assert (project.shelf / "runs").read_text() == "..."


def test_a_failing_script_is_refused_with_the_end_of_what_it_wrote(project, built):
    built("import sys\nfor n in range(30): print('line', n, file=sys.stderr)\nsys.exit(3)\n")

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == (
        f"{project.root}/handlers/vision/build.py: the build script ended with status 3; correct it. It wrote last:\n"
        + "\n".join(f"    line {number}" for number in range(15, 30))
    )


def test_a_script_that_links_outside_is_refused(project, built, tmp_path):
    (tmp_path / "secret").write_text("secret")
    built(f"import os\nos.symlink({str(tmp_path / 'secret')!r}, 'link')\n")

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert f"link: leads to {tmp_path}/secret, outside " in str(caught.value)


def test_wheels_that_clash_are_refused_before_the_script_runs(project, built):
    project.wheel("other", {"model/keep.txt": "other"})
    built("raise SystemExit('not reached')")
    project.package('build = "build.py"', requirements=("model==1.0", "other==1.0"))

    with pytest.raises(ArchiveError) as caught:
        project.archive()

    assert str(caught.value) == (
        f"{project.root}/handlers/vision/package.toml: model-1.0-py3-none-any.whl and other-1.0-py3-none-any.whl both "
        "hold 'model/keep.txt', with different contents; leave one out with exclude"
    )
