"""Running the asset graph in process: asset by asset in graph order, one range run each, resumable.

It runs the same assets as the UI, through Dagster's Python API, on the same instance. What is current is skipped:
published with the same content of inputs, code and configuration, and known to Dagster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import dagster as dg

from quant_assets.announcing import EXIT_CODE
from quant_assets.build import build_assets, build_defs
from quant_assets.currency import current_partitions
from quant_assets.errors import UsageError
from quant_assets.keys import asset_name
from quant_assets.manifests import PUBLISHED, REFUSED, Ledger
from quant_assets.profiles.model import Profile
from quant_assets.report_paths import report_paths
from quant_resources.event_log import planned_events_together
from quant_resources.lakehouse.store import Lakehouse
from quant_resources.sqlite_storage import storage_set_up_once
from quant_resources.venues.port import Venue

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class StepReport:
    """What became of one asset: how many partitions were asked, already current, and published or refused by its runs.

    ``standing`` are left as they were by a run that failed: published earlier, and not current.
    """

    asset: str
    asked: int
    current: int
    published: int
    refused: int
    seconds: float
    exit_code: int
    message: str = ""
    standing: int = 0

    @property
    def not_attempted(self) -> bool:
        """Whether the asset failed before any partition could be judged, and holds none from before."""
        held = self.published or self.refused or self.current or self.standing
        return bool(self.exit_code) and bool(self.asked) and not held

    def to_record(self) -> dict[str, Any]:
        """Plain record for tables and JSON."""
        return {**self.__dict__, "seconds": round(self.seconds, 2)}


class GraphRunner:
    """Runs assets of one profile on one Dagster instance and one lakehouse, on another venue where one is given."""

    def __init__(
        self, profile: Profile, instance: dg.DagsterInstance, lakehouse: Lakehouse, venue: Venue | None = None
    ) -> None:
        self.profile = profile
        self.instance = instance
        self.lakehouse = lakehouse
        overrides = {"lakehouse": lakehouse, **({} if venue is None else {"venue": venue})}
        built = build_assets(profile)
        self.defs = build_defs(profile, built=built, resource_overrides=overrides)
        self.graph = self.defs.resolve_asset_graph()
        self._assets = [a for a in self.defs.assets or () if isinstance(a, dg.AssetsDefinition)]
        self._built = {asset.declaration.key: asset for asset in built}

    def ordered(self, selection: Iterable[str] = ()) -> list[dg.AssetKey]:
        """Asset keys in graph order: all, or those named (asset, group, or either with ``+`` for all downstream).

        Companions (assets that another one writes) are run with it and are not listed. Raises ``UsageError``.
        """
        chosen = {key for name in selection for key in self._match(name)} or set(self.graph.get_all_asset_keys())
        layers = self.graph.toposorted_asset_keys_by_level
        return [key for level in layers for key in sorted(level) if key in chosen and not self._is_companion(key)]

    def partition_keys(self, key: dg.AssetKey, first: str | None, last: str | None) -> list[str]:
        """Partition keys of an asset within ``first .. last`` (ISO days, inclusive)."""
        definition = self.graph.get(key).partitions_def
        if definition is None:
            return []
        keys = definition.get_partition_keys()
        return [k for k in keys if (first is None or k >= first) and (last is None or k <= last)]

    def not_current(self, name: str, first: str | None, last: str | None) -> list[str]:
        """Partition keys of one asset within ``first .. last`` that a backfill would materialize."""
        (key,) = self.ordered([name])
        keys = self.partition_keys(key, first, last)
        current = self._current(key, keys)
        return [k for k in keys if k not in current]

    def backfill(
        self,
        selection: Sequence[str] = (),
        first: str | None = None,
        last: str | None = None,
        *,
        force: bool = False,
        on_step: Callable[[StepReport], None] = lambda report: None,
        on_start: Callable[[str, int], None] = lambda asset, partitions: None,
    ) -> list[StepReport]:
        """Materialize everything selected in ``first .. last`` that is not current; ``force`` takes all of it.

        A refused partition does not stop the others: whatever rests on it is withheld by the gate, and the reports say
        so. An asset that could not even be attempted (no bars, an unreadable file) stops what rests on it: nothing is
        recorded. Raises ``UsageError`` where no partition of any selected asset lies in the range.
        """
        ordered = self.ordered(selection)
        asked = {key: self.partition_keys(key, first, last) for key in ordered}
        if not any(asked.values()) and any(self.graph.get(k).partitions_def is not None for k in ordered):
            raise UsageError(self._outside(ordered, first, last))
        with storage_set_up_once(self.instance):
            return self._materialize_all(ordered, asked, force, on_step, on_start)

    def _materialize_all(
        self,
        ordered: Sequence[dg.AssetKey],
        asked: dict[dg.AssetKey, list[str]],
        force: bool,
        on_step: Callable[[StepReport], None],
        on_start: Callable[[str, int], None],
    ) -> list[StepReport]:
        reports: list[StepReport] = []
        stopped: set[dg.AssetKey] = set()
        for key in ordered:
            if key in stopped or (self.graph.get(key).partitions_def is not None and not asked[key]):
                continue
            on_start(asset_name(key), len(asked[key]))
            report = self._materialize(key, asked[key], force)
            if report.not_attempted:
                resting = dg.AssetSelection.assets(key, *self._companions(key)).downstream().resolve(self.graph)
                waiting = [k for k in ordered if k in resting - {key} - stopped]
                stopped |= resting
                report = replace(report, message=report.message + _not_started(waiting))
            on_step(report)
            reports.append(report)
        return reports

    def reports(self) -> list[str]:
        """Paths of the reports that exist."""
        pages = [report_paths(self.profile, meta.name)[0] for meta in self.profile.metas]
        return [str(page) for page in pages if page.is_file()]

    def _materialize(self, key: dg.AssetKey, keys: list[str], force: bool) -> StepReport:
        started = time.perf_counter()
        current = set() if force else self._current(key, keys)
        wanted = [k for k in keys if k not in current]
        if wanted and self._rests_on_its_past(key):
            wanted = keys[keys.index(wanted[0]) :]  # each one may make the next one not current
        exit_code, message, runs = 0, "", set()
        for start, end in [*_ranges(keys, wanted), *([(None, None)] if not keys else [])]:
            code, text, run_id = self._run(key, start, end)
            exit_code, message = (code, text) if code and not exit_code else (exit_code, message)
            runs.add(run_id)
        states = Ledger(self.lakehouse).states(asset_name(key)) if wanted else {}
        found = [states[k] for k in wanted if k in states]
        done = [state.status for state in found if state.run_id in runs]
        left = [state.status for state in found if state.run_id not in runs]
        return StepReport(
            asset=asset_name(key),
            asked=len(keys),
            current=len(keys) - len(wanted),
            published=done.count(PUBLISHED),
            refused=done.count(REFUSED),
            seconds=time.perf_counter() - started,
            exit_code=exit_code,
            message=message,
            standing=left.count(PUBLISHED),
        )

    def _rests_on_its_past(self, key: dg.AssetKey) -> bool:
        built = self._built.get(key)
        return built is not None and built.declaration.self_dependent is not None

    def _current(self, key: dg.AssetKey, keys: list[str]) -> set[str]:
        built = self._built.get(key)
        if built is None:
            return set()
        shown = self.instance.get_materialized_partitions(key)
        known = [k for k in keys if k in shown]
        return current_partitions(built, self.lakehouse, known) if known else set()

    def _run(self, key: dg.AssetKey, start: str | None, end: str | None) -> tuple[int, str, str]:
        """One Dagster run of one asset over a contiguous range: exit code, the failure's message, the run's id."""
        arguments: dict[str, Any] = {}
        if start is not None and start == end:
            arguments["partition_key"] = start
        elif start is not None:
            arguments["tags"] = {RANGE_START: start, RANGE_END: str(end)}
        with planned_events_together(self.instance):
            result = dg.materialize(
                self._assets,
                selection=dg.AssetSelection.assets(key, *self._companions(key)),
                resources=dict(self.defs.resources or {}),
                instance=self.instance,
                run_config=QUIET,
                raise_on_error=False,
                **arguments,
            )
        return (0, "", result.run_id) if result.success else (*_failure(result), result.run_id)

    def _match(self, name: str) -> set[dg.AssetKey]:
        base = name.removesuffix("+")
        found = {
            key
            for key in self.graph.get_all_asset_keys()
            if asset_name(key) == base or self.graph.get(key).group_name == base
        }
        if not found:
            known = ", ".join(sorted(asset_name(k) for k in self.graph.get_all_asset_keys()))
            raise UsageError(f"no asset or group is called {base!r} in profile {self.profile.name}. Assets: {known}")
        if name.endswith("+"):
            return set(dg.AssetSelection.assets(*found).downstream().resolve(self.graph))
        return found

    def _companions(self, key: dg.AssetKey) -> list[dg.AssetKey]:
        return [k for k in self.graph.get(key).execution_set_asset_keys if k != key]

    def _is_companion(self, key: dg.AssetKey) -> bool:
        return len(self.graph.get(key).execution_set_asset_keys) > 1 and not self.graph.get(key).check_keys

    def _outside(self, ordered: Sequence[dg.AssetKey], first: str | None, last: str | None) -> str:
        spans = []
        for key in ordered[:6]:
            definition = self.graph.get(key).partitions_def
            if definition is not None and (keys := definition.get_partition_keys()):
                spans.append(f"{asset_name(key)} {keys[0]} .. {keys[-1]}")
        return f"no partition lies in {first or 'the start'} .. {last or 'the end'}. Available: {'; '.join(spans)}"


def _not_started(waiting: Sequence[dg.AssetKey]) -> str:
    return f"\n{len(waiting)} assets that rest on it were not started." if waiting else ""


def _ranges(keys: Sequence[str], wanted: Sequence[str]) -> list[tuple[str, str]]:
    """Contiguous stretches of ``wanted`` within the ordered ``keys``."""
    position = {key: i for i, key in enumerate(keys)}
    stretches = []
    for _, group in groupby(enumerate(wanted), key=lambda item: position[item[1]] - item[0]):
        members = [key for _, key in group]
        stretches.append((members[0], members[-1]))
    return stretches


def _failure(result: dg.ExecuteInProcessResult) -> tuple[int, str]:
    """Exit code and message of the first failed step: the ones the step gave itself, else 1 and the exception."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            told = data.user_failure_data
            if told is not None:
                code = told.metadata.get(EXIT_CODE)
                return int(code.value) if code is not None else 1, str(told.description)  # type: ignore[arg-type]
            return 1, data.error_display_string.strip()
    return 1, "the run failed before any step; see the Dagster run log"
