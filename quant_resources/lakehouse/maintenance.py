"""Upkeep: compaction of small files, and vacuum that keeps every version a manifest still refers to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quant_resources.lakehouse.store import Lakehouse


def compact(lakehouse: Lakehouse, table: str) -> int:
    """Merge small files of a table; returns how many files were replaced. Content does not change."""
    found = lakehouse.open(table)
    return 0 if found is None else int(found.optimize.compact()["numFilesRemoved"])


def vacuum(
    lakehouse: Lakehouse,
    table: str,
    referenced_versions: Sequence[int],
    *,
    retention_hours: int = 168,
    dry_run: bool = True,
) -> list[str]:
    """Delete files that neither the current version nor a referenced version needs; returns their paths.

    ``retention_hours`` protects files of writers that are still at work; only older ones are deleted.
    """
    found = lakehouse.open(table)
    if found is None:
        return []
    return found.vacuum(
        retention_hours=retention_hours,
        dry_run=dry_run,
        enforce_retention_duration=False,
        keep_versions=sorted(set(referenced_versions)),
    )


def maintain(
    lakehouse: Lakehouse, referenced: Mapping[str, Sequence[int]], *, retention_hours: int = 168
) -> dict[str, dict[str, int]]:
    """Compact and vacuum every table; ``referenced`` maps a table to the versions that manifests refer to.

    Returns for each table how many files were merged and how many were deleted.
    """
    report = {}
    for table in lakehouse.tables():
        merged = compact(lakehouse, table)
        deleted = vacuum(lakehouse, table, referenced.get(table, ()), retention_hours=retention_hours, dry_run=False)
        report[table] = {"files_merged": merged, "files_deleted": len(deleted)}
    return report
