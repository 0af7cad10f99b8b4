"""`python -m quant_assets.features.compiling`: compile every kernel now instead of on first use. Installation does it.

The code is kept beside the modules, where Python keeps its own, and read by every later process. Compiling takes about
a minute of one core, reading a second.
"""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import numpy as np
import pandas as pd

from quant_assets.features.catalogue import DAYS_PER_YEAR, build_registry
from quant_assets.features.compiled import cache_folder
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.engine import compute_features
from quant_assets.features.loading import synthetic_series
from quant_assets.features.matrix import features_frame
from quant_assets.features.matrix_range import as_range
from quant_assets.features.registry import Feature
from quant_assets.features.series import day_numbers, midnights


def compile_share(share: int, shares: int) -> int:
    """Compute and count one of ``shares`` parts of all registered features, so that what that needs is compiled.

    Returns the number of features. Those of one function stay together: their kernels are compiled once.
    """
    functions: dict[object, list[Feature]] = {}
    for feature in build_registry(FeaturesConfig(), DAYS_PER_YEAR):
        functions.setdefault(feature.function, []).append(feature)
    mine = [feature for group in list(functions.values())[share::shares] for feature in group]
    series, config = synthetic_series(), FeaturesConfig()
    days = pd.DatetimeIndex(midnights(np.unique(series.day)))
    frame = features_frame(series, list(days), config, DAYS_PER_YEAR, features=mine, compute=compute_features)
    # The rules count with a kernel too.
    as_range(frame, series, day_numbers(days), tuple(mine), config).counts  # noqa: B018
    return len(mine)


def forget_older() -> None:
    """Delete the code that was compiled with what kernels shared before."""
    for folder in cache_folder().parent.glob("kernels-*"):
        if folder != cache_folder():
            shutil.rmtree(folder, ignore_errors=True)  # another process may be doing the same


def main() -> int:
    """Compile on every core; 0."""
    forget_older()
    shares = os.cpu_count() or 1
    with ProcessPoolExecutor(max_workers=shares) as pool:
        done = sum(pool.map(compile_share, range(shares), repeat(shares)))
    sys.stdout.write(f"compiled what {done} features need\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
