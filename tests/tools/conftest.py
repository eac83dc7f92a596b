from __future__ import annotations

from tests.support.states_cloud import states

__all__ = ["states"]
