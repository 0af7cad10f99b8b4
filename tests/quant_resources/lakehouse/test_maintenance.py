"""Upkeep: small files are merged, old ones removed, and what a manifest refers to stays readable."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from quant_resources.lakehouse import Lakehouse, content_hashes
from quant_resources.lakehouse.maintenance import compact, maintain, vacuum
from tests.quant_resources.lakehouse.synthetic import BARS, WEIGHTS, bars, month, parquet_files, weights

same = pd.testing.assert_frame_equal


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path)


def _scattered(lakehouse: Lakehouse, days: list[str]) -> None:
    for day in days:
        lakehouse.replace(BARS, bars([day], 5.0), [day])


def test_compaction_merges_files_and_keeps_content(lakehouse):
    days = month(6, "2024-03") + month(3, "2024-04")
    _scattered(lakehouse, days)
    before, hashes = lakehouse.read(BARS), content_hashes(BARS, lakehouse.read(BARS), days)
    files = len(lakehouse.open("bars").file_uris())
    compact(lakehouse, "bars")
    assert len(lakehouse.open("bars").file_uris()) == 2 <= files
    same(lakehouse.read(BARS), before, check_exact=True)
    assert content_hashes(BARS, lakehouse.read(BARS), days) == hashes


def test_compaction_does_not_remove_any_version(lakehouse):
    _scattered(lakehouse, month(5))
    versions = {v: lakehouse.read(BARS, version=v) for v in range(1, 6)}
    compact(lakehouse, "bars")
    for version, content in versions.items():
        same(lakehouse.read(BARS, version=version), content, check_exact=True)


def test_vacuum_keeps_every_referenced_version_and_removes_the_others(lakehouse, tmp_path):
    content = {}
    for value in range(1, 8):
        version = lakehouse.replace(BARS, bars(month(3), float(value)), month(3))
        content[version] = lakehouse.read(BARS)
    newest, files = max(content), parquet_files(tmp_path, "bars")
    deleted = vacuum(lakehouse, "bars", [2, 5], retention_hours=0, dry_run=False)
    for version in (2, 5, newest):
        same(lakehouse.read(BARS, version=version), content[version], check_exact=True)
    assert len(files) - len(parquet_files(tmp_path, "bars")) == len(deleted) == 4
    for version in set(content) - {2, 5, newest}:
        with pytest.raises(FileNotFoundError):
            lakehouse.read(BARS, version=version)


def test_vacuum_after_compaction_keeps_referenced_versions(lakehouse):
    _scattered(lakehouse, month(4))
    referenced = {v: lakehouse.read(BARS, version=v) for v in (2, 3)}
    compact(lakehouse, "bars")
    vacuum(lakehouse, "bars", list(referenced), retention_hours=0, dry_run=False)
    for version, content in referenced.items():
        same(lakehouse.read(BARS, version=version), content, check_exact=True)
    assert len(lakehouse.read(BARS)) == 12


def test_a_dry_run_names_what_it_would_delete_and_deletes_nothing(lakehouse, tmp_path):
    _scattered(lakehouse, month(3) * 2)
    files = parquet_files(tmp_path, "bars")
    assert len(vacuum(lakehouse, "bars", [], retention_hours=0)) > 0
    assert parquet_files(tmp_path, "bars") == files


def test_young_files_are_protected(lakehouse, tmp_path):
    _scattered(lakehouse, month(3) * 2)
    files = parquet_files(tmp_path, "bars")
    assert vacuum(lakehouse, "bars", [], dry_run=False) == []
    assert parquet_files(tmp_path, "bars") == files


def test_a_missing_table_needs_no_upkeep(lakehouse):
    assert compact(lakehouse, "bars") == 0
    assert vacuum(lakehouse, "bars", [], retention_hours=0, dry_run=False) == []


def test_maintaining_everything_reports_each_table(lakehouse):
    _scattered(lakehouse, month(4))
    for value in (0.1, 0.2):
        lakehouse.replace(WEIGHTS, weights("trend", ["2024-03-04"], value), ["2024-03-04"], {"sleeve": "trend"})
    before = {spec.name: lakehouse.read(spec) for spec in (BARS, WEIGHTS)}
    first = lakehouse.read(WEIGHTS, version=1)
    report = maintain(lakehouse, {"weights": [1]}, retention_hours=0)
    assert sorted(report) == ["bars", "weights"]
    assert report["bars"]["files_deleted"] > 0
    assert report["weights"]["files_deleted"] == 0, "version 1 is referenced: its file stays"
    for spec in (BARS, WEIGHTS):
        same(lakehouse.read(spec), before[spec.name], check_exact=True)
    same(lakehouse.read(WEIGHTS, version=1), first, check_exact=True)


def test_writing_goes_on_after_upkeep(lakehouse):
    _scattered(lakehouse, month(3))
    maintain(lakehouse, {}, retention_hours=0)
    lakehouse.replace(BARS, bars(["2024-03-02"], 77.0), ["2024-03-02"])
    assert lakehouse.read(BARS)["close"].tolist() == [5.0, 6.0, 7.0, 77.0, 78.0, 79.0, 5.0, 6.0, 7.0]
