"""Lock files that are read, for each target."""

from __future__ import annotations

import pytest

from lambda_archives import ArchiveError, Target
from lambda_archives.requirements import read_requirements

A, B = "a" * 64, "b" * 64
ARM = Target(python_version="3.13", architecture="arm64")
INTEL = Target(python_version="3.11", architecture="x86_64")


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "requirements.txt"


def test_pinned_and_hashed_lines_are_read_as_compilers_write_them(lock):
    lock.write_text(
        "# compiled\n"
        "\n"
        "Typing_Extensions==4.16.0 \\\n"
        f"    --hash=sha256:{A} \\\n"
        f"    --hash=sha256:{B}\n"
        "    # via pydantic\n"
        f"uvicorn[standard]==0.30.0 --hash sha256:{A}  # server\r\n"
        f"torch==2.1.0+cpu --hash=sha512:{A}{B} \\\n"
    )

    assert [requirement.line for requirement in read_requirements(lock, ARM)] == [
        f"typing-extensions==4.16.0 --hash=sha256:{A} --hash=sha256:{B}",
        f"uvicorn==0.30.0 --hash=sha256:{A}",
        f"torch==2.1.0+cpu --hash=sha512:{A}{B}",
    ]


@pytest.mark.parametrize(
    ("marker", "applies_to"),
    [
        ('python_version < "3.12"', [INTEL]),
        ('python_full_version >= "3.12.1"', [ARM]),
        ('platform_machine == "aarch64"', [ARM]),
        ('platform_machine == "x86_64"', [INTEL]),
        ('sys_platform == "linux" and platform_system == "Linux"', [ARM, INTEL]),
        ('sys_platform == "win32" or os_name == "nt"', []),
        ('platform_python_implementation == "CPython"', [ARM, INTEL]),
        ('extra == "test"', []),
    ],
)
def test_markers_are_read_for_the_target_and_not_for_this_machine(lock, marker, applies_to):
    lock.write_text(f"some==1 ; {marker} --hash=sha256:{A}\n")

    assert [target for target in (ARM, INTEL) if read_requirements(lock, target)] == applies_to


def test_markers_for_this_machine_are_those_of_this_interpreter(lock):
    this = Target.this_machine()
    lock.write_text(f'some==1 ; python_version == "{this.python_version}" --hash=sha256:{A}\n')

    assert [str(requirement) for requirement in read_requirements(lock, this)] == ["some==1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "numpy==2.4.6\n",
            (
                "1: numpy==2.4.6 has no --hash; make the file again with hashes (pip-compile --generate-hashes, or uv pip "
                "compile --generate-hashes)"
            ),
        ),
        (f"\nnumpy --hash=sha256:{A}", "2: 'numpy' does not pin a version; write numpy==VERSION --hash=…"),
        (
            f"numpy>=2 --hash=sha256:{A}",
            "1: 'numpy>=2' does not pin a version; write numpy==VERSION --hash=…",
        ),
        (
            f"numpy==2.* --hash=sha256:{A}",
            "1: 'numpy==2.*' does not pin a version; write numpy==VERSION --hash=…",
        ),
        (
            f"numpy @ file:///numpy.whl --hash=sha256:{A}",
            "1: numpy is required by its address; write numpy==VERSION --hash=…",
        ),
        (
            "# a\n\n--index-url=file:///simple\n",
            (
                "3: the option --index-url is not allowed; list pinned requirements only, and set indexes in pip's own "
                "configuration"
            ),
        ),
        (
            "-e .\n",
            (
                "1: the option -e is not allowed; list pinned requirements only, and list the folder of the project itself in "
                "the include of package.toml (uv export --no-emit-project leaves the line out), or build a wheel of it"
            ),
        ),
        (
            "-r other.txt\n",
            (
                "1: the option -r is not allowed; list pinned requirements only, and set indexes in pip's own "
                "configuration"
            ),
        ),
        (
            "numpy==1 --hash=md5:abc",
            (
                "1: numpy==1 has the hash 'md5:abc'; use sha256:, sha384: or sha512: and the hash in small hexadecimal "
                "digits"
            ),
        ),
        (
            f"a==1 \\\n  --hash=sha256:{A}\nA==2 --hash=sha256:{A}",
            "3: a is required twice; remove one of the lines",
        ),
    ],
)
def test_a_line_that_pins_nothing_is_refused(lock, text, message):
    lock.write_text(text)

    with pytest.raises(ArchiveError) as caught:
        read_requirements(lock, ARM)

    assert str(caught.value) == f"{lock}:{message}"


def test_what_is_no_requirement_is_refused_with_the_reason(lock):
    lock.write_text("two words==1\n")

    with pytest.raises(ArchiveError) as caught:
        read_requirements(lock, ARM)

    message = str(caught.value)
    assert message.startswith(f"{lock}:1: 'two words==1' is not a requirement: ")
    assert message.endswith("; write NAME==VERSION --hash=…")


def test_another_encoding_is_refused(lock):
    lock.write_bytes("# café".encode("latin-1"))

    with pytest.raises(ArchiveError) as caught:
        read_requirements(lock, ARM)

    assert str(caught.value) == f"{lock}: is not UTF-8; save it as UTF-8"
