"""Reading files of bars of any known convention as they are, for the import: columns under their own names.

Times are read as text where the format allows it, so that a zone written beside them is not lost.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.feather as pa_feather
import pyarrow.parquet as pa_parquet

from quant_assets.errors import EmptyResult, UsageError
from quant_resources.venues.files_format import NULL_WORDS

IMPORT_SUFFIXES = (".csv", ".parquet", ".feather")
_TEXT_COLUMNS = {"date", "timestamp", "open_time", "datetime", "symbol"}


def import_files(path: Path) -> list[Path]:
    """Return the CSV, Parquet and feather files at `path` (a file, or a folder without its subfolders), by name."""
    expected = " or ".join(IMPORT_SUFFIXES)
    if path.is_file():
        if path.suffix.lower() not in IMPORT_SUFFIXES:
            raise UsageError(f"{path}: a {path.suffix or 'suffixless'} file cannot be imported; expected {expected}")
        return [path]
    if not path.is_dir():
        raise UsageError(f"{path} does not exist; give a {expected} file or a folder of them")
    files = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() in IMPORT_SUFFIXES)
    if not files:
        raise EmptyResult(f"{path} holds no {expected} file; nothing was imported")
    return files


def read_raw(path: Path) -> pd.DataFrame:
    """Return all columns of a file: under their names, or under 0, 1, ... for a CSV whose first line is numbers.

    Raises UsageError for a file that cannot be read, EmptyResult for one without a line.
    """
    try:
        if path.suffix.lower() == ".csv":
            return _read_csv(path)
        reading = pa_parquet.read_table if path.suffix.lower() == ".parquet" else pa_feather.read_table
        keywords = {"partitioning": None} if path.suffix.lower() == ".parquet" else {}
        frame: pd.DataFrame = reading(path, **keywords).to_pandas(date_as_object=False)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(
            f"{path} cannot be read as {path.suffix[1:]}: {reason}; check that the file is complete"
        ) from error
    return frame if frame.index.name is None else frame.reset_index()


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        first = [cell.strip().strip('"') for cell in lines.readline().rstrip("\r\n").split(",")]
    if first == [""]:
        raise EmptyResult(f"{path} is empty; nothing was imported")
    headless = all(_is_number(cell) for cell in first if cell)
    names = [f"f{k}" for k in range(len(first))] if headless else first
    texts = ["f0"] if headless else [name for name in names if name.lower().replace(" ", "_") in _TEXT_COLUMNS]
    convert = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(texts, pa.string()), null_values=list(NULL_WORDS), strings_can_be_null=True
    )
    options = pa_csv.ReadOptions(column_names=names, skip_rows=0 if headless else 1)
    frame: pd.DataFrame = pa_csv.read_csv(path, read_options=options, convert_options=convert).to_pandas()
    return frame.set_axis(range(len(names)), axis=1) if headless else frame


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
