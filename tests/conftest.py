"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from quant_assets.collection import collection_at_exit

REPO_ROOT = Path(__file__).parents[1]

# Thousands of tests keep millions of objects alive: at Python's defaults the cycle collector walks them all the time.
gc.set_threshold(200_000, 20, 100)
# Tests that say nothing of their own draw so many examples: the suite has twelve minutes on two cores.
settings.register_profile("suite", max_examples=40, deadline=None)
settings.load_profile("suite")
FINISHED_WORLDS = (
    *(
        f"tests/e2e/test_{name}.py"
        for name in ("certificates", "direction", "kill", "left_alone", "offline", "point_in_time", "withholding")
    ),
    *(f"tests/{name}.py" for name in ("flows/test_what_runs_again", "cli/test_cli", "cli/test_universe")),
)
GROUPS = {"tests/house/test_readme_commands.py": "documents", **dict.fromkeys(FINISHED_WORLDS, "worlds")}
"""Files whose tests share what is costly to make run in one process: the demo of the documents, the finished worlds of
the end-to-end tests. They start first; every other file is a group of its own."""


def group_of(nodeid: str) -> str:
    """Name of the group of tests that one process runs."""
    file = nodeid.partition("::")[0]
    return GROUPS.get(file, file)


class GroupScheduling(LoadScopeScheduling):
    """Hands whole groups to processes. ``--dist loadgroup`` does so by rewriting node ids, which pytest 9.2 ignores."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling:
    """The scheduler of a run in several processes."""
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the two long groups first."""
    order = list(dict.fromkeys(GROUPS.values()))
    groups = {item: group_of(item.nodeid) for item in items}
    items.sort(key=lambda item: order.index(groups[item]) if groups[item] in order else len(order))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Folder of real market data and published reference values; it lives beside the repository, never in it."""
    folder = REPO_ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} does not exist, so this comparison with real data did not run")
    return folder


def pytest_unconfigure() -> None:
    """Commands that ran in this process asked it to end without a search for cycles; pytest ends as it always does."""
    collection_at_exit()
