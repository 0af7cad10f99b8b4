"""`quant simulate`: the reference loop on a user's own weights and returns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from quant_assets.cli.session import print_json, print_table
from quant_assets.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

WEIGHTS = ("date", "symbol", "weight")
RETURNS = ("date", "symbol", "return")


def simulate(
    weights: Path,
    returns: Path,
    fees: float,
    slippage: float,
    borrow: float,
    annualisation: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Write (or print) date, gross, costs, net, turnover, and show the summary."""
    from quant_assets.simulation.long_frames import simulate_long_frames
    from quant_assets.simulation.metrics import performance_table

    if out is not None and out.suffix not in {".csv", ".parquet"}:
        raise UsageError(f"--out {out}: write to a .csv or a .parquet file")
    daily = simulate_long_frames(
        _read(weights, WEIGHTS), _read(returns, RETURNS), fees, slippage, borrow, annualisation_days=annualisation
    )
    if out is not None:
        _write(daily, out)
    summary = performance_table(daily, annualisation)
    if as_json:
        rows = daily.assign(date=daily["date"].dt.strftime("%Y-%m-%d")).to_dict("records")
        print_json({"summary": summary, "daily": rows})
    else:
        print_table(
            f"{len(daily)} days{f', written to {out}' if out else ''}",
            [{"figure": k, "value": v} for k, v in summary.items()],
        )
    return 0


def _read(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """The named columns of a CSV or Parquet file; more columns are allowed and left out."""
    import pandas as pd

    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as {path.suffix or 'CSV'}: {error}") from error
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise UsageError(f"{path}: columns {missing} are missing; found {list(frame.columns)}, needs {list(columns)}")
    return frame[list(columns)]


def _write(daily: pd.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".parquet":
        daily.to_parquet(out, index=False)
    else:
        daily.to_csv(out, index=False)
