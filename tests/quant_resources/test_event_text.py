"""The text of an event is Dagster's own to the last character, whatever the event says."""

from __future__ import annotations

import math

import dagster as dg
import pytest
from dagster._core.events.log import EventLogEntry
from dagster._serdes import serialize_value
from hypothesis import given
from hypothesis import strategies as st

from quant_resources import event_text as module
from quant_resources.event_text import event_text

DAYS = dg.DailyPartitionsDefinition("2024-03-01", end_date="2024-03-04", timezone="UTC")
KEY = dg.AssetKey(["binance", "ohlcv"])
text = st.text(max_size=20)
value = st.one_of(
    text.map(dg.MetadataValue.text),
    text.map(dg.MetadataValue.md),
    st.integers().map(dg.MetadataValue.int),
    st.floats().map(dg.MetadataValue.float),
    st.booleans().map(dg.MetadataValue.bool),
    st.none().map(lambda _: dg.MetadataValue.null()),
    st.dictionaries(text, st.one_of(st.integers(), st.floats(allow_nan=False), text, st.none())).map(
        dg.MetadataValue.json
    ),
    st.lists(text, min_size=1, max_size=2).map(
        lambda words: dg.MetadataValue.table([dg.TableRecord({"rule": word, "breaches": 1}) for word in words])
    ),
    st.just(dg.MetadataValue.timestamp(1_700_000_000.5)),
    st.just(dg.MetadataValue.asset(KEY)),
)
metadata = st.dictionaries(st.text(min_size=1, max_size=12), value, max_size=6)


def events_of(*told: dg.AssetMaterialization | dg.AssetCheckEvaluation) -> list[EventLogEntry]:
    """All events of a real run of an asset that logs these."""

    @dg.asset(key=KEY, partitions_def=DAYS, check_specs=[dg.AssetCheckSpec("l0", asset=KEY)])
    def step(context):
        for event in told:
            context.log_event(event)
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="l0")])

    with dg.DagsterInstance.ephemeral() as instance:
        done = dg.materialize(
            [step],
            instance=instance,
            partition_key="2024-03-02",
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
        return instance.all_logs(done.run_id)


@given(metadata=metadata, tags=st.dictionaries(st.sampled_from(["dagster/data_version", "a/b"]), st.just("v-1.0")))
def test_a_materialization_with_any_metadata_has_dagsters_text(one_of_each, metadata, tags):
    made = one_of_each["ASSET_MATERIALIZATION"]
    told = dg.AssetMaterialization(KEY, partition="2024-03-02", metadata=metadata, tags=tags)
    data = made.dagster_event.event_specific_data._replace(materialization=told)
    event = made._replace(dagster_event=made.dagster_event._replace(event_specific_data=data))
    assert event_text(event) == serialize_value(event)


@given(metadata=metadata, passed=st.booleans(), severity=st.sampled_from(dg.AssetCheckSeverity), words=text)
def test_a_verdict_with_any_metadata_has_dagsters_text(one_of_each, metadata, passed, severity, words):
    made = one_of_each["ASSET_CHECK_EVALUATION"]
    told = dg.AssetCheckEvaluation(
        asset_key=KEY, check_name="l0", passed=passed, metadata=metadata, severity=severity, description=words,
        partition="2024-03-02", blocking=True,
    )  # fmt: skip
    event = made._replace(dagster_event=made.dagster_event._replace(event_specific_data=told))
    assert event_text(event) == serialize_value(event)


@pytest.fixture(scope="module")
def one_of_each():
    """An event of each type of a real run, by type."""
    found = events_of(
        dg.AssetMaterialization(KEY, partition="2024-03-01", metadata={"rows": 1, "density": math.nan}),
        dg.AssetCheckEvaluation(asset_key=KEY, check_name="l0", passed=True, partition="2024-03-01"),
    )
    return {e.dagster_event.event_type_value if e.dagster_event else "": e for e in found}


def test_every_event_of_a_run_has_dagsters_text(one_of_each):
    assert {"ASSET_MATERIALIZATION_PLANNED", "ASSET_CHECK_EVALUATION_PLANNED", "RUN_SUCCESS", "STEP_START"} <= {
        "RUN_SUCCESS" if kind == "PIPELINE_SUCCESS" else kind for kind in one_of_each
    }
    assert {kind: event_text(e) for kind, e in one_of_each.items()} == {
        kind: serialize_value(e) for kind, e in one_of_each.items()
    }


def test_asset_and_verdict_events_are_written_here_and_not_by_dagster(one_of_each, monkeypatch):
    kinds = "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION", "ASSET_MATERIALIZATION_PLANNED"
    expected = [event_text(one_of_each[kind]) for kind in kinds]
    asked = []
    monkeypatch.setattr(
        module, "serialize_value", lambda part: asked.append(type(part).__name__) or serialize_value(part)
    )
    assert [event_text(one_of_each[kind]) for kind in kinds] == expected
    assert "EventLogEntry" not in asked and "DagsterEvent" not in asked


def test_where_dagster_writes_another_text_its_own_is_taken(one_of_each, monkeypatch):
    monkeypatch.setattr(module, "_equal", {})
    monkeypatch.setattr(module, "serialize_value", lambda event: "what a later Dagster writes")
    assert {event_text(event) for event in one_of_each.values()} == {"what a later Dagster writes"}
