"""The state of the local cloud: what it is good for, and what an apply that is cut short leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy_tools.errors import CutShortError, TerraformError
from deploy_tools.local_state import LocalState


@pytest.fixture
def state(tmp_path: Path) -> LocalState:
    path = tmp_path / "terraform.shop.local.tfstate"
    path.write_text('{"resources": []}', encoding="utf-8")
    return LocalState(path)


def test_a_state_is_good_for_the_start_that_it_was_applied_to(state: LocalState) -> None:
    assert not state.describes("first")
    with state.applying("first"):
        assert not state.describes("first")
        assert state.was_cut_short("first")
    assert state.describes("first")
    assert not state.was_cut_short("first")
    assert not state.describes("second")
    assert not state.was_applied_to("second")


@pytest.mark.parametrize("cut", [KeyboardInterrupt, CutShortError])
def test_an_apply_that_is_cut_short_leaves_a_state_that_is_good_for_nothing(
    state: LocalState, cut: type[BaseException]
) -> None:
    with pytest.raises(cut), state.applying("first"):
        raise cut
    assert state.was_cut_short("first")
    assert not state.describes("first")


def test_errors_that_terraform_reports_leave_the_state_good(state: LocalState) -> None:
    with pytest.raises(TerraformError), state.applying("first"):
        raise TerraformError
    assert state.describes("first")


def test_what_creates_nothing_may_be_cut_short(state: LocalState) -> None:
    with pytest.raises(KeyboardInterrupt), state.applying("first", may_have_created=lambda: False):
        raise KeyboardInterrupt
    assert state.describes("first")


@pytest.mark.parametrize("content", [None, "", '{"resources": ['])
def test_a_state_that_is_gone_or_half_written_describes_nothing(
    state: LocalState, content: str | None
) -> None:
    with state.applying("first"):
        pass
    if content is None:
        state.path.unlink()
    else:
        state.path.write_text(content, encoding="utf-8")
    assert not state.describes("first")
    assert state.was_applied_to("first")


@pytest.mark.parametrize("record", ["", "{", "null", "[]", '{"instance": 1}'])
def test_a_record_that_cannot_be_read_is_none(state: LocalState, record: str) -> None:
    with state.applying("first"):
        pass
    state.path.with_name(state.path.name + ".cloud.json").write_text(record, encoding="utf-8")
    assert not state.describes("first")
    assert not state.was_cut_short("first")


def test_a_state_is_moved_even_to_another_file_system(
    state: LocalState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.rename", rename)
    (directory := tmp_path / "cloud").mkdir()
    (directory / f"previous.{state.path.name}").write_text("an older one", encoding="utf-8")
    assert state.set_aside(directory)
    assert (directory / f"previous.{state.path.name}").read_text(encoding="utf-8") == '{"resources": []}'
    assert not state.exists()
    assert not state.set_aside(directory)


def test_the_empty_file_of_a_synth_is_no_state(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "terraform.shop.local.tfstate")
    state.path.touch()
    assert not state.exists()
    assert not state.set_aside(tmp_path)
    assert state.path.exists()
