"""A local Dagster instance: written once, quiet, and never overwritten."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from quant_assets.errors import UsageError
from quant_resources.dagster_home import CONFIG_NAME, prepare_dagster_home


def test_a_new_home_is_a_folder_that_dagster_accepts_with_telemetry_off(tmp_path):
    home = prepare_dagster_home(tmp_path / "new" / "home")

    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled


def test_the_path_is_absolute_as_dagster_demands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert prepare_dagster_home(Path("relative")) == tmp_path / "relative"


def test_a_second_call_changes_nothing(tmp_path):
    first = (prepare_dagster_home(tmp_path) / CONFIG_NAME).read_bytes()

    assert (prepare_dagster_home(tmp_path) / CONFIG_NAME).read_bytes() == first
    assert yaml.safe_load(first)["telemetry"] == {"enabled": False}


def test_a_users_own_file_is_kept(tmp_path):
    (tmp_path / CONFIG_NAME).write_text("telemetry: {enabled: true}\n")

    prepare_dagster_home(tmp_path)

    assert (tmp_path / CONFIG_NAME).read_text() == "telemetry: {enabled: true}\n"


def test_a_file_in_the_way_is_a_usage_error_that_names_it(tmp_path):
    (tmp_path / "home").write_text("a file")

    with pytest.raises(UsageError, match="home is not a folder; set DAGSTER_HOME"):
        prepare_dagster_home(tmp_path / "home")
