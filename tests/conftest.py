"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).parents[1]
LONGEST_FIRST = ("house/test_readme_commands", "e2e/test_kill", "e2e/", "flows/", "cli/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files that take longest first, so that no process is left alone with one of them at the end."""
    items.sort(key=lambda item: next((i for i, name in enumerate(LONGEST_FIRST) if name in item.nodeid), 99))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Folder of real market data and published reference values; it lives beside the repository, never in it."""
    folder = REPO_ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} does not exist, so this comparison with real data did not run")
    return folder
