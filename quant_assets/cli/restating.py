"""`quant restate`: what restated inputs make stale, listed first; computed again only when asked to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import iso_range, open_runner, print_json, print_table

if TYPE_CHECKING:
    from quant_assets.restating import Restatement

COLUMNS = ("asset", "restated", "days", "cause", "may_follow", "other_reasons")
NAMED = 6


def restate(first: str | None, last: str | None, run: bool, profile: str | None, as_json: bool) -> int:
    """List what is no longer current because an input changed; with ``run`` materialize it as `quant backfill` does.

    Returns 0, or the exit code of the first asset that failed.
    """
    begin, end = iso_range(first, last)
    from quant_assets.restating import restatements

    with open_runner(profile) as runner:
        found = restatements(runner, begin, end)
        touched = [r.asset for r in found if r.partitions or r.following]
        reports = runner.backfill(touched, begin, end) if run and touched and as_json else []
    if as_json:
        code = next((r.exit_code for r in reports if r.exit_code), 0)
        told: dict[str, Any] = {"exit_code": code, "restated": [r.to_record() for r in found]}
        print_json({**told, "assets": [r.to_record() for r in reports]} if run else told)
        return code
    _show(found, run)
    if not (run and touched):
        return 0
    from quant_assets.cli import materializing

    return materializing.backfill(touched, begin, end, profile, force=False, as_json=False)


def _show(found: Sequence[Restatement], run: bool) -> None:
    stale = [r for r in found if r.partitions or r.following]
    records = [
        {
            "asset": r.asset, "restated": len(r.partitions), "days": _days(r.partitions),
            "cause": "; ".join(f"{c.input} from {c.first} ({c.changed} changed)" for c in r.causes),
            "may_follow": len(r.following), "other_reasons": _reasons(r.others),
        }
        for r in found
    ]  # fmt: skip
    if records:
        print_table("No longer current", records, COLUMNS)
    if not stale:
        print("No partition is stale because of a restated input.")
    elif not run:
        print("Nothing was changed. Compute these again: quant restate --run")


def _days(keys: Sequence[str]) -> str:
    if len(keys) <= NAMED:
        return ", ".join(keys)
    return f"{', '.join(keys[:2])} ... {keys[-1]}"


def _reasons(others: dict[str, int]) -> str:
    return "; ".join(f"{count} {reason}" for reason, count in others.items())
