"""Finished lakehouses, made once a session."""

from __future__ import annotations

import pytest

from tests.e2e.worlds import Place, finished


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Place:
    """The finished tiny world; tests copy it before they change anything."""
    return finished("tiny", tmp_path_factory.getbasetemp())
