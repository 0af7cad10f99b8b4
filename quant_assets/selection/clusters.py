"""Clusters of co-moving symbols: Ward linkage on the correlation distance of one return window."""

from __future__ import annotations

import numpy as np
import pandas as pd


def correlation_distance(window: pd.DataFrame) -> pd.DataFrame:
    """sqrt(0.5 (1 - rho)) between columns: 0 for rho = 1, 1 for rho = -1 (Lopez de Prado 2016, section 3).

    ``window`` is days x symbols; rho uses the days on which both have a return, which the density rule keeps many.
    """
    rho = np.clip(window.corr().to_numpy(), -1.0, 1.0)
    np.fill_diagonal(rho, 1.0)
    return pd.DataFrame(np.sqrt(0.5 * (1.0 - rho)), index=window.columns, columns=window.columns)


def ward_clusters(window: pd.DataFrame, threshold: float) -> pd.Series:
    """Cluster number by symbol, cut at Ward distance ``threshold``; numbers follow the first symbol by name.

    ``window`` is days x symbols without flat or empty columns. Symbols are sorted before linkage, so ties fall the
    same way whatever the order of the input.
    """
    names = sorted(map(str, window.columns))
    if len(names) < 2:
        return pd.Series(range(len(names)), index=pd.Index(names, dtype="str"), dtype="int64")
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distance = correlation_distance(window[names]).to_numpy()
    labels = fcluster(linkage(squareform(distance, checks=False), method="ward"), t=threshold, criterion="distance")
    order = {label: number for number, label in enumerate(dict.fromkeys(labels.tolist()))}
    return pd.Series([order[label] for label in labels.tolist()], index=pd.Index(names, dtype="str"), dtype="int64")
