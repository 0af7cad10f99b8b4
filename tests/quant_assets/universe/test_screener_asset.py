"""`screener_snapshot`: in the graph on request only, of today only, beside yesterday's features, read by nobody."""

import datetime as dt

import dagster as dg
import pandas as pd
import pytest
import yaml

from partitions.days import daily
from quant_assets.build import build_assets, build_defs, build_resources
from quant_assets.contracts.verdict import Verdict
from quant_assets.declaration import Batch, PublishedAsset, day_after
from quant_assets.factory import BuiltAsset, build_asset
from quant_assets.keys import FEATURES_MATRIX, SCREENER_SNAPSHOT
from quant_assets.manifests import Ledger
from quant_assets.profiles.load import SHIPPED as PROFILES
from quant_assets.profiles.load import load_profile
from quant_assets.tables import SCREENER_TABLE, features_table
from quant_assets.universe.assets import screener_assets
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.screener import Screener, ScreenerConfig
from tests.quant_resources.scanner import row, serving

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
YESTERDAY, TODAY, TOMORROW = "2025-06-15", "2025-06-16", "2025-06-17"
NOW = dt.datetime(2025, 6, 16, 0, 10, tzinfo=dt.UTC)
MARKETS = [row("BTC", rating=0.5), row("ETH", rating=-0.5)]


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """The demo with a screener, in a file of its own."""
    content = yaml.safe_load((PROFILES / "demo.yaml").read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("profile") / "screened.yaml"
    path.write_text(yaml.safe_dump({**content, "end": None, "screener": {"retry_wait_seconds": 0.0}}), encoding="utf-8")
    return load_profile(str(path))


def features(ratings: dict[str, float]) -> BuiltAsset:
    """A stand-in for the feature matrix: synthetic ratings of two days."""
    table = features_table([("recommend_ma", "rating", "")])
    asset = PublishedAsset(
        key=FEATURES_MATRIX, table=table, partitions=daily(dt.date(2025, 6, 15), dt.date(2025, 6, 16)), levels=("L2",),
        description="Synthetic ratings of two days.", group="features", rooms=("features",), knowable=day_after,
    )  # fmt: skip

    def body(run) -> Batch:
        rows = [(pd.Timestamp(key), symbol, value) for key in run.keys for symbol, value in ratings.items()]
        frame = pd.DataFrame(rows, columns=table.column_names)
        return Batch(frame, {key: (Verdict("L2"),) for key in run.keys})

    return build_asset(asset, body, [ratings], "team:quant")


class Place:
    """One lakehouse and instance with the stand-in features and the snapshot."""

    def __init__(self, folder, instance, profile, scanner, ratings) -> None:
        self.lakehouse, self.instance, self.now = Lakehouse(folder / "lakehouse"), instance, NOW
        self.built = [features(ratings), *screener_assets(profile, clock=lambda: NOW)]
        config = profile.screener.model_copy(update={"base_url": scanner.url})
        self.screener = Screener(config, clock=lambda: self.now)

    def run(self, key: dg.AssetKey, day: str) -> dg.ExecuteInProcessResult:
        with dg.partition_loading_context(effective_dt=NOW + dt.timedelta(days=2)):
            return dg.materialize(
                [built.definition for built in self.built], selection=dg.AssetSelection.assets(key), partition_key=day,
                resources={"lakehouse": self.lakehouse, "screener": self.screener}, instance=self.instance,
                run_config=QUIET, raise_on_error=False,
            )  # fmt: skip

    def states(self) -> dict[str, str]:
        return {key: state.status for key, state in Ledger(self.lakehouse).states("screener_snapshot").items()}


@pytest.fixture
def place(tmp_path, profile):
    ours = {"BINANCE:BTC/USDT": 0.45, "BINANCE:ETH/USDT": -0.4, "BINANCE:SOL/USDT": 0.1}
    with dg.DagsterInstance.ephemeral() as instance, serving(MARKETS) as scanner:
        yield Place(tmp_path, instance, profile, scanner, ours)


def parity(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.asset_materializations_for_node(SCREENER_SNAPSHOT.path[0])
    return str(event.metadata["parity"].value)


def test_todays_snapshot_is_published_and_compared_with_the_last_closed_day(place):
    assert place.run(FEATURES_MATRIX, YESTERDAY).success
    result = place.run(SCREENER_SNAPSHOT, TODAY)
    assert result.success and place.states() == {TODAY: "published"}
    stored = place.lakehouse.read(SCREENER_TABLE)
    assert stored["symbol"].tolist() == ["BINANCE:BTC/USDT", "BINANCE:ETH/USDT"]
    assert set(stored["date"]) == {pd.Timestamp(TODAY)}
    assert parity(result).startswith("recommend_ma of 2 markets: mean absolute error 0.075, same sign 100%")


def test_a_large_difference_warns_and_the_snapshot_is_published_all_the_same(place):
    place.built[0] = features({"BINANCE:BTC/USDT": -0.5})
    place.run(FEATURES_MATRIX, YESTERDAY)
    result = place.run(SCREENER_SNAPSHOT, TODAY)
    assert result.success and place.states() == {TODAY: "published"}
    assert "same sign 0%" in parity(result)
    (check,) = result.get_asset_check_evaluations()
    assert check.severity == dg.AssetCheckSeverity.WARN and not check.passed


@pytest.mark.parametrize("day", [TODAY, TOMORROW])
def test_a_day_that_is_not_today_is_refused_and_nothing_is_stored_or_asked(place, day):
    for key in (YESTERDAY, TODAY):
        place.run(FEATURES_MATRIX, key)
    place.now = NOW + dt.timedelta(days=1 if day == TODAY else 0)
    result = place.run(SCREENER_SNAPSHOT, day)
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert not result.success and "today's values only" in str(failure.step_failure_data.user_failure_data.description)
    assert place.states() == {} and place.lakehouse.open("screener_snapshot") is None


def test_without_yesterdays_features_there_is_no_snapshot(place):
    result = place.run(SCREENER_SNAPSHOT, TODAY)
    assert not result.success and place.states() == {TODAY: "refused"}


def test_the_partitions_begin_today_so_a_past_day_cannot_be_asked_for(profile):
    (built,) = screener_assets(profile, clock=lambda: NOW)
    with dg.partition_loading_context(effective_dt=NOW):
        assert built.declaration.partitions.get_partition_keys() == [TODAY]


def test_the_asset_is_there_on_request_only_and_nothing_reads_it(profile):
    names = [built.declaration.name for built in build_assets(load_profile("demo"))]
    assert "screener_snapshot" not in names and "screener" not in build_resources(load_profile("demo"))
    built = {b.declaration.name: b.declaration for b in build_assets(profile)}
    assert "screener_snapshot" in built and "screener" in build_resources(profile)
    dg.Definitions.validate_loadable(build_defs(profile))
    readers = [name for name, asset in built.items() for item in asset.inputs if item.name == "screener_snapshot"]
    assert readers == []


def test_the_demo_profile_has_no_screener_and_an_unknown_key_of_one_is_refused():
    assert load_profile("demo").screener is None
    assert ScreenerConfig().base_url.startswith("https://")
    with pytest.raises(ValueError, match="api_key"):
        ScreenerConfig.model_validate({"api_key": "x"})
