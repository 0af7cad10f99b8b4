"""Where reports lie."""

from __future__ import annotations

import os
from pathlib import Path

from quant_assets.profiles.model import Profile

REPORTS_VARIABLE = "QUANT_REPORTS"
DEFAULT_REPORTS = "reports"


def report_paths(profile: Profile, meta: str) -> tuple[Path, Path]:
    """Where a meta's report lies: HTML and Markdown under ``QUANT_REPORTS`` (else ``./reports``)."""
    folder = Path(os.environ.get(REPORTS_VARIABLE) or DEFAULT_REPORTS).absolute() / profile.name
    return folder / f"{meta}.html", folder / f"{meta}.md"
