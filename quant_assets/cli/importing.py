"""`quant import bars`: a foreign file becomes bars of a folder, and the same contracts publish or quarantine them."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import open_lakehouse, open_runner, print_json, print_table
from quant_assets.errors import EmptyResult, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from quant_assets.cli.import_place import ImportPlace
    from quant_assets.market.import_formats import Recognised
    from quant_assets.market.import_merge import Overwritten
    from quant_assets.running import StepReport

FILE_COLUMNS = ("file", "convention", "symbol_from", "times", "rows", "symbols", "first", "last")
STEP_COLUMNS = ("asset", "asked", "published", "refused", "seconds")
RULE_COLUMNS = ("rule", "verdict", "severity", "checked", "breaches", "message")


@dataclass(frozen=True)
class ImportOptions:
    """What the command line says about an import."""

    venue: str
    quote: str
    symbol: str | None
    to: Path | None
    calendar: str
    profile: str | None
    force: bool
    dry_run: bool
    as_json: bool


@dataclass(frozen=True)
class _Plan:
    """Everything known before anything is written: `first`..`last` are the days to publish."""

    place: ImportPlace
    files: list[Recognised]
    bars: pd.DataFrame
    incoming: pd.DataFrame
    start: dt.date
    first: dt.date
    last: dt.date
    unclosed: int
    conflict: Overwritten
    notes: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """The plan as plain values."""
        return {
            "files": [f.to_record() for f in self.files],
            "bars": len(self.incoming),
            "symbols": int(self.incoming["symbol"].nunique()),
            "first": f"{self.first}",
            "last": f"{self.last}",
            "unclosed": self.unclosed,
            "folder": str(self.place.folder),
            "profile": str(self.place.profile_file),
            "venue": self.place.venue,
            "overwrites": self.conflict.to_record(),
            "notes": list(self.notes),
        }


def import_bars(path: Path, options: ImportOptions) -> int:
    """Import a file or folder; exit code 3 where a day is refused, as for `quant run`. Nothing is written on an error.

    Raises UsageError for files that are not understood and for published bars that would be overwritten.
    """
    plan = _planned(path, options)
    if options.dry_run:
        return _dry_run(plan, options)
    _refuse_overwriting(plan, options)
    return _publish(plan, options)


def _planned(path: Path, options: ImportOptions) -> _Plan:
    import pandas as pd

    from quant_assets.cli.import_place import SOURCE, ImportPlace
    from quant_assets.market.calendars import require_calendar
    from quant_assets.market.import_formats import recognise
    from quant_assets.market.import_merge import merge_bars, overwritten
    from quant_resources.venues.import_reader import import_files, read_raw

    require_calendar(options.calendar)
    lakehouse = open_lakehouse()
    place = ImportPlace(options.to) if options.to is not None else ImportPlace.beside(lakehouse.root)
    paths = import_files(path)
    if options.symbol is not None and len(paths) > 1:
        raise UsageError(f"--symbol names one market, but {path} holds {len(paths)} files; import them one by one")
    files = [_recognised(p, recognise(read_raw(p), str(p), venue=options.venue, default_quote=options.quote,
                                      symbol=options.symbol)) for p in paths]  # fmt: skip
    incoming = pd.concat([f.frame for f in files], ignore_index=True)
    merged = merge_bars(place.held(), incoming)
    _require_clear_splits(merged, str(path))
    yesterday = pd.Timestamp(dt.datetime.now(dt.UTC).date()) - pd.Timedelta(days=1)
    closed, closed_all = (rows["date"][rows["date"] <= yesterday] for rows in (incoming, merged))
    if closed.empty:
        raise EmptyResult(f"{path}: no bar is closed yet (the first is {incoming['date'].min().date()}); import later")
    first, last = closed.min().date(), closed_all.max().date()
    conflict = overwritten(_published(first, last), merged, SOURCE)
    return _Plan(
        place, files, merged, incoming, closed_all.min().date(), first, last, len(incoming) - len(closed), conflict,
        _notes(incoming, options.calendar, len(incoming) - len(closed)),
    )  # fmt: skip


def _require_clear_splits(bars: pd.DataFrame, where: str) -> None:
    """Refuse splits of which nobody says whether prices contain them, before anything is written."""
    if "splits" not in bars:
        return
    from quant_resources.venues.splits import unadjusted_splits

    ratio = bars["splits"].fillna(1.0).replace(0.0, 1.0)
    unadjusted_splits(bars.assign(split=ratio), bars["date"].max().date(), where)


def _recognised(path: Path, file: Recognised) -> Recognised:
    return replace(file, file=path.name)


def _published(first: dt.date, last: dt.date) -> pd.DataFrame:
    """Published bars of these days."""
    import pandas as pd

    from quant_assets.manifests import REFUSED, Ledger
    from quant_assets.tables import OHLCV_TABLE

    columns = ["date", "symbol", "source", "open", "high", "low", "close", "volume"]
    lakehouse = open_lakehouse()
    if lakehouse.open(OHLCV_TABLE.name) is None:
        return pd.DataFrame({name: [] for name in columns}).astype({"date": "datetime64[us]"})
    rows = lakehouse.read(OHLCV_TABLE, columns=columns, start=f"{first}", end=f"{last}")
    refused = [key for key, state in Ledger(lakehouse).states("ohlcv").items() if state.status == REFUSED]
    return rows.assign(date=pd.to_datetime(rows["date"]))[~pd.to_datetime(rows["date"]).isin(pd.to_datetime(refused))]


def _notes(incoming: pd.DataFrame, calendar: str, unclosed: int) -> tuple[str, ...]:
    from quant_assets.market.calendars import ALWAYS_OPEN

    notes = []
    if calendar == ALWAYS_OPEN and len(incoming) > 7 and not (incoming["date"].dt.day_of_week >= 5).any():
        notes.append(
            "no bar on any weekend: a market with sessions. With calendar 24/7 its closed days are refused; "
            "give its calendar, such as --calendar XNYS"
        )
    if unclosed:
        notes.append(f"{unclosed} bars of days that are not over yet are kept in the folder and not published")
    return tuple(notes)


def _dry_run(plan: _Plan, options: ImportOptions) -> int:
    """Say what would happen, with every rule's verdict on the new bars alone; nothing is written."""
    import pandas as pd

    from quant_assets.market.check_file import check_bars

    now = pd.Timestamp(dt.datetime.now(dt.UTC).replace(tzinfo=None))
    closed = plan.incoming[plan.incoming["date"] <= pd.Timestamp(plan.last)]
    rules = [r.to_record() for r in check_bars(closed, _rules(options), options.venue, options.quote, known_at=now)]
    failed = any(r["verdict"] == "fail" for r in rules)
    code = UsageError.exit_code if plan.conflict and not options.force else 3 if failed else 0
    if options.as_json:
        print_json({"exit_code": code, "dry_run": True, **plan.to_record(), "rules": rules})
        return code
    _print_plan(plan)
    print_table("Dry run: nothing was written", rules, RULE_COLUMNS)
    if plan.conflict:
        print(_conflict_text(plan, options), file=sys.stderr)
    return code


def _refuse_overwriting(plan: _Plan, options: ImportOptions) -> None:
    if plan.conflict and not options.force:
        raise UsageError(_conflict_text(plan, options) + "; nothing was written")


def _conflict_text(plan: _Plan, options: ImportOptions) -> str:
    advice = "it goes on because of --force" if options.force else "give --force, or another lakehouse"
    return f"the import of {plan.first}..{plan.last} overwrites published bars: {plan.conflict}; {advice}"


def _publish(plan: _Plan, options: ImportOptions) -> int:
    from quant_assets.cli.import_place import import_profile

    profile = import_profile(plan.start, plan.last, options.calendar, _rule_blocks(options))
    plan.place.write(plan.bars, profile)
    with open_runner(str(plan.place.profile_file)) as runner:
        # A venue's bars are no recorded input, so that nothing else would tell that these days have to be judged again.
        reports = runner.backfill(["listings", "ohlcv"], f"{plan.first}", f"{plan.last}", force=True)
    code = next((r.exit_code for r in reports if r.exit_code), 0)
    accepted, quarantined = _outcome(plan)
    record = {"accepted": accepted, "quarantined": quarantined, "assets": [r.to_record() for r in reports]}
    if options.as_json:
        print_json({"exit_code": code, "dry_run": False, **plan.to_record(), **record})
        return code
    if plan.conflict:
        print(f"warning: {_conflict_text(plan, options)}", file=sys.stderr)
    _print_plan(plan)
    _print_outcome(plan, reports, accepted, quarantined)
    return code


def _outcome(plan: _Plan) -> tuple[int, dict[str, int]]:
    """Accepted bars, and quarantined ones by rule, of the days of the import."""
    from quant_assets.tables import QUARANTINE_TABLE

    lakehouse = open_lakehouse()
    if lakehouse.open(QUARANTINE_TABLE.name) is None:
        return len(_published(plan.first, plan.last)), {}
    rows = lakehouse.read(QUARANTINE_TABLE, columns=["date", "rule"], start=f"{plan.first}", end=f"{plan.last}")
    return len(_published(plan.first, plan.last)), {str(k): int(n) for k, n in rows["rule"].value_counts().items()}


def _print_plan(plan: _Plan) -> None:
    records = [{**f.to_record(), "symbols": _shown(sorted(f.frame["symbol"].unique()))} for f in plan.files]
    print_table(f"Recognised: {len(plan.incoming)} bars", records, FILE_COLUMNS)
    notes = dict.fromkeys([*(note for f in plan.files for note in f.notes), *plan.notes])
    for note in notes:
        print(f"note: {note}")


def _shown(symbols: Sequence[str]) -> str:
    return ", ".join(symbols[:3]) + (f" and {len(symbols) - 3} more" if len(symbols) > 3 else "")


def _print_outcome(plan: _Plan, reports: Sequence[StepReport], accepted: int, quarantined: dict[str, int]) -> None:
    print_table(f"Published {plan.first} .. {plan.last}", [r.to_record() for r in reports], STEP_COLUMNS)
    for report in [r for r in reports if r.exit_code]:
        print(f"error: {report.message}", file=sys.stderr)
    told = ", ".join(f"{rule} {count}" for rule, count in quarantined.items()) or "none"
    print(f"{accepted} bars accepted; quarantined: {told}")
    print(f"venue for a profile: {{kind: files, path: {plan.place.venue['path']}}}")
    print(f"profile as it is: {plan.place.profile_file}")


def _rules(options: ImportOptions) -> Any:  # noqa: ANN401  # MarketRules, imported late
    from quant_assets.market.config import MarketRules
    from quant_assets.profiles.load import load_profile

    return load_profile(options.profile).market if options.profile else MarketRules()


def _rule_blocks(options: ImportOptions) -> dict[str, Any]:
    """The blocks of the given profile that judge bars, as plain values; none without one."""
    from quant_assets.profiles.load import load_profile

    if options.profile is None:
        return {}
    blocks = load_profile(options.profile).model_dump(mode="json", include={"market", "redenominations", "identities"})
    return {name: block for name, block in blocks.items() if block}
