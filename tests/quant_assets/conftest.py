"""Fixtures of the publishing tests."""

from __future__ import annotations

import dagster as dg
import pytest

from tests.quant_assets.small_graph import (
    SmallGraph,
)


@pytest.fixture
def graph(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield SmallGraph(tmp_path, instance)
