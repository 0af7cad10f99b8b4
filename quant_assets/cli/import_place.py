"""The folder in which imported bars live: one long Parquet file, and the profile whose venue it is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from quant_assets.errors import UsageError
from quant_assets.market.calendars import ALWAYS_OPEN, sessions_a_year
from quant_assets.market.import_formats import IMPORT_COLUMNS

SOURCE = "FILES"
"""What the table `ohlcv` names as the source of imported bars: the venue name of their folder."""
BARS, PROFILE = "bars", "imported.yaml"
_HEAD = (
    "# Written by `quant import bars` and rewritten by each import: copy it before you change it.\n"
    "# Add universes, features, sleeves and metas to the copy; the bars stay published for it.\n"
)


@dataclass(frozen=True)
class ImportPlace:
    """`folder` holds ``bars/bars.parquet`` and ``imported.yaml``."""

    folder: Path

    @classmethod
    def beside(cls, lakehouse_root: str) -> ImportPlace:
        """The folder ``imports`` beside a lakehouse; UsageError where that is no local folder."""
        if "://" in lakehouse_root:
            raise UsageError(f"the lakehouse {lakehouse_root} is no local folder; say where bars go with --to FOLDER")
        return cls(Path(lakehouse_root).parent / "imports")

    @property
    def bars_folder(self) -> Path:
        """Folder that the venue block names."""
        return self.folder / BARS

    @property
    def bars_file(self) -> Path:
        """All imported bars."""
        return self.bars_folder / "bars.parquet"

    @property
    def profile_file(self) -> Path:
        """The profile that materializes them."""
        return self.folder / PROFILE

    @property
    def venue(self) -> dict[str, str]:
        """Venue block for a profile of one's own."""
        return {"kind": "files", "path": str(self.bars_folder.absolute())}

    def held(self) -> pd.DataFrame:
        """Bars of earlier imports, without rows where there are none yet."""
        if not self.bars_file.is_file():
            types = {"symbol": "str", "date": "datetime64[us]"}
            return pd.DataFrame({n: pd.Series(dtype=types.get(n, "float64")) for n in IMPORT_COLUMNS})
        return pd.read_parquet(self.bars_file)

    def write(self, bars: pd.DataFrame, profile: dict[str, Any]) -> None:
        """Replace bars and profile, each by renaming a finished file."""
        self.bars_folder.mkdir(parents=True, exist_ok=True)
        part = self.bars_file.with_name(f".{self.bars_file.name}.part")
        bars.to_parquet(part, index=False)
        part.replace(self.bars_file)
        part = self.profile_file.with_name(f".{PROFILE}.part")
        part.write_text(_HEAD + yaml.safe_dump(profile, sort_keys=False), encoding="utf-8")
        part.replace(self.profile_file)


def import_profile(first: dt.date, last: dt.date, calendar: str, rules: dict[str, Any]) -> dict[str, Any]:
    """Return the profile of bars from `first` to `last`; `rules` are its blocks market, redenominations, identities.

    It ends with the bars, unless they are too short for a profile that ends (no Monday a week after the first day).
    """
    monday = first + dt.timedelta(days=7 + (-first.weekday()) % 7)
    return {
        "name": "imported",
        "title": "Imported bars",
        "start": first,
        "first_week": monday,
        **({"end": last} if last >= monday else {}),
        "calendar": calendar,
        "annualisation": 365 if calendar == ALWAYS_OPEN else round(sessions_a_year(calendar)),
        "venue": {"kind": "files", "path": BARS},
        **rules,
        "costs": {"fee": 0.001, "slippage": 0.0005, "borrow": 0.05},
        "universes": [{"name": "liquid", "min_value_traded": 1.0e6, "min_history_days": 90}],
    }
