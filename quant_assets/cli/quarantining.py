"""`quant quarantine list|release|reject`: look at rejected bars and decide on single ones; every decision is kept."""

from __future__ import annotations

import datetime as dt
import getpass
from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import iso_day, iso_range, open_lakehouse, print_json, print_table
from quant_assets.errors import ContractViolation, EmptyResult, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from quant_resources.lakehouse.store import Lakehouse

LEAST_REASON = 10
SHOWN = 50
COLUMNS = ("date", "symbol", "rule", "decision", "reason", "open", "high", "low", "close", "volume", "bar")


def listing(rule: str | None, symbol: str | None, first: str | None, last: str | None, as_json: bool) -> int:
    """Rows in quarantine with rule and reason, and what was decided on each."""
    from quant_assets.bar_ledger import decisions
    from quant_assets.market.decisions import bar_hashes, in_force

    lakehouse, (begin, end) = open_lakehouse(), iso_range(first, last)
    rows = _quarantined(lakehouse, begin, end)
    rows = rows[(rows["rule"] == (rule or rows["rule"])) & (rows["symbol"] == (symbol or rows["symbol"]))]
    rows = rows.assign(bar=bar_hashes(rows))
    taken = in_force(decisions(lakehouse, begin, end))
    known = dict(
        zip(zip(taken["date"], taken["symbol"], taken["bar_hash"], strict=True), taken["decision"], strict=True)
    )
    keys = zip(rows["date"], rows["symbol"], rows["bar"], strict=True)
    records = rows.assign(decision=[known.get(k, "") for k in keys], date=rows["date"].dt.strftime("%Y-%m-%d"))
    shown = [{str(k): v for k, v in row.items()} for row in records[list(COLUMNS)].to_dict("records")]
    if as_json:
        print_json({"rows": len(shown), "quarantine": shown})
    else:
        more = f", the last {SHOWN} shown" if len(shown) > SHOWN else ""
        print_table(f"{len(shown)} rows in quarantine{more}", shown[-SHOWN:])
    return 0


def decide(decision: str, symbol: str, day: str, reason: str, by: str | None, dry_run: bool, as_json: bool) -> int:
    """Append a decision on the one quarantined bar of a symbol and day.

    Raises ``EmptyResult`` where there is none, ``UsageError`` where several differ or the reason says nothing, and
    ``ContractViolation`` where the rule is one that nobody may overrule.
    """
    from quant_assets.market.decisions import RELEASE, bar_hashes, releasable
    from quant_assets.tables import DECISIONS_TABLE

    date = iso_day(day, "DATE") or ""
    if len(reason.strip()) < LEAST_REASON:
        raise UsageError(f"--reason {reason!r} says too little; write why, in {LEAST_REASON} characters or more")
    lakehouse = open_lakehouse()
    rows = _candidates(lakehouse, symbol, date)
    hashes = bar_hashes(rows)
    if len(set(hashes)) > 1:
        raise UsageError(f"{symbol} has {len(set(hashes))} different bars in quarantine on {date}; mend the source")
    row = {str(name): value for name, value in rows.iloc[0].to_dict().items()}
    if decision == RELEASE and (why := releasable(row)):
        raise ContractViolation(f"{symbol} {date} cannot be released: {why}")
    entry = {
        "date": row["date"], "symbol": symbol, "decision": decision, "rule": row["rule"], "bar_hash": hashes[0],
        "decided_by": by or getpass.getuser(), "reason": reason.strip(), "decided_at": _now(),
    }  # fmt: skip
    if not dry_run:
        import pandas as pd

        lakehouse.append(DECISIONS_TABLE, pd.DataFrame([entry]).astype({"decided_at": "datetime64[us]"}))
    _tell(entry, date, dry_run, as_json)
    return 0


def _tell(entry: dict[str, Any], date: str, dry_run: bool, as_json: bool) -> None:
    from quant_assets.market.decisions import LIFE_RELEASES, RELEASE

    todo = ""
    if entry["decision"] == RELEASE:
        todo = f"quant backfill --select ohlcv --from {date} --to {date}"
        if entry["rule"] in LIFE_RELEASES:  # the bars after it were compared with what came before it
            todo = f"quant backfill --select ohlcv --from {date} --force"
    record = {**entry, "date": date, "dry_run": dry_run, "next": todo}
    if as_json:
        print_json(record)
        return
    print_table("Would be recorded" if dry_run else "Recorded", [{k: str(v) for k, v in record.items()}])
    if todo:
        print(f"The bar is accepted when its day is judged again: {todo}, then `quant backfill`.")


def _candidates(lakehouse: Lakehouse, symbol: str, date: str) -> pd.DataFrame:
    """Quarantined rows of a symbol on a day; where a release was carried out, the bar that it accepted."""
    from quant_assets.bar_ledger import releases
    from quant_assets.market.decisions import bar_hashes
    from quant_assets.tables import OHLCV_TABLE

    rows = _quarantined(lakehouse, date, date)
    rows = rows[rows["symbol"] == symbol]
    if rows.empty and len(taken := releases(lakehouse, date, date)):
        bars = lakehouse.read(OHLCV_TABLE, start=date, end=date)
        bars = bars[bars["symbol"] == symbol]
        rule = dict(zip(taken["bar_hash"], taken["rule"], strict=True))
        rows = bars.assign(rule=[rule.get(h, "") for h in bar_hashes(bars)])
        rows = rows[rows["rule"] != ""]
    if rows.empty:
        raise EmptyResult(f"{symbol} has no bar in quarantine on {date}; see `quant quarantine list --symbol {symbol}`")
    return rows


def _quarantined(lakehouse: Lakehouse, first: str | None, last: str | None) -> pd.DataFrame:
    from quant_assets.tables import QUARANTINE_TABLE

    return lakehouse.read(QUARANTINE_TABLE, start=first, end=last)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
