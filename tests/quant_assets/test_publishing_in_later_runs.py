"""What a publication or a refusal means for later runs: the gate, steps behind it, idempotence, the asset's page."""

from __future__ import annotations

import json

import dagster as dg
import pandas as pd
import pytest

from quant_assets.currency import current_partitions
from quant_assets.gate import ContractGate
from quant_assets.manifests import MANIFESTS, REFUSALS
from quant_assets.publishing import PartitionRun
from tests.quant_assets.publishing_views import exit_code_of, materializations_of, message_of, verdicts_of
from tests.quant_assets.small_graph import (
    PICK,
    PICK_TABLE,
    RAW,
    REJECTS,
    SMOOTH,
    SMOOTH_TABLE,
    SmallGraph,
)

D = [f"2024-03-{d:02d}" for d in range(0, 32)]  # D[5] is the fifth
L0, L1 = dg.AssetCheckKey(RAW, "l0_contract"), dg.AssetCheckKey(RAW, "l1_contract")


# ---------------------------------------------------------------- the gate: this run and later ones


def test_a_later_run_withholds_every_window_that_contains_a_refused_day(graph):
    graph.world.bad = {D[4]}
    graph.run(RAW, first=D[1], last=D[8])
    result = graph.run(SMOOTH, first=D[1], last=D[8])
    assert exit_code_of(result) == 3
    blocked = [D[4], D[5], D[6]]  # a window of three days
    assert graph.world.bodies == [("smooth", [D[1], D[2], D[3], D[7], D[8]])]
    assert graph.shown(SMOOTH) == set(D[1:9]) - set(blocked)
    assert {k for k, s in graph.status("smooth").items() if s == "refused"} == set(blocked)
    verdicts = verdicts_of(graph, dg.AssetCheckKey(SMOOTH, "l2_contract"))
    assert {d for d, ok in verdicts.items() if d and not ok} == set(blocked)
    refusals = graph.lakehouse.read(REFUSALS, scope={"asset": "smooth"})
    assert set(refusals["rules"]) == {"INPUT.PUBLISHED"}
    assert all("input raw" in r and f"{D[4]} (refused)" in r for r in refusals["reason"])


def test_a_later_run_of_one_partition_is_withheld_too(graph):
    graph.world.bad = {D[4]}
    graph.run(RAW, first=D[1], last=D[8])
    result = graph.run(SMOOTH, first=D[6])
    assert exit_code_of(result) == 3
    assert graph.shown(SMOOTH) == set()
    assert graph.world.bodies == [], "the body never saw the refused day"


def test_a_missing_day_withholds_as_a_refused_one_does(graph):
    graph.run(RAW, first=D[1], last=D[3])
    result = graph.run(SMOOTH, first=D[2], last=D[4])
    assert exit_code_of(result) == 3
    assert graph.shown(SMOOTH) == {D[2], D[3]}
    assert f"{D[4]} (missing)" in message_of(result)


def test_a_run_before_anything_exists_is_withheld_and_says_what_to_do(graph):
    result = graph.run(SMOOTH, first=D[4])
    assert exit_code_of(result) == 3
    assert "quant backfill --select raw" in message_of(result)


def test_a_mended_day_opens_the_gate_again(graph):
    graph.world.bad = {D[4]}
    graph.run(RAW, first=D[1], last=D[8])
    graph.run(SMOOTH, first=D[1], last=D[8])
    graph.world.bad = set()
    assert graph.run(RAW, first=D[4]).success
    assert graph.run(SMOOTH, first=D[4], last=D[6]).success
    assert graph.shown(SMOOTH) == set(D[1:9])
    assert graph.ledger.withheld() == {}


def _good_history(graph: SmallGraph) -> None:
    assert graph.run(RAW, first=D[1], last=D[17]).success
    assert graph.run(SMOOTH, first=D[1], last=D[17]).success
    assert graph.run(PICK, first=D[11], last=D[18]).success


def test_a_good_day_that_is_refused_later_withholds_all_that_was_made_from_it(graph):
    _good_history(graph)
    graph.world.bad = {D[7]}
    assert exit_code_of(graph.run(RAW, first=D[7])) == 3
    assert graph.ledger.withheld() == {
        "raw": {D[7]},
        "smooth": {D[7], D[8], D[9]},
        "trend/pick": {D[11], D[18]},  # decided from it, and decided after a decision from it
    }
    result = graph.run(PICK, first=D[11])
    assert exit_code_of(result) == 3
    assert "rests on a refused partition" in message_of(result)


def test_nothing_of_the_older_content_of_a_refused_day_reaches_a_reader(graph):
    graph.run(RAW, first=D[7], last=D[17])
    graph.world.bad = {D[12]}
    graph.run(RAW, first=D[12])
    graph.run(SMOOTH, first=D[9], last=D[17])
    assert graph.world.bodies == [("smooth", [d for d in D[9:18] if d not in (D[12], D[13], D[14])])]
    declared = graph.built[SMOOTH].declaration
    gate, version = ContractGate(graph.ledger), graph.lakehouse.version("raw")
    keys = [D[11], D[15]]
    slices = {k: {"raw": gate.slice("raw", "raw", declared.inputs[0].lookback.keys(k), version)} for k in keys}
    run = PartitionRun(declared, graph.lakehouse, graph.ledger, keys, slices, keys, None)
    seen = run.read("raw")["date"].dt.strftime("%Y-%m-%d").unique().tolist()
    assert seen == [*D[9:12], *D[13:16]]


# ---------------------------------------------------------------- steps behind one another in one run


@pytest.mark.parametrize("last", [None, D[5]], ids=["one partition", "a range"])
def test_steps_in_the_same_run_work_on_what_the_first_has_published(graph, last):
    if last is None:
        graph.run(RAW, first=D[1], last=D[2])
    result = graph.run(RAW, SMOOTH, first=D[3] if last is None else D[1], last=last)
    assert result.success, message_of(result)
    asked = [D[3]] if last is None else D[1:6]
    assert graph.world.bodies == [("raw", asked), ("smooth", asked)]
    assert graph.shown(SMOOTH) == set(asked)
    versions = {d: m.tags["dagster/data_version"] for d, m in materializations_of(graph, RAW).items()}
    states = graph.ledger.states("raw")
    assert versions == {d: s.data_version for d, s in states.items()}, "the newest event has the exact data version"


@pytest.mark.parametrize("last", [None, D[5]], ids=["one partition", "a range"])
def test_a_refusal_stops_the_steps_behind_it_in_the_same_run(graph, last):
    graph.world.bad = {D[3]}
    if last is None:
        graph.run(RAW, first=D[1], last=D[2])
    result = graph.run(RAW, SMOOTH, first=D[3] if last is None else D[1], last=last)
    assert exit_code_of(result) == 3
    assert [name for name, _ in graph.world.bodies] == ["raw"]
    assert graph.shown(SMOOTH) == set()
    assert graph.status("smooth") == {}
    assert D[3] not in graph.shown(RAW)


# ---------------------------------------------------------------- idempotence and currency


def test_a_second_run_gives_the_same_data_versions_and_manifest_digests(graph):
    _good_history(graph)
    before = {k: materializations_of(graph, k) for k in (RAW, SMOOTH, PICK)}
    graph.world.fetched_at = pd.Timestamp("2025-01-01")  # another moment, the same content
    _good_history(graph)
    for key, events in before.items():
        again = materializations_of(graph, key)
        for name in ("data_version", "manifest_digest", "inputs_digest"):
            assert {d: m.metadata[name].value for d, m in again.items()} == {
                d: m.metadata[name].value for d, m in events.items()
            }, (key, name)


def test_a_materialization_says_in_words_what_it_read(graph):
    _good_history(graph)
    told = materializations_of(graph, SMOOTH)[D[12]].metadata["inputs"].value
    assert told.startswith(f"raw: {D[10]} .. {D[12]} (3 partitions, table version "), told
    assert materializations_of(graph, RAW)[D[12]].metadata["inputs"].value == "none"


def test_what_did_not_change_is_current_and_what_did_makes_its_readers_stale(graph):
    _good_history(graph)
    for key, days in ((RAW, D[1:18]), (SMOOTH, D[1:18]), (PICK, [D[11], D[18]])):
        assert current_partitions(graph.built[key], graph.lakehouse, days) == set(days)
    graph.world.offset = 0.5
    assert graph.run(RAW, first=D[12]).success
    stale = set(D[1:18]) - current_partitions(graph.built[SMOOTH], graph.lakehouse, D[1:18])
    assert stale == {D[12], D[13], D[14]}


def test_another_configuration_makes_only_its_own_asset_stale(graph, tmp_path):
    graph.run(RAW, first=D[1], last=D[3])
    graph.run(SMOOTH, first=D[1], last=D[3])
    other = SmallGraph(tmp_path, graph.instance, config="two")
    assert current_partitions(other.built[RAW], other.lakehouse, D[1:4]) == set()
    assert current_partitions(other.built[SMOOTH], other.lakehouse, D[1:4]) == set(D[1:4])


def test_the_manifest_names_exactly_what_was_read(graph):
    _good_history(graph)
    rows = graph.lakehouse.read(MANIFESTS, scope={"asset": "trend/pick"})
    row = rows[rows["partition"] == pd.Timestamp(D[18])].iloc[-1]
    smooth, own = json.loads(row["inputs"])
    states = graph.ledger.states("smooth")
    assert smooth["partitions"] == D[11:18]
    assert smooth["data_versions"] == [states[d].data_version for d in D[11:18]]
    assert smooth["table_version"] == graph.lakehouse.version("smooth")
    assert (own["asset"], own["partitions"]) == ("trend/pick", [D[11]])
    assert own["data_versions"] == [graph.ledger.states("trend/pick")[D[11]].data_version]
    replayed = graph.lakehouse.read(SMOOTH_TABLE, start=D[11], end=D[17], version=smooth["table_version"])
    assert (
        replayed.groupby("symbol")["mean"].sum().tolist()
        == graph.lakehouse.read(PICK_TABLE, start=D[18], end=D[18])["score"].tolist()
    )


# ---------------------------------------------------------------- what the asset's page shows


def test_every_asset_has_its_page(graph):
    definitions = dg.Definitions(
        assets=[b.definition for b in graph.built.values()], resources={"lakehouse": graph.lakehouse}
    )
    nodes = definitions.resolve_asset_graph()
    for key in (RAW, REJECTS, SMOOTH, PICK):
        node = nodes.get(key)
        assert node.description.strip()
        assert node.owners == ["team:research"]
        assert node.kinds == {"python", "deltalake"}
        assert node.group_name in ("market", "features", "trend")
        assert node.code_version
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        columns = node.metadata["dagster/column_schema"].columns
        assert all(c.description and c.type for c in columns)
    (value,) = [c for c in nodes.get(RAW).metadata["dagster/column_schema"].columns if c.name == "value"]
    assert value.description == "synthetic value [USD]"
    assert {k.name for k in nodes.get(RAW).check_keys} == {"l0_contract", "l1_contract"}
    checks = [s for b in graph.built.values() for s in b.definition.check_specs]
    assert all(s.blocking and s.partitions_def is not None for s in checks)
