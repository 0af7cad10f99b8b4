"""What must hold between the blocks of a profile, and what `all` stands for."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from quant_assets.features.catalogue import build_registry
from quant_assets.features.config import FeaturesConfig
from quant_assets.profiles.model import Profile
from tests.e2e.worlds import Place, tiny_bars, tiny_profile


def profile(**changes) -> Profile:
    """The tiny world's profile, as a file of it would be read."""
    return Profile.model_validate(yaml.safe_load(yaml.safe_dump(tiny_profile(**changes))))


def test_all_features_stand_for_each_of_them():
    standard = tuple(f.id for f in build_registry(FeaturesConfig(), 365.0) if not f.on_request)
    assert profile(features={"features": ["all"]}).feature_ids == standard
    more = profile(features={"features": ["rsi_14", "all", "rank_momentum"]}).feature_ids
    assert more[0] == "rsi_14" and more[-1] == "rank_momentum" and sorted(more[:-1]) == sorted(standard)
    assert profile().feature_ids == ("momentum", "realised_volatility")


def test_a_sleeve_that_reads_what_is_not_computed_is_told_what_to_add():
    with pytest.raises(ValidationError, match=r"features \['momentum'\] are not computed; add them"):
        profile(features={"features": ["realised_volatility"]})


@pytest.mark.parametrize("block", ["redenominations", "identities"])
def test_a_map_must_name_a_market_as_the_lakehouse_does(block):
    entry = {"symbol": "QUICK/USDT", "date": "2023-03-01", **({"factor": 10.0} if block == "redenominations" else {})}
    with pytest.raises(ValidationError, match=rf"{block}: \['QUICK/USDT'\] must be named VENUE:BASE/QUOTE"):
        profile(**{block: [entry]})
    assert getattr(profile(**{block: [{**entry, "symbol": "TOY:QUICK/USDT"}]}), block)


def test_sleeves_select_from_all_features(tmp_path):
    features = {**tiny_profile()["features"], "features": ["all"], "nan_density": 0.01}
    place = Place(tmp_path).write(tiny_profile(features=features), tiny_bars())
    reports = place.backfill("listings", "ohlcv", "candidates", "features_matrix", "returns_matrix", "up/selection")
    assert {r.asset: r.refused for r in reports} == dict.fromkeys((r.asset for r in reports), 0)
    assert (place.table("selection")["winner"]).any()
