"""A selector reads no feature without a current certificate: a planted leak, and a feature that was changed."""

from __future__ import annotations

import sys

import dagster as dg
import pytest

from quant_assets.manifests import PUBLISHED, REFUSED, Ledger
from quant_assets.running import GraphRunner
from tests.e2e.worlds import Place, tiny_profile

WEDNESDAY, SUNDAY, MONDAY = "2023-03-08", "2023-03-12", "2023-03-13"
HEAD = "import numpy as np\n\nfrom quant_assets.features.custom import feature\n\n\n"
DECLARED = '@feature(id="mine", title="Mine", formula="f", source="test", unit="ratio", window=8, version={version})\n'
# On the last day of each week of seven bars the value is honest: a week's close is known then.
WEEKS_CLOSE = """def mine(close):
    weeks = [close[i : i + 7] for i in range(0, len(close), 7)]
    ends = np.repeat([w[-1] for w in weeks], [len(w) for w in weeks])
    return np.append(np.full(7, np.nan), ends[7:] / close[:-7] - 1)
"""
HONEST = """def mine(close):
    return np.append(np.full(7, np.nan), close[7:] / close[:-7] - 1)
"""


@pytest.fixture
def place(tiny, tmp_path, monkeypatch) -> Place:
    """The finished tiny world, its long sleeve ranked by a feature of the user's."""
    monkeypatch.syspath_prepend(tmp_path)
    profile = tiny_profile()
    profile["features"] = {**profile["features"], "modules": ["mine_of_test"]}
    profile["features"]["features"] = ["momentum", "realised_volatility", "mine"]
    profile["sleeves"][0]["selection"]["score"] = {"feature": "mine"}
    yield tiny.copy_to(tmp_path / "place").write(profile)
    sys.modules.pop("mine_of_test", None)


def write(place: Place, function: str, version: int) -> None:
    sys.modules.pop("mine_of_test", None)
    text = HEAD + DECLARED.format(version=version) + function
    (place.folder.parent / "mine_of_test.py").write_text(text, encoding="utf-8")


def run(runner: GraphRunner, day: str, *assets: str) -> list[int]:
    """`quant run ASSETS --date D`: exit codes."""
    return [r.exit_code for a in assets for r in runner.backfill([a], day, day, force=True)]


def backfill(runner: GraphRunner) -> dict[str, int]:
    """`quant backfill` of the week before a Monday and of its decision: exit codes of what was not current."""
    reports = runner.backfill(["features_matrix", "up/selection", "down/selection"], WEDNESDAY, MONDAY)
    return {r.asset: r.exit_code for r in reports if r.published + r.refused}


def certificate(place: Place, day: str, feature: str = "mine"):
    rows = place.table("feature_certificates")
    (row,) = rows[(rows["date"].astype(str) == day) & (rows["feature"] == feature)].to_dict("records")
    return row


def test_a_leaking_or_changed_feature_is_not_read_whatever_the_day_looks_like(place):
    write(place, WEEKS_CLOSE, 1)
    with place.runner() as runner:
        codes = backfill(runner)
        assert codes["features_matrix"] == codes["up/selection"] == 3 and codes.get("down/selection", 0) == 0
        days = place.statuses("features_matrix")
        assert days[SUNDAY] == PUBLISHED and days[WEDNESDAY] == REFUSED, "the leak spares the days that selectors read"
        for day in (SUNDAY, WEDNESDAY):
            assert certificate(place, day)["state"] == "not certified" and certificate(place, day)["breaches"] > 0
            assert certificate(place, day, "momentum")["state"] == "certified"
        assert place.refusals("up/selection", MONDAY) == "L3.CERTIFIED"
        reason = place.refusals("up/selection", MONDAY, "reason")
        assert f"mine on {SUNDAY} is not certified: L2.PREFIX" in reason and "quant run features_matrix" in reason
        assert place.statuses("down/selection")[MONDAY] == PUBLISHED, "it reads another feature"

        assert run(runner, SUNDAY, "features_matrix") == [0], "alone, the values of that day are honest"
        row = certificate(place, SUNDAY)
        assert row["breaches"] > 0 and row["state"] == "not certified", "the code is not: bars before it show that"
        before = "2023-03-05"
        assert run(runner, before, "features_matrix") == [0]
        assert certificate(place, before)["state"] == "not certified", "what is known of the code counts for every day"

    write(place, HONEST, 10)
    with place.runner() as runner:
        assert run(runner, MONDAY, "up/selection") == [3], "another feature under the same name is not certified yet"
        reason = place.refusals("up/selection", MONDAY, "reason")
        assert "another declaration or code" in reason and f"--from {SUNDAY} --to {SUNDAY}" in reason
        assert backfill(runner) == {"features_matrix": 0, "up/selection": 0}
        page = dg.AssetRecordsFilter(dg.AssetKey("features_matrix"), asset_partitions=[SUNDAY])
        shown = runner.instance.fetch_materializations(page, limit=1).records[0].asset_materialization
        assert shown.metadata["features_certified"].value == 3 and shown.metadata["values_recomputed"].value > 0
    assert certificate(place, SUNDAY)["version"] == 10 and certificate(place, SUNDAY)["state"] == "certified"
    stored = Ledger(place.lakehouse).states("features_matrix")[SUNDAY]
    assert certificate(place, SUNDAY)["content"] == stored.data_version, "it speaks of these values and no others"


def test_a_function_that_fails_publishes_nothing_and_says_so(place):
    write(place, HONEST, 1)
    with place.runner() as runner:
        assert run(runner, SUNDAY, "features_matrix") == [0]
    write(place, "def mine(close):\n    return close[: len(close) // 0]\n", 2)
    with place.runner() as runner:
        (report,) = runner.backfill(["features_matrix"], SUNDAY, SUNDAY)
    assert (report.exit_code, report.published, report.refused, report.standing) == (2, 0, 0, 1)
    assert "'mine'" in report.message and "bars: ZeroDivisionError" in report.message and "line 8" in report.message
