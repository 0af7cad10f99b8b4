"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Folder of real market data and published reference values; it lives beside the repository, never in it."""
    folder = REPO_ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} does not exist, so this comparison with real data did not run")
    return folder
