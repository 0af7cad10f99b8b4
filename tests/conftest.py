"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import settings

REPO_ROOT = Path(__file__).parents[1]

# Thousands of tests keep millions of objects alive: at Python's defaults the cycle collector walks them all the time.
gc.set_threshold(200_000, 20, 100)
# Tests that say nothing of their own draw so many examples: the suite has twelve minutes on two cores.
settings.register_profile("suite", max_examples=40, deadline=None)
settings.load_profile("suite")
GROUPS = {
    "house/test_readme_commands": "documents",
    **dict.fromkeys(("tests/e2e/", "tests/flows/", "tests/cli/"), "worlds"),
}
"""Tests that share what is costly to make run in one process: the demo of the documents, the worlds of the end-to-end
tests. They start first; every other file is a group of its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name each test's group and start the two long ones first."""
    order = list(dict.fromkeys(GROUPS.values()))
    groups = {item: next((g for part, g in GROUPS.items() if part in item.nodeid), item.path.name) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: order.index(groups[item]) if groups[item] in order else len(order))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Folder of real market data and published reference values; it lives beside the repository, never in it."""
    folder = REPO_ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} does not exist, so this comparison with real data did not run")
    return folder
