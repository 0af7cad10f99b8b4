"""Features of stored bars: `quant features certify`, and `quant restate` after a bar was corrected."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest

from quant_assets.features.matrix import days_needed
from tests.cli.command import one_error
from tests.e2e.worlds import Place, tiny_bars, tiny_profile

CORRECTED, COIN = pd.Timestamp("2023-02-22"), "TOY:COIN3/USDT"
LAST = "2023-02-28"
ASSETS = ["listings", "ohlcv", "candidates", "features_matrix", "returns_matrix", "up/selection"]
IDS = ("momentum", "realised_volatility", "rank_realised_volatility")
FEATURES = {
    "features": list(IDS), "momentum_window": 4, "volatility_window": 4, "max_missing_days": 0,
}  # fmt: skip


def bars(correction: float) -> pd.DataFrame:
    frame = tiny_bars()
    frame.loc[(frame["date"] == CORRECTED) & (frame["symbol"] == COIN), "volume"] *= correction
    return frame


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Place:
    """A place with bars and features up to a day."""
    place = Place(tmp_path_factory.mktemp("restated")).write(tiny_profile(features=FEATURES), bars(1.0))
    assert not [r for r in place.backfill(*ASSETS, last=LAST) if r.exit_code]
    return place


def told(result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rooms(answer: dict) -> dict[str, dict]:
    return {r["asset"]: r for r in answer["restated"] if r["partitions"] or r["following"]}


def test_certify_tells_each_feature_of_stored_bars_and_publishes_nothing(quant, published):
    before = len(published.table("manifests"))
    result = quant(published, "features", "certify", "--json")
    answer = told(result)
    assert answer["passed"] and answer["days"] == 30 and answer["last"] == LAST
    assert tuple(f["feature"] for f in answer["features"]) == IDS
    for figures in answer["features"]:
        assert figures["probes"] == 30 * 3 * 3 and figures["breaches"] == 0 and figures["verdict"] == "pass"
    assert len(published.table("manifests")) == before
    named = quant(published, "features", "certify", "--features", "atr_14", "--from", "2023-02-23")
    assert named.exit_code == 0 and "atr_14" in named.stdout and "(6 days)" in named.stdout
    outside = quant(published, "features", "certify", "--from", "2030-01-01")
    assert outside.exit_code == 4 and "ohlcv" in one_error(outside)


def test_stored_certificates_are_told_and_are_not_current_once_a_declaration_changes(quant, published, monkeypatch):
    answer = told(quant(published, "features", "certify", "--stored", "--json"))
    assert answer["passed"] and tuple(c["feature"] for c in answer["certificates"]) == IDS
    for own in answer["certificates"]:
        assert (own["first"], own["last"], own["days"]) == (f"{published.profile.alpha_start}", LAST, 9)
        assert own["state"] == "certified" and own["current"] and own["recomputed"] > 9 * 3 * 3
    shown = quant(published, "features", "certify", "--stored", "--features", "momentum", "--from", LAST)
    assert shown.exit_code == 0 and "fixed window" in shown.stdout and "realised" not in shown.stdout
    early = quant(published, "features", "certify", "--stored", "--to", "2023-01-31")
    assert early.exit_code == 4 and "features_matrix" in one_error(early)
    unknown = quant(published, "features", "certify", "--stored", "--features", "atr_14")
    assert unknown.exit_code == 2 and "atr_14" in one_error(unknown)

    from quant_assets import feature_certificates

    honest = feature_certificates.selected_features
    monkeypatch.setattr(
        feature_certificates,
        "selected_features",
        lambda *given: tuple(dataclasses.replace(f, version=f.version + (f.id == "momentum")) for f in honest(*given)),
    )
    changed = quant(published, "features", "certify", "--stored", "--json")
    assert changed.exit_code == 3
    current = {c["feature"]: c["current"] for c in json.loads(changed.stdout)["certificates"]}
    assert current == {name: name != "momentum" for name in IDS}


def test_certify_ends_with_3_where_a_feature_fails(quant, published, monkeypatch):
    from quant_assets.features import catalogue

    honest = catalogue.build_registry(published.profile.features, 365.0).select(["momentum"])
    broken = dataclasses.replace(honest[0], upper=-1e9, lower=-2e9)
    monkeypatch.setattr(catalogue, "selected_features", lambda config, annualisation: (broken,))
    result = quant(published, "features", "certify", "--from", "2023-02-23", "--json")
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert not answer["passed"] and answer["features"][0]["outside"] > 0 and answer["broken_days"]["L2.BOUNDS"] == 6


def test_a_corrected_bar_lists_its_days_then_computes_them_as_if_it_had_always_been_so(quant, published, tmp_path):
    place = published.copy_to(tmp_path / "copy").write(tiny_profile(features=FEATURES), bars(1.3))
    assert quant(place, "run", "ohlcv", "--date", f"{CORRECTED:%Y-%m-%d}").exit_code == 0
    before = place.contents(*ASSETS)
    found = rooms(told(quant(place, "restate", "--to", LAST, "--json")))

    reach = days_needed(place.profile.features, place.profile.annualisation)
    days = pd.date_range(max(CORRECTED, pd.Timestamp(place.profile.alpha_start)), periods=200)
    expected = [f"{d:%Y-%m-%d}" for d in days if d < CORRECTED + pd.Timedelta(days=reach)]
    matrix = found["features_matrix"]
    assert matrix["partitions"] == expected and expected[-1] < LAST, "and not a day more"
    assert matrix["causes"] == [{"input": "ohlcv", "first": f"{CORRECTED:%Y-%m-%d}", "changed": 1}]
    assert matrix["following"] == [] and list(found) == sorted(found, key=[*ASSETS].index), "in graph order"
    weeks = found["up/selection"]
    assert weeks["following"] == ["2023-02-27"], "it rests on such days"
    assert weeks["partitions"] == [], "but what it reads is still the same"
    assert matrix["others"] == {}
    assert place.contents(*ASSETS) == before, "listing changes nothing"

    done = told(quant(place, "restate", "--to", LAST, "--run", "--json"))
    assert {a["asset"]: a["published"] for a in done["assets"]}["features_matrix"] == len(expected)
    after = told(quant(place, "restate", "--to", LAST, "--json"))
    assert rooms(after) == {} and after["restated"][0]["others"].keys() == {"never published"}
    assert {r["asset"] for r in after["restated"]}.isdisjoint(ASSETS), "what is current is not told"


def test_wrong_days_are_one_error(quant, published):
    result = quant(published, "restate", "--from", "2023-02-01", "--to", "2023-01-01")
    assert result.exit_code == 2 and "exchange" in one_error(result)
