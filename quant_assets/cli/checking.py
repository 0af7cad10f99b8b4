"""`quant check`: the recorded verdicts of assets, or L0 and L1 on a user's own file of bars."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from quant_assets.cli.session import iso_range, open_lakehouse, print_json, print_table
from quant_assets.errors import EmptyResult, UsageError
from quant_assets.verdict_counts import count_verdicts

COLUMNS = ("rule", "verdict", "severity", "checked", "breaches", "message")


def check_file(file: Path | None, venue: str, quote: str, profile: str | None, as_json: bool) -> int:
    """Judge a file of bars; exit code 3 where an ERROR rule is broken."""
    if file is None:
        raise UsageError("quant check bars needs a file: quant check bars FILE (CSV or Parquet, or a folder of them)")
    import pandas as pd

    from quant_assets.market.check_file import check_bars
    from quant_assets.market.config import MarketRules
    from quant_assets.profiles.load import load_profile
    from quant_resources.venues.files_format import find_files, read_files

    rules = load_profile(profile).market if profile else MarketRules()
    now = pd.Timestamp(dt.datetime.now(dt.UTC).replace(tzinfo=None))
    results = check_bars(read_files(find_files(file)), rules, venue, quote, known_at=now)
    records = [r.to_record() for r in results]
    failed = any(r["verdict"] == "fail" for r in records)
    if as_json:
        print_json({"file": str(file), "passed": not failed, "rules": records})
    else:
        print_table(f"{file}: {'REFUSED' if failed else 'accepted'}", records, COLUMNS)
        _print_offenders(records)
    return 3 if failed else 0


def check_assets(
    target: str | None, stray: Path | None, first: str | None, last: str | None, profile: str | None, as_json: bool
) -> int:
    """Recorded verdicts by asset, level and rule; exit code 3 where any partition is refused."""
    if stray is not None:
        raise UsageError(f"unexpected argument {str(stray)!r}; a file goes with `quant check bars FILE`")
    from quant_assets.manifests import REFUSED, Ledger

    begin, end = iso_range(first, last)
    rows = Ledger(open_lakehouse()).latest(target, ["verdicts"])
    days = rows["partition"].astype("datetime64[us]").dt.strftime("%Y-%m-%d") if len(rows) else rows["partition"]
    rows = rows[(days >= (begin or "")) & (days <= (end or "9999"))]
    if rows.empty:
        raise EmptyResult(
            f"no verdict is recorded for {target or 'any asset'} in that range; run `quant backfill` first"
        )
    counted = count_verdicts(zip(rows["asset"], days[rows.index], rows["verdicts"], strict=True))
    refused = int((rows["status"] == REFUSED).sum())
    if as_json:
        print_json({"partitions": len(rows), "refused": refused, "rules": counted})
    else:
        print_table(f"{len(rows)} partitions, {refused} refused", counted)
    return 3 if refused else 0


def _print_offenders(records: list[dict[str, Any]]) -> None:
    for record in records:
        for offender in record["offenders"][:3]:
            print(f"  {record['rule']}: {offender}")
