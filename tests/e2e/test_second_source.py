"""A second source warns where it disagrees, and a venue may forget what it staged once everything is published."""

from __future__ import annotations

import pandas as pd

from quant_assets.running import GraphRunner
from quant_resources.venues.factory import build_venue
from tests.e2e.worlds import Place, tiny_bars, tiny_profile

FIRST, LAST = "2023-01-02", "2023-01-08"
ODD_DAY = "2023-01-05"


def verdicts(place: Place) -> dict[str, dict[str, object]]:
    import json

    rows = place.table("manifests")
    rows = rows[rows["asset"] == "ohlcv"]
    days = pd.to_datetime(rows["partition"]).dt.strftime("%Y-%m-%d")
    found = {}
    for day, text in zip(days, rows["verdicts"], strict=True):
        found[day] = {rule["rule"]: rule for rule in json.loads(text)["L1"]}
    return found


def test_a_disagreeing_second_source_warns_on_its_day_and_moves_no_bar(tmp_path):
    bars = tiny_bars()
    other = bars.copy()
    odd = (other["symbol"] == other["symbol"].iloc[0]) & (pd.to_datetime(other["date"]) == ODD_DAY)
    other.loc[odd, ["open", "high", "low", "close"]] *= 1.5
    (tmp_path / "other").mkdir()
    other.to_parquet(tmp_path / "other" / "bars.parquet")
    second = {"kind": "files", "path": str(tmp_path / "other"), "venue_name": "ELSE", "data_kind": "synthetic"}
    place = Place(tmp_path / "place").write(tiny_profile(cross_check={"venue": second}), bars)

    steps = place.backfill("listings", "ohlcv", first=FIRST, last=LAST)

    assert [step.refused for step in steps] == [0, 0]
    by_day = {day: rules["L1.CROSS_SOURCE"] for day, rules in verdicts(place).items()}
    assert {day for day, rule in by_day.items() if rule["breaches"]} == {ODD_DAY}
    assert by_day[ODD_DAY]["verdict"] == "warn"
    assert place.table("ohlcv_quarantine").empty


class Staging:
    """The files venue, which keeps account of what it is told to forget."""

    def __init__(self, venue) -> None:
        self._venue = venue
        self.released: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._venue, name)

    def release(self, start, end) -> None:
        self.released.append((start.isoformat(), end.isoformat()))


def test_staged_answers_are_kept_until_every_day_is_published(tmp_path):
    bars = tiny_bars()
    broken = bars.copy()
    broken.loc[pd.to_datetime(broken["date"]) == ODD_DAY, "high"] = -1.0
    for name, frame, forgotten in (("whole", bars, [(FIRST, LAST)]), ("broken", broken, [])):
        place = Place(tmp_path / name).write(tiny_profile(), frame)
        venue = Staging(build_venue(place.profile.venue))
        with place.runner() as runner:
            graph = GraphRunner(runner.profile, runner.instance, runner.lakehouse, venue)
            graph.backfill(["listings", "ohlcv"], FIRST, LAST)
        assert venue.released == forgotten, name
