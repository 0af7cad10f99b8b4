"""Every bar of a venue server, fetched by the ccxt venue: `python -m benchmarks.fetch URL FOLDER`.

FOLDER holds what has been fetched so far, as it would for a backfill. Prints what came as JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from quant_resources.venues.ccxt_venue import CcxtVenue
from quant_resources.venues.config import CcxtVenueConfig


def run(url: str, staging: Path) -> dict[str, Any]:
    """Rows of the whole call (markets, every page, staging, one frame), and symbols whose fetch failed."""
    config = CcxtVenueConfig(base_url=url, data_kind="synthetic", staging=staging)
    got = CcxtVenue(config).bars(None, date(2019, 1, 1), date(2030, 1, 1))
    return {"rows": len(got.frame), "failed": len(got.report.failed)}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], Path(sys.argv[2]))))
