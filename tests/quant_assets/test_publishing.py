"""Publish or quarantine: what becomes visible, what is withheld, and what Dagster and the ledger say about it."""

from __future__ import annotations

import json

import dagster as dg
import pandas as pd
import pytest

from quant_assets.currency import current_partitions
from quant_assets.errors import ContractViolation, EmptyResult
from quant_assets.gate import ContractGate
from quant_assets.manifests import MANIFESTS, REFUSALS
from quant_assets.publishing import PartitionRun
from quant_resources.lakehouse import content_hashes
from tests.quant_assets.small_graph import (
    HEALTH_TABLE,
    PICK,
    PICK_TABLE,
    RAW,
    RAW_TABLE,
    REJECTS,
    REJECTS_TABLE,
    SMOOTH,
    SMOOTH_TABLE,
    SmallGraph,
)

D = [f"2024-03-{d:02d}" for d in range(0, 32)]  # D[5] is the fifth
L0, L1 = dg.AssetCheckKey(RAW, "l0_contract"), dg.AssetCheckKey(RAW, "l1_contract")


@pytest.fixture
def graph(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield SmallGraph(tmp_path, instance)


def _exit_code(result: dg.ExecuteInProcessResult) -> int | None:
    """Exit code that the first failed step gave; None where no step failed."""
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            return 1 if told is None else int(told.metadata["exit_code"].value)
    return None


def _message(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.is_step_failure]
    told = event.step_failure_data.user_failure_data
    return str(told.description) if told is not None else event.step_failure_data.error_display_string


def _materializations(graph: SmallGraph, key: dg.AssetKey) -> dict[str, dg.AssetMaterialization]:
    """Newest materialization of each partition."""
    records = graph.instance.fetch_materializations(key, limit=500).records
    return {r.asset_materialization.partition: r.asset_materialization for r in reversed(records)}


def _verdicts(graph: SmallGraph, check: dg.AssetCheckKey) -> dict[str | None, bool]:
    """Newest verdict of a check on each partition."""
    records = graph.instance.event_log_storage.get_asset_check_execution_history(check, limit=500)
    return {r.partition: r.status.value == "SUCCEEDED" for r in reversed(records) if r.status.value != "PLANNED"}


def _days(graph: SmallGraph, table) -> list[str]:
    return graph.lakehouse.read(table)[table.partition_column].dt.strftime("%Y-%m-%d").unique().tolist()


# ---------------------------------------------------------------- what becomes visible


def test_a_single_partition_is_published_with_its_content_as_data_version(graph):
    assert graph.run(RAW, first=D[5]).success
    expected = graph.world.rows([D[5]])
    stored = graph.lakehouse.read(RAW_TABLE)
    pd.testing.assert_frame_equal(stored, expected, check_dtype=False)
    shown = _materializations(graph, RAW)
    version = content_hashes(RAW_TABLE, RAW_TABLE.canonical(expected), [D[5]])[D[5]]
    assert list(shown) == [D[5]]
    assert shown[D[5]].tags["dagster/data_version"] == version
    assert graph.ledger.states("raw")[D[5]].data_version == version
    assert _verdicts(graph, L0)[D[5]] is True and _verdicts(graph, L1)[D[5]] is True
    metadata = shown[D[5]].metadata
    assert metadata["dagster/row_count"].value == 2
    assert metadata["symbols"].value == 2
    assert metadata["table_version"].value == graph.lakehouse.version("raw")
    assert metadata["chart"].value == "2 rows"


def test_a_range_is_published_in_one_commit_with_a_data_version_for_each_partition(graph):
    assert graph.run(RAW, first=D[1], last=D[6]).success
    shown = _materializations(graph, RAW)
    assert sorted(shown) == D[1:7]
    assert len({m.tags["dagster/data_version"] for m in shown.values()}) == 6
    assert len({m.metadata["table_version"].value for m in shown.values()}) == 1
    assert [d for d, ok in _verdicts(graph, L0).items() if ok and d] == D[1:7]
    assert graph.status("raw") == dict.fromkeys(D[1:7], "published")


def test_one_by_one_and_as_a_range_come_out_the_same(graph, tmp_path):
    for day in D[1:4]:
        assert graph.run(RAW, first=day).success
    with dg.DagsterInstance.ephemeral() as instance:
        other = SmallGraph(tmp_path / "other", instance)
        assert other.run(RAW, first=D[1], last=D[3]).success
        digests = [
            {d: m.metadata["manifest_digest"].value for d, m in _materializations(g, RAW).items()}
            for g in (graph, other)
        ]
        versions = [
            {d: m.tags["dagster/data_version"] for d, m in _materializations(g, RAW).items()} for g in (graph, other)
        ]
    assert digests[0] == digests[1]
    assert versions[0] == versions[1]


def test_a_refused_day_of_a_range_is_withheld_and_the_others_are_published(graph):
    graph.world.bad = {D[3]}
    result = graph.run(RAW, first=D[1], last=D[5])
    assert not result.success
    assert _exit_code(result) == 3
    assert "L0.BAD" in _message(result) and D[3] in _message(result)
    good = [D[1], D[2], D[4], D[5]]
    assert _days(graph, RAW_TABLE) == good
    shown = _materializations(graph, RAW)
    assert sorted(shown) == good
    assert len({m.tags["dagster/data_version"] for m in shown.values()}) == 4
    verdicts = _verdicts(graph, L0)
    assert verdicts[D[3]] is False
    assert all(verdicts[d] for d in good), "the summary of the range must not paint good days red"
    assert graph.status("raw") == {**dict.fromkeys(good, "published"), D[3]: "refused"}


def test_a_refused_frame_is_kept_in_the_refusals_with_rule_and_reason(graph):
    graph.world.bad = {D[3]}
    graph.run(RAW, first=D[1], last=D[5])
    (row,) = graph.lakehouse.read(REFUSALS).to_dict("records")
    assert (row["asset"], row["partition"], row["rules"]) == ("raw", pd.Timestamp(D[3]), "L0.BAD")
    assert "1 bad rows" in row["reason"]
    kept = json.loads(row["frame"])
    assert [(r["symbol"], r["value"]) for r in kept] == [("AAA", 3.0), ("BBB", 103.0)]


@pytest.mark.parametrize("last", [None, D[4]], ids=["alone", "in a range"])
def test_the_verdict_of_a_refused_day_carries_its_partition_rules_and_offenders(graph, last):
    graph.world.bad = {D[3]}
    result = graph.run(RAW, first=D[3], last=last)
    assert _exit_code(result) == 3
    assert D[3] not in graph.shown(RAW)
    assert _verdicts(graph, L0)[D[3]] is False
    assert _verdicts(graph, L1)[D[3]] is True
    evaluations = [
        e.asset_check_evaluation_data for e in result.all_events if e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    (of_day,) = [e for e in evaluations if e.partition == D[3] and e.check_name == "l0_contract"]
    assert of_day.severity == dg.AssetCheckSeverity.ERROR
    rules = [r.data for r in of_day.metadata["rules"].records]
    assert [(r["rule"], r["verdict"]) for r in rules] == [("L0.BAD", "fail"), ("OUTPUT.NONEMPTY", "pass")]
    assert of_day.metadata["worst_offenders"].value == {"L0.BAD": [{"symbol": "AAA", "value": -1.0}]}


def test_a_warning_is_shown_and_does_not_withhold(graph):
    graph.world.warned = {D[2]}
    for first, last in ((D[2], None), (D[1], D[3])):
        result = graph.run(RAW, first=first, last=last)
        assert result.success
        assert _verdicts(graph, L1)[D[2]] is False
        evaluations = [
            e.asset_check_evaluation_data for e in result.all_events
            if e.event_type_value == "ASSET_CHECK_EVALUATION"
        ]  # fmt: skip
        of_day = [e for e in evaluations if e.partition == D[2] and e.check_name == "l1_contract"]
        assert [e.severity for e in of_day] == [dg.AssetCheckSeverity.WARN]
        assert D[2] in graph.shown(RAW)
    assert graph.status("raw")[D[2]] == "published"


def test_when_all_are_refused_no_table_is_touched(graph):
    graph.world.bad = set(D[1:4])
    assert _exit_code(graph.run(RAW, first=D[1], last=D[3])) == 3
    assert graph.lakehouse.open("raw") is None
    assert graph.shown(RAW) == set()
    assert graph.status("raw") == dict.fromkeys(D[1:4], "refused")


# ---------------------------------------------------------------- companions and side tables


def test_companions_are_written_even_for_a_refused_day_and_sides_only_for_published_ones(graph):
    graph.world.bad = {D[2]}
    graph.run(RAW, first=D[1], last=D[3])
    assert _days(graph, REJECTS_TABLE) == D[1:4]
    assert _days(graph, HEALTH_TABLE) == [D[1], D[3]]
    assert graph.shown(REJECTS) == {D[1], D[3]}
    assert {m.metadata["dagster/row_count"].value for m in _materializations(graph, REJECTS).values()} == {1}


def test_a_companion_without_rows_empties_its_partition(graph):
    graph.run(RAW, first=D[1])
    graph.world.empty_on_purpose = {D[1]: "the market was closed"}
    assert graph.run(RAW, first=D[1]).success
    assert graph.lakehouse.read(REJECTS_TABLE).empty
    assert graph.lakehouse.read(HEALTH_TABLE).empty


# ---------------------------------------------------------------- empty, failed, forgotten


@pytest.mark.parametrize("last", [None, D[4]], ids=["alone", "in a range"])
def test_an_empty_partition_without_a_reason_is_refused_with_exit_code_4(graph, last):
    graph.world.empty = {D[3]}
    result = graph.run(RAW, first=D[3], last=last)
    assert _exit_code(result) == 4
    assert graph.status("raw")[D[3]] == "refused"
    assert D[3] not in graph.shown(RAW)
    assert graph.lakehouse.read(REFUSALS)["rules"].tolist() == ["OUTPUT.NONEMPTY"]


@pytest.mark.parametrize("last", [None, D[4]], ids=["alone", "in a range"])
def test_an_empty_partition_with_a_reason_is_published_and_says_so(graph, last):
    graph.world.empty_on_purpose = {D[3]: "nothing traded"}
    assert graph.run(RAW, first=D[3], last=last).success
    assert graph.status("raw")[D[3]] == "published"
    assert _materializations(graph, RAW)[D[3]].metadata["empty_on_purpose"].value == "nothing traded"
    assert _materializations(graph, RAW)[D[3]].metadata["dagster/row_count"].value == 0


def test_a_partition_that_cannot_be_computed_does_not_take_the_others_with_it(graph):
    graph.world.failures = {D[2]: ContractViolation("the solver did not converge")}
    result = graph.run(RAW, first=D[1], last=D[3])
    assert _exit_code(result) == 3
    assert "the solver did not converge" in _message(result)
    assert graph.status("raw") == {D[1]: "published", D[2]: "refused", D[3]: "published"}
    assert graph.lakehouse.read(REFUSALS)["rules"].tolist() == ["OUTPUT.COMPUTED"]
    assert _verdicts(graph, L0)[D[2]] is False


def test_a_partition_that_could_only_come_out_empty_has_exit_code_4(graph):
    graph.world.failures = {D[2]: EmptyResult("no candidates")}
    assert _exit_code(graph.run(RAW, first=D[1], last=D[3])) == 4


def test_an_error_of_the_body_fails_the_run_with_its_exit_code_and_records_nothing(graph):
    graph.world.raises = EmptyResult("the venue has no file")
    result = graph.run(RAW, first=D[1], last=D[3])
    assert _exit_code(result) == 4
    assert "raw: the venue has no file" in _message(result)
    assert graph.lakehouse.tables() == []


@pytest.mark.parametrize("last", [None, D[4]], ids=["alone", "in a range"])
def test_a_forgotten_level_is_an_error_and_nothing_is_published(graph, last):
    graph.world.forgotten_level = True
    result = graph.run(RAW, first=D[3], last=last)
    assert not result.success
    assert "verdicts for ['L0'], declared ['L0', 'L1']" in _message(result)
    assert graph.lakehouse.tables() == []
    assert graph.shown(RAW) == set()


# ---------------------------------------------------------------- the gate: this run and later ones


def test_a_later_run_withholds_every_window_that_contains_a_refused_day(graph):
    graph.world.bad = {D[4]}
    graph.run(RAW, first=D[1], last=D[8])
    result = graph.run(SMOOTH, first=D[1], last=D[8])
    assert _exit_code(result) == 3
    blocked = [D[4], D[5], D[6]]  # a window of three days
    assert graph.world.bodies == [("smooth", [D[1], D[2], D[3], D[7], D[8]])]
    assert graph.shown(SMOOTH) == set(D[1:9]) - set(blocked)
    assert {k for k, s in graph.status("smooth").items() if s == "refused"} == set(blocked)
    verdicts = _verdicts(graph, dg.AssetCheckKey(SMOOTH, "l2_contract"))
    assert {d for d, ok in verdicts.items() if d and not ok} == set(blocked)
    refusals = graph.lakehouse.read(REFUSALS, scope={"asset": "smooth"})
    assert set(refusals["rules"]) == {"INPUT.PUBLISHED"}
    assert all("input raw" in r and f"{D[4]} (refused)" in r for r in refusals["reason"])


def test_a_later_run_of_one_partition_is_withheld_too(graph):
    graph.world.bad = {D[4]}
    graph.run(RAW, first=D[1], last=D[8])
    result = graph.run(SMOOTH, first=D[6])
    assert _exit_code(result) == 3
    assert graph.shown(SMOOTH) == set()
    assert graph.world.bodies == [], "the body never saw the refused day"


def test_a_missing_day_withholds_as_a_refused_one_does(graph):
    graph.run(RAW, first=D[1], last=D[3])
    result = graph.run(SMOOTH, first=D[2], last=D[4])
    assert _exit_code(result) == 3
    assert graph.shown(SMOOTH) == {D[2], D[3]}
    assert f"{D[4]} (missing)" in _message(result)


def test_a_run_before_anything_exists_is_withheld_and_says_what_to_do(graph):
    result = graph.run(SMOOTH, first=D[4])
    assert _exit_code(result) == 3
    assert "quant backfill --select raw" in _message(result)


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
    assert _exit_code(graph.run(RAW, first=D[7])) == 3
    assert graph.ledger.withheld() == {
        "raw": {D[7]},
        "smooth": {D[7], D[8], D[9]},
        "trend/pick": {D[11], D[18]},  # decided from it, and decided after a decision from it
    }
    result = graph.run(PICK, first=D[11])
    assert _exit_code(result) == 3
    assert "rests on a refused partition" in _message(result)


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
    assert result.success, _message(result)
    asked = [D[3]] if last is None else D[1:6]
    assert graph.world.bodies == [("raw", asked), ("smooth", asked)]
    assert graph.shown(SMOOTH) == set(asked)
    versions = {d: m.tags["dagster/data_version"] for d, m in _materializations(graph, RAW).items()}
    states = graph.ledger.states("raw")
    assert versions == {d: s.data_version for d, s in states.items()}, "the newest event has the exact data version"


@pytest.mark.parametrize("last", [None, D[5]], ids=["one partition", "a range"])
def test_a_refusal_stops_the_steps_behind_it_in_the_same_run(graph, last):
    graph.world.bad = {D[3]}
    if last is None:
        graph.run(RAW, first=D[1], last=D[2])
    result = graph.run(RAW, SMOOTH, first=D[3] if last is None else D[1], last=last)
    assert _exit_code(result) == 3
    assert [name for name, _ in graph.world.bodies] == ["raw"]
    assert graph.shown(SMOOTH) == set()
    assert graph.status("smooth") == {}
    assert D[3] not in graph.shown(RAW)


# ---------------------------------------------------------------- idempotence and currency


def test_a_second_run_gives_the_same_data_versions_and_manifest_digests(graph):
    _good_history(graph)
    before = {k: _materializations(graph, k) for k in (RAW, SMOOTH, PICK)}
    graph.world.fetched_at = pd.Timestamp("2025-01-01")  # another moment, the same content
    _good_history(graph)
    for key, events in before.items():
        again = _materializations(graph, key)
        for name in ("data_version", "manifest_digest", "inputs_digest"):
            assert {d: m.metadata[name].value for d, m in again.items()} == {
                d: m.metadata[name].value for d, m in events.items()
            }, (key, name)


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
