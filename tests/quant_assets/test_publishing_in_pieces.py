"""A long range is computed and published in pieces, so that it needs no more memory; nobody downstream can tell."""

from __future__ import annotations

import dagster as dg
import pytest

from tests.quant_assets.publishing_views import exit_code_of, materializations_of, message_of, verdicts_of
from tests.quant_assets.small_graph import RAW, RAW_TABLE, REJECTS, REJECTS_TABLE, SMOOTH, SmallGraph

D = [f"2024-03-{d:02d}" for d in range(0, 32)]  # D[5] is the fifth
L0 = dg.AssetCheckKey(RAW, "l0_contract")


@pytest.fixture
def pieces(tmp_path):
    with dg.DagsterInstance.ephemeral() as instance:
        yield SmallGraph(tmp_path / "pieces", instance, piece=3)


def test_the_body_never_sees_more_days_than_a_piece_has(pieces):
    assert pieces.run(RAW, first=D[1], last=D[8]).success
    assert [keys for _, keys in pieces.world.bodies] == [D[1:4], D[4:7], D[7:9]]


def test_content_events_and_verdicts_are_those_of_the_undivided_range(graph, pieces):
    for one in (graph, pieces):
        one.world.bad = {D[5]}
        one.world.empty_on_purpose = {D[2]: "closed"}
        assert exit_code_of(one.run(RAW, first=D[1], last=D[8])) == 3
    for table in (RAW_TABLE, REJECTS_TABLE):
        assert pieces.lakehouse.read(table).equals(graph.lakehouse.read(table))
    digests = [{k: (s.status, s.data_version) for k, s in g.ledger.states("raw").items()} for g in (graph, pieces)]
    assert digests[0] == digests[1]
    assert verdicts_of(pieces, L0) == verdicts_of(graph, L0)
    for key in (RAW, REJECTS):
        mine, whole = materializations_of(pieces, key), materializations_of(graph, key)
        assert mine.keys() == whole.keys() == set(D[1:9]) - {D[5]}
        counts = [{d: m.metadata["dagster/row_count"] for d, m in events.items()} for events in (mine, whole)]
        assert counts[0] == counts[1]
    assert materializations_of(pieces, RAW)[D[2]].metadata["empty_on_purpose"].value == "closed"


def test_steps_behind_it_in_the_same_run_have_the_whole_range(pieces):
    result = pieces.run(RAW, SMOOTH, first=D[1], last=D[8])
    assert result.success, message_of(result)
    assert pieces.shown(SMOOTH) == set(D[1:9])


def test_what_was_published_before_a_piece_that_fails_stays_and_is_known(pieces):
    pieces.world.unreachable = {D[5]}
    result = pieces.run(RAW, first=D[1], last=D[8])
    assert exit_code_of(result) == 4
    assert "the source does not answer for 2024-03-05" in message_of(result)
    assert pieces.shown(RAW) == set(D[1:4])
    assert pieces.status("raw") == dict.fromkeys(D[1:4], "published")
