"""Publish or quarantine: what becomes visible, what is withheld, and what Dagster and the ledger say about it."""

from __future__ import annotations

import json

import dagster as dg
import pandas as pd
import pytest

from quant_assets.errors import ContractViolation, EmptyResult
from quant_assets.manifests import REFUSALS
from quant_resources.lakehouse import content_hashes
from tests.quant_assets.publishing_views import days_of, exit_code_of, materializations_of, message_of, verdicts_of
from tests.quant_assets.small_graph import (
    HEALTH_TABLE,
    RAW,
    RAW_TABLE,
    REJECTS,
    REJECTS_TABLE,
    SmallGraph,
)

D = [f"2024-03-{d:02d}" for d in range(0, 32)]  # D[5] is the fifth
L0, L1 = dg.AssetCheckKey(RAW, "l0_contract"), dg.AssetCheckKey(RAW, "l1_contract")


# ---------------------------------------------------------------- what becomes visible


def test_a_single_partition_is_published_with_its_content_as_data_version(graph):
    assert graph.run(RAW, first=D[5]).success
    expected = graph.world.rows([D[5]])
    stored = graph.lakehouse.read(RAW_TABLE)
    pd.testing.assert_frame_equal(stored, expected, check_dtype=False)
    shown = materializations_of(graph, RAW)
    version = content_hashes(RAW_TABLE, RAW_TABLE.canonical(expected), [D[5]])[D[5]]
    assert list(shown) == [D[5]]
    assert shown[D[5]].tags["dagster/data_version"] == version
    assert graph.ledger.states("raw")[D[5]].data_version == version
    assert verdicts_of(graph, L0)[D[5]] is True and verdicts_of(graph, L1)[D[5]] is True
    metadata = shown[D[5]].metadata
    assert metadata["dagster/row_count"].value == 2
    assert metadata["symbols"].value == 2
    assert metadata["table_version"].value == graph.lakehouse.version("raw")
    assert metadata["chart"].value == "2 rows"


def test_a_range_is_published_in_one_commit_with_a_data_version_for_each_partition(graph):
    assert graph.run(RAW, first=D[1], last=D[6]).success
    shown = materializations_of(graph, RAW)
    assert sorted(shown) == D[1:7]
    assert len({m.tags["dagster/data_version"] for m in shown.values()}) == 6
    assert len({m.metadata["table_version"].value for m in shown.values()}) == 1
    assert [d for d, ok in verdicts_of(graph, L0).items() if ok and d] == D[1:7]
    assert graph.status("raw") == dict.fromkeys(D[1:7], "published")


def test_one_by_one_and_as_a_range_come_out_the_same(graph, tmp_path):
    for day in D[1:4]:
        assert graph.run(RAW, first=day).success
    with dg.DagsterInstance.ephemeral() as instance:
        other = SmallGraph(tmp_path / "other", instance)
        assert other.run(RAW, first=D[1], last=D[3]).success
        digests = [
            {d: m.metadata["manifest_digest"].value for d, m in materializations_of(g, RAW).items()}
            for g in (graph, other)
        ]
        versions = [
            {d: m.tags["dagster/data_version"] for d, m in materializations_of(g, RAW).items()} for g in (graph, other)
        ]
    assert digests[0] == digests[1]
    assert versions[0] == versions[1]


def test_a_refused_day_of_a_range_is_withheld_and_the_others_are_published(graph):
    graph.world.bad = {D[3]}
    result = graph.run(RAW, first=D[1], last=D[5])
    assert not result.success
    assert exit_code_of(result) == 3
    assert "L0.BAD" in message_of(result) and D[3] in message_of(result)
    good = [D[1], D[2], D[4], D[5]]
    assert days_of(graph, RAW_TABLE) == good
    shown = materializations_of(graph, RAW)
    assert sorted(shown) == good
    assert len({m.tags["dagster/data_version"] for m in shown.values()}) == 4
    verdicts = verdicts_of(graph, L0)
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
    assert exit_code_of(result) == 3
    assert D[3] not in graph.shown(RAW)
    assert verdicts_of(graph, L0)[D[3]] is False
    assert verdicts_of(graph, L1)[D[3]] is True
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
        assert verdicts_of(graph, L1)[D[2]] is False
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
    assert exit_code_of(graph.run(RAW, first=D[1], last=D[3])) == 3
    assert graph.lakehouse.open("raw") is None
    assert graph.shown(RAW) == set()
    assert graph.status("raw") == dict.fromkeys(D[1:4], "refused")


# ---------------------------------------------------------------- companions and side tables


def test_companions_are_written_even_for_a_refused_day_and_sides_only_for_published_ones(graph):
    graph.world.bad = {D[2]}
    graph.run(RAW, first=D[1], last=D[3])
    assert days_of(graph, REJECTS_TABLE) == D[1:4]
    assert days_of(graph, HEALTH_TABLE) == [D[1], D[3]]
    assert graph.shown(REJECTS) == {D[1], D[3]}
    assert {m.metadata["dagster/row_count"].value for m in materializations_of(graph, REJECTS).values()} == {1}


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
    assert exit_code_of(result) == 4
    assert graph.status("raw")[D[3]] == "refused"
    assert D[3] not in graph.shown(RAW)
    assert graph.lakehouse.read(REFUSALS)["rules"].tolist() == ["OUTPUT.NONEMPTY"]


@pytest.mark.parametrize("last", [None, D[4]], ids=["alone", "in a range"])
def test_an_empty_partition_with_a_reason_is_published_and_says_so(graph, last):
    graph.world.empty_on_purpose = {D[3]: "nothing traded"}
    assert graph.run(RAW, first=D[3], last=last).success
    assert graph.status("raw")[D[3]] == "published"
    assert materializations_of(graph, RAW)[D[3]].metadata["empty_on_purpose"].value == "nothing traded"
    assert materializations_of(graph, RAW)[D[3]].metadata["dagster/row_count"].value == 0


def test_a_partition_that_cannot_be_computed_does_not_take_the_others_with_it(graph):
    graph.world.failures = {D[2]: ContractViolation("the solver did not converge")}
    result = graph.run(RAW, first=D[1], last=D[3])
    assert exit_code_of(result) == 3
    assert "the solver did not converge" in message_of(result)
    assert graph.status("raw") == {D[1]: "published", D[2]: "refused", D[3]: "published"}
    assert graph.lakehouse.read(REFUSALS)["rules"].tolist() == ["OUTPUT.COMPUTED"]
    assert verdicts_of(graph, L0)[D[2]] is False


def test_a_partition_that_could_only_come_out_empty_has_exit_code_4(graph):
    graph.world.failures = {D[2]: EmptyResult("no candidates")}
    assert exit_code_of(graph.run(RAW, first=D[1], last=D[3])) == 4


def test_an_error_of_the_body_fails_the_run_with_its_exit_code_and_records_nothing(graph):
    graph.world.raises = EmptyResult("the venue has no file")
    result = graph.run(RAW, first=D[1], last=D[3])
    assert exit_code_of(result) == 4
    assert "raw: the venue has no file" in message_of(result)
    assert graph.lakehouse.tables() == []


@pytest.mark.parametrize("last", [None, D[4]], ids=["alone", "in a range"])
def test_a_forgotten_level_is_an_error_and_nothing_is_published(graph, last):
    graph.world.forgotten_level = True
    result = graph.run(RAW, first=D[3], last=last)
    assert not result.success
    assert "verdicts for ['L0'], declared ['L0', 'L1']" in message_of(result)
    assert graph.lakehouse.tables() == []
    assert graph.shown(RAW) == set()
