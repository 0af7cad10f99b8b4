"""The graph that Dagster shows: its shape is checked in, it loads quickly, and nothing in it looks ahead."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from quant_assets.build import build_assets, build_defs
from quant_assets.keys import asset_name, check_name
from quant_assets.profiles.load import load_profile
from tests.graph.rendering import render

SNAPSHOT = Path(__file__).parent / "demo_graph.txt"
REPO_ROOT = Path(__file__).parents[2]
HEAVY = ("vectorbt", "skfolio", "ray", "ccxt", "cvxpy", "sklearn", "matplotlib", "numba", "duckdb", "apprise")
FRESH = "fresh"
DECISIONS = ("selection", "sleeve_weights", "meta_weights")


@pytest.fixture(scope="module")
def profile():
    return load_profile("demo")


@pytest.fixture(scope="module")
def defs(profile) -> dg.Definitions:
    return build_defs(profile)


@pytest.fixture(scope="module")
def graph(defs):
    return defs.resolve_asset_graph()


def test_the_graph_is_the_checked_in_one(defs):
    """Meant to change? ``python -m tests.graph.test_graph`` writes the snapshot anew; look at its diff."""
    now, before = render(defs), SNAPSHOT.read_text(encoding="utf-8")
    diff = "\n".join(difflib.unified_diff(before.splitlines(), now.splitlines(), "checked in", "now", lineterm=""))
    assert now == before, f"the asset graph changed; if on purpose: python -m tests.graph.test_graph\n{diff}"


def test_loading_the_definitions_imports_no_heavy_library():
    code = f"import sys, json, quant_assets.definitions; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO_ROOT, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_definitions_are_loadable(defs):
    dg.Definitions.validate_loadable(defs)
    assert len(list(defs.resolve_all_asset_specs())) == 21


def test_every_asset_tells_what_it_is(defs):
    for spec in defs.resolve_all_asset_specs():
        name = asset_name(spec.key)
        assert spec.description and len(spec.description) > 20, name
        assert spec.group_name and spec.group_name != "default", name
        assert list(spec.owners) == ["team:quant"], name
        assert spec.kinds, name
        assert spec.code_version or spec.partitions_def is None, name


def test_every_column_of_every_table_is_described(defs):
    for spec in defs.resolve_all_asset_specs():
        if spec.partitions_def is None:
            continue  # the report is a page, not a table
        schema = spec.metadata["dagster/column_schema"]
        schema = getattr(schema, "value", schema)
        schema = getattr(schema, "schema", schema)
        assert schema.columns, asset_name(spec.key)
        undescribed = [c.name for c in schema.columns if not (c.description and c.type)]
        assert undescribed == [], asset_name(spec.key)
        assert len({c.name for c in schema.columns}) == len(schema.columns), asset_name(spec.key)


def test_prices_returns_and_weights_state_their_unit(profile):
    units = {
        (b.declaration.table.name, c.name): c.unit for b in build_assets(profile) for c in b.declaration.table.columns
    }
    for column in (("ohlcv", "close"), ("returns_matrix", "return"), ("sleeve_weights", "net_weight")):
        assert units[column], column


def test_every_published_asset_has_a_blocking_check_of_each_of_its_levels(profile, graph):
    wanted = {"listings": {"L0"}, "ohlcv": {"L0", "L1"}, "candidates": {"L2"}, "features_matrix": {"L2"}}
    wanted |= {"returns_matrix": {"L1"}, "all_sleeves/meta_weights": {"L4"}, "all_sleeves/meta_returns": {"L4"}}
    for sleeve in profile.sleeves:
        wanted |= {f"{sleeve.name}/{a}": {"L3"} for a in ("selection", "sleeve_weights", "sleeve_returns")}
    built = {asset_name(b.declaration.key): b for b in build_assets(profile)}
    assert set(built) == set(wanted)
    for name, levels in wanted.items():
        declared = built[name].declaration
        assert set(declared.levels) == levels, name
        checks = {k.name for k in graph.get(declared.key).check_keys} - {FRESH}
        assert checks == {check_name(level) for level in levels}, name
        for spec in built[name].definition.check_specs:
            assert spec.blocking, f"{name}: {spec.name} must withhold"
            assert spec.partitions_def == declared.partitions, f"{name}: {spec.name} must judge each partition"


def test_what_people_wait_for_says_whether_it_is_fresh(graph):
    fresh = {
        key.to_user_string() for key in graph.get_all_asset_keys() for c in graph.get(key).check_keys if c.name == FRESH
    }
    assert fresh == {"ohlcv", "features_matrix", "all_sleeves/meta_weights"}


def test_a_backfill_of_any_asset_is_one_run(profile):
    for built in build_assets(profile):
        policy = built.definition.backfill_policy
        assert policy is not None and policy.max_partitions_per_run is None, built.declaration.name


def test_no_decision_of_a_week_is_mapped_to_a_day_of_that_week(graph):
    """The edges of the graph itself, evaluated: the newest upstream day of every decision lies before its Monday."""
    looked_at = 0
    for key in graph.get_all_asset_keys():
        if key.path[-1] not in DECISIONS:
            continue
        node = graph.get(key)
        weeks = node.partitions_def.get_partition_keys()
        for parent in node.parent_keys:
            upstream = graph.get(parent).partitions_def
            if upstream.cron_schedule != "0 0 * * *":
                continue
            for week in (weeks[0], weeks[len(weeks) // 2], weeks[-1]):
                days = _upstream(node.partition_mappings[parent], node.partitions_def, upstream, week)
                assert days, f"{asset_name(key)} {week} has no day of {asset_name(parent)}"
                assert max(days) < week, f"{asset_name(key)} {week} looks at {asset_name(parent)} {max(days)}"
                looked_at += 1
    assert looked_at >= 8 * 3


def test_every_declared_look_back_stays_within_what_its_partition_may_know(profile):
    for built in build_assets(profile):
        asset = built.declaration
        keys = asset.partitions.get_partition_keys()
        for key in (keys[0], keys[len(keys) // 2], keys[-1]):
            for item in asset.inputs:
                read = item.lookback.keys(key)
                assert all(item.table.known_at(k) <= asset.knowable(key) for k in read), f"{asset.name} {key}"
                if asset.key.path[-1] in DECISIONS and item.table.partition_column == "date":
                    assert max(read) == (dt.date.fromisoformat(key) - dt.timedelta(days=1)).isoformat()


@pytest.mark.parametrize("name", ["demo", "binance_spot"])
def test_the_partitions_of_every_look_back_rise(name):
    """A manifest takes the first and the last of them for the oldest and the newest."""
    for asset in (built.declaration for built in build_assets(load_profile(name))):
        keys = asset.partitions.get_partition_keys()
        own = [] if asset.self_dependent is None else [asset.self_dependent]
        for lookback in [*(item.lookback for item in asset.inputs), *own]:
            for key in (keys[0], keys[len(keys) // 2], keys[-1]):
                read = list(lookback.keys(key))
                assert read == sorted(set(read)), f"{asset.name} {key}"


def test_the_graph_runs_one_way_from_bars_to_the_report(graph):
    order = [asset_name(k) for level in graph.toposorted_asset_keys_by_level for k in sorted(level)]
    place = {name: i for i, name in enumerate(order)}
    chain = [
        "listings", "ohlcv", "returns_matrix", "ma_long/selection", "ma_long/sleeve_weights",
        "ma_long/sleeve_returns", "all_sleeves/meta_weights", "all_sleeves/meta_returns", "all_sleeves/report",
    ]  # fmt: skip
    assert [place[c] for c in chain] == sorted(place[c] for c in chain)


def _upstream(mapping: dg.PartitionMapping, own, upstream, key: str) -> list[str]:
    subset = own.subset_with_partition_keys([key])
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, own, upstream)
    return list(found.partitions_subset.get_partition_keys())


if __name__ == "__main__":
    SNAPSHOT.write_text(render(build_defs(load_profile("demo"))), encoding="utf-8")
