"""`quant demo`, `quant run`, `quant backfill`: materialize, show progress, return the exit code."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import iso_day, iso_range, open_lakehouse, open_runner, print_json, print_table
from quant_assets.errors import UsageError

if TYPE_CHECKING:
    from quant_assets.running import GraphRunner, StepReport

COLUMNS = ("asset", "asked", "current", "published", "refused", "seconds")
DEMO = "demo"


def demo(as_json: bool) -> int:
    """Materialize the whole demo, export the market's ground truth, name the report."""
    from quant_resources.venues.config import SampleVenueConfig
    from quant_resources.venues.sample_truth import export_ground_truth

    started = time.perf_counter()
    with open_runner(DEMO) as runner:
        venue = runner.profile.venue
        if isinstance(venue, SampleVenueConfig) and "://" not in runner.lakehouse.root:
            export_ground_truth(venue, Path(runner.lakehouse.root).parent)
        reports = _backfill(runner, [], None, None, force=False, as_json=as_json)
        pages = runner.reports()
    code = _finish(reports, as_json, {"reports": pages, "seconds": round(time.perf_counter() - started, 1)})
    if not as_json:
        print(f"\nThe market of this demo is SYNTHETIC. It took {time.perf_counter() - started:.0f} s.")
        for page in pages:
            print(f"Open the report: {page}")
        print("Look around:     make ui   (the Dagster pages on the loopback address)")
    return code


def run(
    assets: Sequence[str], date: str | None, first: str | None, last: str | None, profile: str | None, as_json: bool
) -> int:
    """Materialize these assets for these dates, current or not."""
    if date is not None and (first is not None or last is not None):
        raise UsageError("give either --date or --from/--to, not both")
    begin, end = iso_day(date or first, "--date/--from"), iso_day(date or last, "--date/--to")
    with open_runner(profile) as runner:
        return _finish(_backfill(runner, assets, begin, end, force=True, as_json=as_json), as_json)


def backfill(
    select: Sequence[str], first: str | None, last: str | None, profile: str | None, force: bool, as_json: bool
) -> int:
    """Materialize what is not current."""
    begin, end = iso_range(first, last)
    with open_runner(profile) as runner:
        return _finish(_backfill(runner, select, begin, end, force=force, as_json=as_json), as_json)


def _backfill(
    runner: GraphRunner, select: Sequence[str], first: str | None, last: str | None, *, force: bool, as_json: bool
) -> list[StepReport]:
    total = len(runner.ordered(select))
    with _progress(total, not as_json) as (start, finish):
        return runner.backfill(select, first, last, force=force, on_start=start, on_step=finish)


@contextmanager
def _progress(total: int, shown: bool) -> Iterator[Any]:
    """A progress bar on a terminal; one plain line for each asset otherwise; nothing for JSON."""
    if not (shown and sys.stderr.isatty()):
        finish = (lambda report: print(_line(report), file=sys.stderr)) if shown else (lambda report: None)
        yield (lambda asset, partitions: None), finish
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description:38}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("assets", total=total)
        yield (
            lambda asset, partitions: progress.update(task, description=f"{asset} ({partitions})"),
            lambda report: progress.advance(task),
        )


def _line(report: StepReport) -> str:
    refused = f", {report.refused} REFUSED" if report.refused else ""
    counts = f"{report.published:5} published, {report.current:5} current{refused}"
    return f"{report.asset:32} {counts}  {report.seconds:6.1f} s"


def _finish(reports: Sequence[StepReport], as_json: bool, extra: dict[str, Any] | None = None) -> int:
    """Print what happened; the exit code of the first asset that failed, in graph order."""
    code = next((r.exit_code for r in reports if r.exit_code), 0)
    if as_json:
        print_json({"exit_code": code, "assets": [r.to_record() for r in reports], **(extra or {})})
        return code
    print_table("Materialized", [r.to_record() for r in reports], COLUMNS)
    for report in [r for r in reports if r.exit_code][:3]:
        print(f"error: {report.message}", file=sys.stderr)
    failed = sum(1 for r in reports if r.exit_code)
    if failed > 3:
        print(f"... and {failed - 3} more assets; see `quant status` and `quant check`", file=sys.stderr)
    if failed:
        print(f"lakehouse: {open_lakehouse().root}", file=sys.stderr)
    return code
