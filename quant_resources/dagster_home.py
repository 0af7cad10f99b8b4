"""The local Dagster instance: one folder with its dagster.yaml.

Belongs here: the settings a local instance needs to behave (telemetry off, runs that die are noticed). Does not belong
here: starting anything; `dev_server.py` and the command line do that.
"""

from __future__ import annotations

from pathlib import Path

from quant_assets.errors import UsageError

CONFIG_NAME = "dagster.yaml"

DAGSTER_YAML = """\
# Written once by `quant_resources.dagster_home`; yours to edit, never overwritten.
telemetry: {enabled: false}          # nothing leaves this machine
nux: {enabled: false}                # no welcome dialog over the pages
freshness: {enabled: true}
run_monitoring: {enabled: true, start_timeout_seconds: 120, max_runtime_seconds: 3600}
# A run whose worker died is tried once more; a broken contract never is.
run_retries: {enabled: true, max_retries: 1, retry_on_asset_or_op_failure: false}
concurrency:
  runs: {max_concurrent_runs: 2, tag_concurrency_limits: [{key: heavy, limit: 1}]}
  pools: {default_limit: 1, granularity: op}
"""


def prepare_dagster_home(folder: Path) -> Path:
    """Make `folder` a usable DAGSTER_HOME and return it as an absolute path; an existing dagster.yaml is left as it is.

    Raises UsageError when the folder cannot be created or written.
    """
    home = folder.expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / CONFIG_NAME).open("x", encoding="utf-8") as stream:
            stream.write(DAGSTER_YAML)
    except FileExistsError as error:
        if not (home / CONFIG_NAME).is_file():
            raise UsageError(f"DAGSTER_HOME {home} is not a folder; set DAGSTER_HOME to another one") from error
    except OSError as error:
        raise UsageError(f"DAGSTER_HOME {home}: {error.strerror}; set DAGSTER_HOME to a writable folder") from error
    return home
