"""The ledger: every attempt is kept, the newest one is the state, and what rests on a refused partition is withheld."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from quant_assets.manifests import MANIFESTS, PUBLISHED, REFUSED, InputSlice, Ledger, Manifest
from quant_resources.lakehouse import Lakehouse

NOON = dt.datetime(2024, 3, 10, 12)
D = [f"2024-03-{d:02d}" for d in range(0, 32)]


def _slice(asset: str, days: list[str], version: int = 3, content: str = "c") -> InputSlice:
    return InputSlice(asset, asset.replace("/", "_"), version, tuple(days), tuple(f"{content}{d}" for d in days))


def _manifest(
    asset: str, day: str, status: str = PUBLISHED, inputs: tuple[InputSlice, ...] = (), **changes
) -> Manifest:
    made = Manifest(
        asset=asset, partition=day, status=status, run_id="run-1", data_version="" if status == REFUSED else f"v{day}",
        table=asset.replace("/", "_"), table_version=-1 if status == REFUSED else 3, rows=2, config_hash="config",
        code_version="code", env_hash="env", inputs=inputs, verdicts={"L0": [{"rule": "L0.X", "verdict": "pass"}]},
    )  # fmt: skip
    return replace(made, **changes)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(Lakehouse(tmp_path))


# ---------------------------------------------------------------- digests


def test_the_digest_is_the_same_for_an_equal_rerun():
    first = _manifest("raw", D[1], inputs=(_slice("bars", D[1:3]),))
    again = replace(first, run_id="run-2", table_version=99, inputs=(_slice("bars", D[1:3], version=88),))
    assert first.digest == again.digest, "another run and another table version, but equal content"


@pytest.mark.parametrize(
    "changes",
    [
        {"asset": "other"}, {"partition": D[2]}, {"status": REFUSED}, {"data_version": "w"}, {"config_hash": "x"},
        {"code_version": "x"}, {"env_hash": "x"}, {"inputs": ()}, {"inputs": (_slice("bars", D[1:4]),)},
        {"inputs": (_slice("bars", D[1:3], content="other"),)}, {"inputs": (_slice("halts", D[1:3]),)},
    ],
    ids=lambda c: next(iter(c)),
)  # fmt: skip
def test_the_digest_changes_with_everything_that_determines_a_partition(changes):
    first = _manifest("raw", D[1], inputs=(_slice("bars", D[1:3]),))
    assert replace(first, **changes).digest != first.digest


def test_a_slice_knows_its_newest_partition():
    assert _slice("bars", D[1:5]).newest == D[4]
    assert _slice("bars", []).newest == ""
    assert _slice("bars", D[1:5]).summary["count"] == 4


def test_a_slice_is_recorded_as_the_json_of_its_summary_and_its_partitions():
    for days in ([], [""], D[1:2], D[1:5], ['0","1'], ["0,1", "-"], ['"', "\\", "\n", "ü"]):
        item = _slice("bars", days)
        told = {**item.summary, "partitions": list(item.partitions), "data_versions": list(item.data_versions)}
        assert item.json == json.dumps(told, separators=(",", ":"))


# ---------------------------------------------------------------- states


def test_an_empty_ledger_has_no_states_and_withholds_nothing(ledger):
    assert ledger.states("raw") == {}
    assert ledger.withheld() == {}
    assert ledger.referenced_versions() == {}
    assert ledger.latest().empty


def test_the_newest_attempt_is_the_state_of_a_partition(ledger):
    ledger.record([_manifest("raw", D[1]), _manifest("raw", D[2])], NOON)
    ledger.record([_manifest("raw", D[1], REFUSED)], NOON + dt.timedelta(hours=1))
    ledger.record([_manifest("other", D[1])], NOON + dt.timedelta(hours=2))
    assert {k: s.status for k, s in ledger.states("raw").items()} == {D[1]: REFUSED, D[2]: PUBLISHED}
    assert ledger.states("raw")[D[2]].data_version == f"v{D[2]}"


def test_the_order_of_commits_does_not_matter_only_the_time_of_the_attempt(ledger):
    ledger.record([_manifest("raw", D[1], REFUSED)], NOON + dt.timedelta(hours=1))
    ledger.record([_manifest("raw", D[1])], NOON)
    assert ledger.states("raw")[D[1]].status == REFUSED


def test_every_attempt_is_kept(ledger, tmp_path):
    for hour in range(3):
        ledger.record([_manifest("raw", D[1])], NOON + dt.timedelta(hours=hour))
    assert len(Lakehouse(tmp_path).read(MANIFESTS)) == 3
    assert len(ledger.latest("raw")) == 1


def test_recording_nothing_writes_nothing(ledger, tmp_path):
    ledger.record([], NOON)
    ledger.record_refusals([])
    assert Lakehouse(tmp_path).tables() == []


# ---------------------------------------------------------------- what is withheld


def test_refusal_spreads_along_the_recorded_inputs_and_no_further(ledger):
    ledger.record(
        [
            *(_manifest("raw", d, REFUSED if d == D[3] else PUBLISHED) for d in D[1:8]),
            *(_manifest("smooth", d, inputs=(_slice("raw", [d]),)) for d in D[1:8]),
            _manifest("trend/pick", D[4], inputs=(_slice("smooth", D[1:4]),)),
            _manifest("trend/pick", D[7], inputs=(_slice("smooth", D[4:7]),)),
            _manifest("meta/book", D[4], inputs=(_slice("trend/pick", [D[4]]), _slice("other", [D[4]]))),
        ],
        NOON,
    )
    assert ledger.withheld() == {"raw": {D[3]}, "smooth": {D[3]}, "trend/pick": {D[4]}, "meta/book": {D[4]}}


def test_refusal_spreads_through_an_assets_own_past(ledger):
    weeks = ["2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25"]
    chain = [
        _manifest("book", w, inputs=(_slice("book", [p]),) if p else ())
        for p, w in zip([None, *weeks[:-1]], weeks, strict=True)
    ]
    ledger.record(chain, NOON)
    ledger.record([_manifest("book", weeks[1], REFUSED)], NOON + dt.timedelta(hours=1))
    assert ledger.withheld() == {"book": set(weeks[1:])}


def test_what_is_published_again_after_the_mending_is_free_again(ledger):
    ledger.record([_manifest("raw", D[1], REFUSED), _manifest("smooth", D[1], inputs=(_slice("raw", [D[1]]),))], NOON)
    assert ledger.withheld() == {"raw": {D[1]}, "smooth": {D[1]}}
    ledger.record([_manifest("raw", D[1])], NOON + dt.timedelta(hours=1))
    assert ledger.withheld() == {}


# ---------------------------------------------------------------- versions that vacuum must keep


def test_versions_of_outputs_and_inputs_of_the_newest_manifests_are_referenced(ledger):
    old = _manifest("smooth", D[1], inputs=(_slice("raw", [D[1]], version=5),), table_version=7)
    ledger.record([old], NOON)
    ledger.record(
        [
            replace(old, inputs=(_slice("raw", [D[1]], version=6), _slice("smooth", [], version=-1)), table_version=8),
            _manifest("raw", D[2], REFUSED),
        ],
        NOON + dt.timedelta(hours=1),
    )
    assert ledger.referenced_versions() == {"smooth": [8], "raw": [6]}
