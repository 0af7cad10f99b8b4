"""`quant ingest` and `quant repair`: bring bars in, and ask again for what is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import iso_range, open_runner, print_json, print_table
from quant_assets.errors import UsageError

if TYPE_CHECKING:
    from quant_assets.running import GraphRunner, StepReport
    from quant_resources.venues.port import Venue

ASSETS = ("listings", "ohlcv")
SHOWN_ANSWERS = 40


def ingest(
    first: str | None, last: str | None, symbols: Sequence[str], profile: str | None, dry_run: bool, as_json: bool
) -> int:
    """Bring listings and bars of every day that is not current; or some symbols anew over days that are there."""
    begin, end = iso_range(first, last)
    with open_runner(profile) as runner:
        if symbols:
            return _refresh(runner, symbols, begin, end, dry_run, as_json)
        todo = {name: runner.not_current(name, begin, end) for name in ASSETS}
        if dry_run:
            return _show_plan(todo, as_json)
        with _progress({n: len(k) for n, k in todo.items()}, not as_json) as (start, finish):
            steps = runner.backfill(ASSETS, begin, end, on_start=start, on_step=finish)
        return _finish(runner, steps, begin, end, as_json)


def repair(
    first: str | None,
    last: str | None,
    max_symbols: int,
    max_days: int,
    profile: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Ask the venue for missing bars; exit code 3 where a day is still withheld afterwards."""
    from quant_assets.market.missing import bounded
    from quant_assets.repairing import find_gaps
    from quant_assets.repairing import repair as run_repair

    begin, end = iso_range(first, last)
    with open_runner(profile) as runner:
        if dry_run:
            gaps = find_gaps(runner.lakehouse, runner.profile, begin, end)
            taken = bounded(gaps, max_symbols, max_days)
            records = [{"date": f"{d:%Y-%m-%d}", "symbol": s} for d, s in taken.itertuples(index=False)]
            told: dict[str, Any] = {"dry_run": True, "gaps": len(gaps), "would_ask": records}
            _show(told, f"{len(gaps)} gaps, {len(records)} would be asked for", records, as_json)
            return 0
        report = run_repair(runner, _venue(runner), begin, end, max_symbols=max_symbols, max_days=max_days)
    records = [
        {"date": f"{r.date:%Y-%m-%d}", "symbol": r.symbol, "outcome": r.outcome, "reason": r.reason}
        for r in report.answers.itertuples()
    ]
    told = {
        "exit_code": report.exit_code, "gaps": report.found, "asked": report.taken, "requests": report.requests,
        **report.counts(), "answers": records, "judged_again": list(report.judged_again),
    }  # fmt: skip
    title = f"{report.found} gaps, {report.taken} asked for: " + ", ".join(
        f"{n} {k}" for k, n in report.counts().items()
    )
    _show(told, title, records, as_json)
    if report.judged_again and not as_json:
        print(f"{len(report.judged_again)} days were judged again; `quant backfill` recomputes what rests on them.")
    return _tell_failures(report.steps, report.exit_code)


def _refresh(
    runner: GraphRunner, symbols: Sequence[str], first: str | None, last: str | None, dry_run: bool, as_json: bool
) -> int:
    from quant_assets.keys import OHLCV
    from quant_assets.repairing import refresh

    days = runner.partition_keys(OHLCV, first, last)
    if not days:
        raise UsageError(f"no partition of ohlcv lies in {first or 'the start'} .. {last or 'the end'}")
    if dry_run:
        told = {"dry_run": True, "symbols": list(symbols), "first": days[0], "last": days[-1], "days": len(days)}
        _show(told, "Would be fetched anew", [{**told, "symbols": ", ".join(symbols)}], as_json)
        return 0
    report, steps = refresh(runner, _venue(runner), symbols, days[0], days[-1])
    code = next((s.exit_code for s in steps if s.exit_code), 0) or int(bool(report.failed))
    told = {"exit_code": code, "failed": dict(report.failed), "assets": [s.to_record() for s in steps]}
    _show(told, "Fetched anew", [s.to_record() for s in steps], as_json)
    for symbol, reason in sorted(report.failed.items()):
        print(f"error: {symbol} was not fetched, its stored bars stay: {reason}", file=sys.stderr)
    return _tell_failures(steps, code)


def _show_plan(todo: dict[str, list[str]], as_json: bool) -> int:
    records = [
        {"asset": name, "days": len(days), "first": days[0] if days else "", "last": days[-1] if days else ""}
        for name, days in todo.items()
    ]
    _show({"dry_run": True, "assets": records}, "Would be ingested", records, as_json)
    return 0


def _finish(
    runner: GraphRunner, steps: Sequence[StepReport], first: str | None, last: str | None, as_json: bool
) -> int:
    """What happened, and the exact list of what is missing by day."""
    from quant_assets.auditing import missing_by_day

    code = next((s.exit_code for s in steps if s.exit_code), 0)
    missing = missing_by_day(runner.lakehouse, first, last)
    records = [s.to_record() for s in steps]
    _show({"exit_code": code, "assets": records, "missing": missing}, "Ingested", records, as_json)
    if missing and not as_json:
        lines = [{"date": day, "count": len(names), "symbols": ", ".join(names)} for day, names in missing.items()]
        print_table("Expected and not received", lines[-SHOWN_ANSWERS:])
    return _tell_failures(steps, code)


def _show(told: dict[str, Any], title: str, records: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        print_table(title, list(records)[:SHOWN_ANSWERS])


def _tell_failures(steps: Sequence[StepReport], code: int) -> int:
    for step in [s for s in steps if s.exit_code][:2]:
        print(f"error: {step.message}", file=sys.stderr)
    return code


def _venue(runner: GraphRunner) -> Venue:
    from quant_resources.venues.factory import build_venue

    return build_venue(runner.profile.venue)


@contextmanager
def _progress(days: dict[str, int], shown: bool) -> Iterator[Any]:
    """One bar for each asset, in days, on a terminal; one plain line each otherwise; nothing for JSON."""
    if not shown or not sys.stderr.isatty():
        line = (
            "{0.asset:10} {0.published:5} days published, {0.refused} refused, {0.current} current, {0.seconds:.1f} s"
        )
        finish = (lambda step: print(line.format(step), file=sys.stderr)) if shown else (lambda step: None)
        yield (lambda asset, partitions: None), finish
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks = {name: progress.add_task(name, total=count, start=False) for name, count in days.items()}
        yield (
            lambda asset, partitions: progress.start_task(tasks[asset]),
            lambda step: progress.update(tasks[step.asset], completed=step.published + step.refused),
        )
