"""`quant doctor`: look at everything that goes wrong in practice, each finding with its next step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quant_assets.cli.session import dagster_home, open_lakehouse, print_json, print_table, quiet
from quant_assets.errors import QuantError

LOW_DISK_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One look: what was looked at, whether it is well, what was seen, what to do."""

    check: str
    ok: bool
    seen: str
    next_step: str = ""


def doctor(profile: str | None, fix: bool, as_json: bool) -> int:
    """Print all findings; exit code 1 where any of them is not well."""
    quiet()
    looks: list[Callable[[], Iterator[Finding]]] = [
        lambda: _profile(profile), _storage, lambda: _runs(fix), _ledger
    ]  # fmt: skip
    findings = [f for look in looks for f in _safely(look)]
    if as_json:
        print_json({"ok": all(f.ok for f in findings), "findings": [f.__dict__ for f in findings]})
    else:
        print_table("Findings", [{**f.__dict__, "ok": "ok" if f.ok else "NOT OK"} for f in findings])
    return 0 if all(f.ok for f in findings) else 1


def _safely(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """A look that meets a user's mistake reports it as a finding; the other looks still happen."""
    try:
        return list(look())
    except QuantError as error:
        return [Finding("configuration", False, str(error), "mend what the message names")]


def _profile(name: str | None) -> Iterator[Finding]:
    from quant_assets.profiles.load import load_profile

    profile = load_profile(name)
    yield Finding(
        "profile",
        True,
        f"{profile.name}: {len(profile.sleeves)} sleeves, {len(profile.metas)} metas, venue {profile.venue.kind}, "
        f"from {profile.start} to {profile.end or 'today'}, hash {profile.config_hash}",
    )


def _storage() -> Iterator[Finding]:
    lakehouse = open_lakehouse()
    if "://" in lakehouse.root:
        yield Finding("lakehouse", True, f"{lakehouse.root}: {len(lakehouse.tables())} tables")
        return
    root = Path(lakehouse.root)
    nearest = next(p for p in (root, *root.parents) if p.exists())
    writable = os.access(nearest, os.W_OK)
    yield Finding(
        "lakehouse",
        writable,
        f"{root}: {len(lakehouse.tables())} tables",
        "" if writable else f"make {nearest} writable",
    )
    free = shutil.disk_usage(nearest).free
    yield Finding(
        "disk",
        free > LOW_DISK_BYTES,
        f"{free / 2**30:.1f} GiB free",
        "" if free > LOW_DISK_BYTES else "free some space",
    )


def _runs(fix: bool) -> Iterator[Finding]:
    from dagster import DagsterInstance

    from quant_resources.orphans import orphaned_runs, reap

    with DagsterInstance.from_config(str(dagster_home())) as instance:
        orphans = orphaned_runs(instance)
        reaped = reap(instance, orphans) if fix else 0
        left = len(orphans) - reaped
        yield Finding(
            "runs",
            left == 0,
            f"{len(orphans)} runs whose process is gone" + (f", {reaped} marked failed" if fix else ""),
            "quant doctor --fix" if left else "",
        )


def _ledger() -> Iterator[Finding]:
    from quant_assets.manifests import Ledger

    withheld = Ledger(open_lakehouse()).withheld()
    count = sum(len(keys) for keys in withheld.values())
    worst = ", ".join(f"{asset} {len(keys)}" for asset, keys in sorted(withheld.items())[:5])
    yield Finding(
        "contracts",
        count == 0,
        f"{count} partitions withheld" + (f": {worst}" if count else ""),
        "quant check" if count else "",
    )
