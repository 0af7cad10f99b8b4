"""The contract gate: only what is published, and rests on nothing refused, may be read."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from quant_assets.errors import ContractViolation
from quant_assets.gate import ContractGate
from quant_assets.manifests import PUBLISHED, REFUSED, InputSlice, Ledger, Manifest
from quant_resources.lakehouse import Lakehouse

NOON = dt.datetime(2024, 3, 10, 12)
D = [f"2024-03-{d:02d}" for d in range(0, 32)]


def _manifest(asset: str, day: str, status: str = PUBLISHED, inputs: tuple[InputSlice, ...] = ()) -> Manifest:
    version = "" if status == REFUSED else f"{asset}-{day}"
    return Manifest(asset, day, status, "run", version, asset, 4, 1, "config", "code", "env", inputs, {})


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    made = Ledger(Lakehouse(tmp_path))
    made.record([_manifest("raw", d, REFUSED if d == D[5] else PUBLISHED) for d in D[1:9]], NOON)
    made.record(
        [_manifest("smooth", d, inputs=(InputSlice("raw", "raw", 4, (d,), (f"raw-{d}",)),)) for d in D[1:9]], NOON
    )
    return made


def test_a_slice_names_partitions_contents_and_version(ledger):
    found = ContractGate(ledger).slice("raw", "raw", D[1:4], 12)
    assert found == InputSlice("raw", "raw", 12, tuple(D[1:4]), tuple(f"raw-{d}" for d in D[1:4]))


def test_a_slice_is_read_at_a_version_that_holds_all_it_names(ledger):
    """The look at the table may be older than a publication that the look at the ledger already sees."""
    ledger.record([replace(_manifest("raw", D[2]), table_version=9)], NOON + dt.timedelta(hours=1))
    gate = ContractGate(ledger)
    assert gate.slice("raw", "raw", D[1:4], 7).table_version == 9
    assert gate.slice("raw", "raw", D[3:5], 7).table_version == 7, "no content of the later version is named"
    assert gate.slice("raw", "raw", D[3:5], -1).table_version == 4
    assert gate.slice("raw", "raw", D[1:4], 12).table_version == 12


def test_an_empty_look_back_is_an_empty_slice(ledger):
    assert ContractGate(ledger).slice("raw", "raw", [], -1).partitions == ()


@pytest.mark.parametrize(
    ("asset", "days", "named"),
    [
        pytest.param("raw", D[4:7], f"{D[5]} (refused)", id="a refused day"),
        pytest.param("raw", D[7:11], f"{D[9]} (missing), {D[10]} (missing)", id="days that never ran"),
        pytest.param("smooth", D[4:7], f"{D[5]} (rests on a refused partition)", id="made from a refused day"),
        pytest.param("nowhere", D[1:2], f"{D[1]} (missing)", id="an asset that never ran"),
    ],
)
def test_what_may_not_be_read_is_named_with_its_reason_and_the_next_step(ledger, asset, days, named):
    with pytest.raises(ContractViolation) as caught:
        ContractGate(ledger).slice(asset, asset, days, 1)
    message = str(caught.value)
    assert f"input {asset}" in message
    assert named in message
    assert f"quant check {asset}" in message
    assert f"quant backfill --select {asset}" in message
    assert caught.value.exit_code == 3


def test_many_days_are_counted_and_only_the_first_are_named(ledger):
    with pytest.raises(ContractViolation, match=r"10 partitions are not there.* and 7 more"):
        ContractGate(ledger).slice("raw", "raw", D[9:19], 1)


def test_days_around_a_refused_one_may_be_read(ledger):
    gate = ContractGate(ledger)
    assert gate.slice("raw", "raw", [D[4]], 1).partitions == (D[4],)
    assert gate.slice("smooth", "smooth", [D[4], D[6]], 1).partitions == (D[4], D[6])


def test_a_gate_of_a_later_run_sees_what_was_mended_since(ledger):
    ledger.record([_manifest("raw", D[5])], NOON + dt.timedelta(hours=1))
    assert ContractGate(ledger).slice("raw", "raw", D[4:7], 1).partitions == tuple(D[4:7])
    assert ContractGate(ledger).slice("smooth", "smooth", D[4:7], 1).partitions == tuple(D[4:7])


def test_refusing_a_good_day_closes_the_gate_for_later_runs(ledger):
    assert ContractGate(ledger).slice("smooth", "smooth", [D[2]], 1).partitions == (D[2],)
    ledger.record([_manifest("raw", D[2], REFUSED)], NOON + dt.timedelta(hours=1))
    with pytest.raises(ContractViolation, match="rests on a refused partition"):
        ContractGate(ledger).slice("smooth", "smooth", [D[2]], 1)
