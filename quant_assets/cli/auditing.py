"""`quant audit`: everything that is known about stored bars; exit code 3 where an ERROR stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import iso_range, open_lakehouse, print_json, print_table

if TYPE_CHECKING:
    from quant_assets.auditing import Audit

SHOWN = 20


def audit(first: str | None, last: str | None, profile: str | None, as_json: bool) -> int:
    """Print the audit of a range of days."""
    from quant_assets.auditing import audit as run_audit
    from quant_assets.profiles.load import load_profile

    begin, end = iso_range(first, last)
    found = run_audit(open_lakehouse(), load_profile(profile), begin, end)
    if as_json:
        print_json(found.to_record())
    else:
        _print(found)
    return found.exit_code


def _print(found: Audit) -> None:
    state = f"{len(found.errors)} ERRORS STAND" if found.errors else "no ERROR stands"
    print(f"{found.days} days of bars, {found.first} .. {found.last}: {state}")
    incomplete = [_short(r) for r in found.coverage if r["missing"] or r["failed"] or r["waived"]]
    tables: dict[str, list[dict[str, Any]]] = {
        "Errors: withheld days": found.errors,
        "Coverage: days on which something is missing": incomplete,
        "Gaps: listed and trading, no bar, not confirmed": found.gaps,
        "Quarantine by rule": found.quarantined,
        f"Toxic on {found.last}": found.toxic,
        f"Stale on {found.last}: trading, but the newest bar is older": found.stale,
        "Waivers of the profile": found.waivers,
        "Decisions on quarantined bars": found.decisions,
    }
    for title, records in tables.items():
        if records:
            more = f" (the last {SHOWN} of {len(records)})" if len(records) > SHOWN else ""
            print_table(title + more, records[-SHOWN:])
    nothing = [title.partition(":")[0] for title, records in tables.items() if not records]
    print(f"Nothing under: {', '.join(nothing)}.")


def _short(record: dict[str, Any]) -> dict[str, Any]:
    names = ("date", "expected", "received", "accepted", "quarantined", "retention", "waived", "attempt")
    return {**{n: record[n] for n in names}, "missing": ", ".join(record["missing"]), "failed": len(record["failed"])}
