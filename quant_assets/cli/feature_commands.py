"""`quant features`: the commands and their arguments; what they do lies in modules that are loaded on use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quant_assets.cli.options import From, Json, ProfileName, To, explained

features_app = typer.Typer(
    help="Features: compute them from bars of your own, list them, certify them, compare ratings with a screener's."
)
OwnProfile = Annotated[str | None, typer.Option("--profile", help="Take features and parameters of this profile.")]
Chosen = Annotated[
    list[str] | None, typer.Option("--features", help="Feature ids; several with commas, spaces or repeated.")
]
More = Annotated[list[str] | None, typer.Argument(help="More feature ids after --features.", show_default=False)]


@features_app.command("compute")
@explained
def compute(
    bars: Annotated[Path, typer.Argument(help="CSV or Parquet: symbol, date or timestamp, open .. close, volume.")],
    out: Annotated[Path, typer.Option("--out", help="CSV or Parquet file to write.")],
    more: More = None,
    features: Chosen = None,
    profile: OwnProfile = None,
    annualisation: Annotated[
        float | None, typer.Option(min=1.0, help="Bars in a year (else inferred from their interval, and stated).")
    ] = None,
    as_json: Json = False,
) -> int:
    """Compute features of bars of any interval over their whole history: symbol, date or timestamp, one column each."""
    from quant_assets.cli import feature_files

    return feature_files.compute(bars, out, features, more or [], profile, annualisation, as_json)


@features_app.command("list")
@explained
def list_features(profile: OwnProfile = None, as_json: Json = False) -> int:
    """List every registered feature: what it reads, its window, its warm-up, the drift tolerated there."""
    from quant_assets.cli import feature_pages

    return feature_pages.list_features(profile, as_json)


@features_app.command("show")
@explained
def show(
    feature: Annotated[str, typer.Argument(help="Feature id.")], profile: OwnProfile = None, as_json: Json = False
) -> int:
    """Print the whole declaration of a feature: formula, source, inputs, parameters, range, warm-up and drift."""
    from quant_assets.cli import feature_pages

    return feature_pages.show(feature, profile, as_json)


@features_app.command("compare")
@explained
def compare(
    file: Annotated[Path, typer.Argument(help="What `quant features compute` wrote, with rating columns.")],
    snapshot: Annotated[Path, typer.Argument(help="A screener's snapshot: symbol and rating columns.")],
    date: Annotated[str | None, typer.Option("--date", help="Time in FILE to compare (else its last).")] = None,
    profile: OwnProfile = None,
    as_json: Json = False,
) -> int:
    """Compare ratings with a screener's snapshot by L2.PARITY: mean absolute error and agreement of signs."""
    from quant_assets.cli import feature_pages

    return feature_pages.compare(file, snapshot, date, profile, as_json)


@features_app.command("certify")
@explained
def certify(
    features: Chosen = None,
    more: More = None,
    profile: ProfileName = None,
    first: From = None,
    last: To = None,
    bars: Annotated[
        Path | None, typer.Option("--bars", help="Take the bars of this CSV or Parquet file, of any interval.")
    ] = None,
    stored: Annotated[
        bool, typer.Option("--stored", help="Show the certificates that lie with features_matrix; compute nothing.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check features on stored bars for look-ahead and warm-up, publishing nothing; exit code 3 where one fails."""
    if bars is not None:
        from quant_assets.cli import feature_certifying
        from quant_assets.errors import UsageError

        if stored or first or last:
            raise UsageError("--bars looks at the last bars of a file; it goes without --stored, --from and --to")
        return feature_certifying.certify_file(bars, features, more or [], profile, as_json)
    if stored:
        from quant_assets.cli import stored_certificates

        return stored_certificates.show(features, more or [], profile, first, last, as_json)
    from quant_assets.cli import feature_certifying

    return feature_certifying.certify(features, more or [], profile, first, last, as_json)
