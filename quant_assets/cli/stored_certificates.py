"""`quant features certify --stored`: the certificates that lie with ``features_matrix``, feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quant_assets.cli.feature_files import feature_ids
from quant_assets.cli.session import iso_range, open_lakehouse, print_json, print_table
from quant_assets.errors import EmptyResult, UsageError

COLUMNS = ("feature", "state", "current", "from", "to", "days", "recomputed", "breaches", "density", "drift", "reason")


def show(
    features: Sequence[str] | None,
    more: Sequence[str],
    profile: str | None,
    first: str | None,
    last: str | None,
    as_json: bool,
) -> int:
    """Tell the stored certificates of the profile's features (or those named); exit code 3 where not all are current.

    Raises EmptyResult where none is stored in the range, UsageError for a feature that the profile does not have.
    """
    from quant_assets.feature_certificates import all_current, made_from_now, read_certificates, summary
    from quant_assets.profiles.load import load_profile

    wanted, chosen = feature_ids(features, more), load_profile(profile)
    begin, end = iso_range(first, last)
    made_from = made_from_now(chosen)
    if unknown := sorted(set(wanted or ()) - set(made_from)):
        raise UsageError(f"features {unknown} are not in profile {chosen.name}; it has {list(made_from)}")
    made_from = {name: made_from[name] for name in wanted or made_from}
    stored = read_certificates(open_lakehouse(), begin, end)
    stored = stored[stored["feature"].isin(list(made_from))]
    if stored.empty:
        raise EmptyResult(
            f"no certificate is stored in {first or 'the start'} .. {last or 'the end'}; "
            "run `quant backfill --select features_matrix` first, with --force where its days are published already"
        )
    records = summary(stored, made_from)
    passed = all_current(records)
    _print(records, chosen.name, passed, as_json)
    return 0 if passed else 3


def _print(records: Sequence[dict[str, Any]], profile: str, passed: bool, as_json: bool) -> None:
    if as_json:
        print_json({"profile": profile, "passed": passed, "certificates": list(records)})
        return
    shown = [{**r, "from": r["first"], "to": r["last"], "drift": _drift(r)} for r in records]
    title = "all current and certified" if passed else "NOT all current and certified"
    print_table(f"stored certificates of {profile}: {title}", shown, COLUMNS)


def _drift(record: dict[str, Any]) -> str:
    if not record["days"]:
        return ""
    if not record["tolerance"]:
        return "fixed window"
    if not record["drift_samples"]:
        return "not measured"
    return f"{record['drift']:.2g} of {record['tolerance']:.2g} on {record['drift_windows']}x"
