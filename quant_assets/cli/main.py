"""Entry point: the commands, their arguments and their exit codes. What they do lies in the other modules of this room.

Exit codes: 0 ok, 1 failure, 2 usage, 3 contract violation, 4 empty result.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quant_assets.cli.feature_commands import features_app
from quant_assets.cli.options import From, Json, ProfileName, To, explained

app = typer.Typer(
    name="quant",
    help="Date-partitioned portfolio research and production: bars in, contracts checked, weights and reports out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
universe_app = typer.Typer(help="Universes: list them, print every rule of one, explain a day or a market of it.")
app.add_typer(universe_app, name="universe", no_args_is_help=True)
import_app = typer.Typer(help="Bring existing history into the lakehouse through the same contracts.")
app.add_typer(import_app, name="import", no_args_is_help=True)
quarantine_app = typer.Typer(help="Rejected bars: list them, release or reject single ones; every decision is kept.")
app.add_typer(quarantine_app, name="quarantine", no_args_is_help=True)
app.add_typer(features_app, name="features", no_args_is_help=True)

Select = Annotated[
    list[str] | None, typer.Option("--select", "-s", help="Asset or group; add + for all downstream; repeatable.")
]
UniverseName = Annotated[str, typer.Argument(help="A universe of the profile, or a shipped one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Symbol = Annotated[str, typer.Argument(help="Market, VENUE:BASE/QUOTE[:SETTLE].")]
Day = Annotated[str, typer.Argument(help="Day of the bar, YYYY-MM-DD.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept with the decision.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides (else the user of this machine).")]


@app.command()
@explained
def demo(as_json: Json = False) -> int:
    """Materialize the demo's whole history on the synthetic market and name the report to open."""
    from quant_assets.cli import materializing

    return materializing.demo(as_json)


@app.command()
@explained
def run(
    assets: Annotated[list[str], typer.Argument(help="Assets or groups; add + for all downstream.")],
    date: Annotated[str | None, typer.Option("--date", help="One partition, YYYY-MM-DD.")] = None,
    first: From = None,
    last: To = None,
    profile: ProfileName = None,
    as_json: Json = False,
) -> int:
    """Materialize assets for a date or a range of dates, current or not."""
    from quant_assets.cli import materializing

    return materializing.run(assets, date, first, last, profile, as_json)


@app.command()
@explained
def backfill(
    select: Select = None,
    first: From = None,
    last: To = None,
    profile: ProfileName = None,
    force: Annotated[bool, typer.Option("--force", help="Also what is current.")] = False,
    as_json: Json = False,
) -> int:
    """Materialize whatever is not current, asset by asset in graph order; a killed backfill continues where it was."""
    from quant_assets.cli import materializing

    return materializing.backfill(select or [], first, last, profile, force, as_json)


@app.command()
@explained
def restate(
    first: From = None,
    last: To = None,
    run: Annotated[bool, typer.Option("--run", help="Compute them again, as `quant backfill` does.")] = False,
    profile: ProfileName = None,
    as_json: Json = False,
) -> int:
    """List what is no longer current because an input was restated, and since when; --run computes it again."""
    from quant_assets.cli import restating

    return restating.restate(first, last, run, profile, as_json)


@app.command()
@explained
def ingest(
    first: From = None,
    last: To = None,
    symbols: Annotated[
        list[str] | None,
        typer.Option("--symbols", help="Fetch only these anew, over days ingested before; repeatable."),
    ] = None,
    profile: ProfileName = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Bring in listings and bars of every day that is not current, and name what is missing."""
    from quant_assets.cli import ingesting

    return ingesting.ingest(first, last, symbols or [], profile, dry_run, as_json)


@app.command()
@explained
def repair(
    first: From = None,
    last: To = None,
    max_symbols: Annotated[int, typer.Option(min=1, help="Most markets asked for.")] = 50,
    max_days: Annotated[int, typer.Option(min=1, help="Most days asked for, the newest first.")] = 31,
    profile: ProfileName = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Ask the venue again for exactly the bars that are missing; nothing is interpolated."""
    from quant_assets.cli import ingesting

    return ingesting.repair(first, last, max_symbols, max_days, profile, dry_run, as_json)


@app.command()
@explained
def audit(first: From = None, last: To = None, profile: ProfileName = None, as_json: Json = False) -> int:
    """Show everything known about stored bars; exit code 3 where an ERROR stands."""
    from quant_assets.cli import auditing

    return auditing.audit(first, last, profile, as_json)


@quarantine_app.command("list")
@explained
def quarantine_list(
    rule: Annotated[str | None, typer.Option("--rule", help="Only rows under this rule.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only rows of this market.")] = None,
    first: From = None,
    last: To = None,
    as_json: Json = False,
) -> int:
    """List rejected bars with rule, reason and decision."""
    from quant_assets.cli import quarantining

    return quarantining.listing(rule, symbol, first, last, as_json)


@quarantine_app.command("release")
@explained
def quarantine_release(
    symbol: Symbol, day: Day, reason: Reason, by: By = None, dry_run: DryRun = False, as_json: Json = False
) -> int:
    """Decide that exactly this bar is to be accepted when its day is judged again."""
    from quant_assets.cli import quarantining

    return quarantining.decide("release", symbol, day, reason, by, dry_run, as_json)


@quarantine_app.command("reject")
@explained
def quarantine_reject(
    symbol: Symbol, day: Day, reason: Reason, by: By = None, dry_run: DryRun = False, as_json: Json = False
) -> int:
    """Confirm that this bar stays in quarantine; takes an earlier release back."""
    from quant_assets.cli import quarantining

    return quarantining.decide("reject", symbol, day, reason, by, dry_run, as_json)


@app.command()
@explained
def status(select: Select = None, profile: ProfileName = None, as_json: Json = False) -> int:
    """Show for each asset how many partitions are published, refused, withheld or missing."""
    from quant_assets.cli import inspecting

    return inspecting.status(select or [], profile, as_json)


@app.command()
@explained
def check(
    target: Annotated[str | None, typer.Argument(help="An asset, or `bars` to check a file of your own.")] = None,
    file: Annotated[Path | None, typer.Argument(help="With `bars`: a CSV or Parquet file, or a folder.")] = None,
    first: From = None,
    last: To = None,
    venue: Annotated[str, typer.Option(help="With `bars`: venue prefix for symbols that have none.")] = "FILES",
    quote: Annotated[str, typer.Option(help="With `bars`: quote currency of plain tickers.")] = "USD",
    profile: ProfileName = None,
    as_json: Json = False,
) -> int:
    """Show recorded verdicts rule by rule, or judge a file of bars by L0 and L1 (`quant check bars FILE`)."""
    from quant_assets.cli import checking

    if target == "bars":
        return checking.check_file(file, venue, quote, profile, as_json)
    return checking.check_assets(target, file, first, last, profile, as_json)


@app.command()
@explained
def sql(
    query: Annotated[
        str, typer.Argument(help="One SQL statement; every lakehouse table is a view. `show tables` lists them.")
    ],
    as_json: Json = False,
) -> int:
    """Query the lakehouse."""
    from quant_assets.cli import inspecting

    return inspecting.sql(query, as_json)


@app.command()
@explained
def simulate(
    weights: Annotated[
        Path, typer.Argument(help="Long frame: date, symbol, weight (target at the start of that date).")
    ],
    returns: Annotated[Path, typer.Argument(help="Long frame: date, symbol, return.")],
    fees: Annotated[float, typer.Option(help="Fee as a fraction of traded notional.")] = 0.0,
    slippage: Annotated[float, typer.Option(help="Slippage as a fraction of traded notional.")] = 0.0,
    borrow: Annotated[float, typer.Option(help="Annual borrow rate on short notional.")] = 0.0,
    annualisation: Annotated[int, typer.Option(help="Days a year, for borrow and the summary.")] = 365,
    out: Annotated[Path | None, typer.Option(help="CSV or Parquet file to write.")] = None,
    as_json: Json = False,
) -> int:
    """Simulate a book of your own with the reference loop: date, gross, costs, net, turnover."""
    from quant_assets.cli import simulating

    return simulating.simulate(weights, returns, fees, slippage, borrow, annualisation, out, as_json)


@app.command()
@explained
def doctor(
    profile: ProfileName = None,
    fix: Annotated[bool, typer.Option("--fix", help="Mark orphaned runs as failed.")] = False,
    as_json: Json = False,
) -> int:
    """Look for what goes wrong in practice: environment, profile, storage, orphaned runs, withheld partitions."""
    from quant_assets.cli import doctoring

    return doctoring.doctor(profile, fix, as_json)


@app.command()
@explained
def maintain(
    retention_hours: Annotated[int, typer.Option(help="Keep unreferenced files this long.")] = 168,
    as_json: Json = False,
) -> int:
    """Compact the lakehouse and delete files that no current or referenced table version needs."""
    from quant_assets.cli import inspecting

    return inspecting.maintain(retention_hours, as_json)


@universe_app.command("list")
@explained
def universe_list(profile: ProfileName = None, as_json: Json = False) -> int:
    """List the universes of the profile and those shipped with the package."""
    from quant_assets.cli import universes

    return universes.list_universes(profile, as_json)


@universe_app.command("show")
@explained
def universe_show(name: UniverseName, profile: ProfileName = None, as_json: Json = False) -> int:
    """Print every rule of a universe and which layer states it; nothing else decides."""
    from quant_assets.cli import universes

    return universes.show(name, profile, as_json)


@universe_app.command("explain")
@explained
def universe_explain(
    name: UniverseName,
    date: Annotated[str, typer.Option("--date", help="Day, YYYY-MM-DD.")],
    symbol: Annotated[str | None, typer.Option("--symbol", help="One market, VENUE:BASE/QUOTE[:SETTLE].")] = None,
    profile: ProfileName = None,
    as_json: Json = False,
) -> int:
    """Say why markets are in or out of a universe on a day, from published bars; exit code 4 for an empty pool."""
    from quant_assets.cli import universes

    return universes.explain(name, date, symbol, profile, as_json)


@import_app.command("bars")
@explained
def import_bars(
    path: Annotated[Path, typer.Argument(help="A CSV, Parquet or feather file, or a folder of them.")],
    venue: Annotated[str, typer.Option(help="Venue prefix for symbols that have none.")] = "FILES",
    quote: Annotated[str, typer.Option(help="Quote currency of plain tickers.")] = "USD",
    symbol: Annotated[str | None, typer.Option(help="BASE/QUOTE of a file that does not say it.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Folder for the bars (else imports/ by the lakehouse).")
    ] = None,
    calendar: Annotated[str, typer.Option(help="24/7, or an exchange's code such as XNYS.")] = "24/7",
    profile: Annotated[str | None, typer.Option("--profile", help="Judge by the bar rules of this profile.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite published bars of another source.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Recognise and judge; write nothing.")] = False,
    as_json: Json = False,
) -> int:
    """Import bars of other tools (ccxt, Binance, freqtrade, Yahoo): recognised, stated, judged, published."""
    from quant_assets.cli import importing

    options = importing.ImportOptions(venue, quote, symbol, to, calendar, profile, force, dry_run, as_json)
    return importing.import_bars(path, options)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; for tests and `python -m`."""
    app(arguments)


if __name__ == "__main__":
    main()
