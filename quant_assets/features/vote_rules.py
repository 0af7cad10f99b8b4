"""Which of TradingView's published voting rules the ratings follow, and how the two groups are mixed.

TradingView has published two editions. The Help Centre article "Technical Ratings" and the first public script let the
Stochastics, the DIs and Ichimoku vote on a cross; the later library "TechnicalRating" lets them vote on a level.
"""

from __future__ import annotations

from dataclasses import dataclass

from quant_assets.errors import UsageError

# Two values closer than this share of the price (or, of oscillators in percent, than this) are equal.
TIE = 1e-10

STOCHASTIC = ("level", "cross")
DIRECTIONAL = ("cross", "rising")
ICHIMOKU = ("cross", "cloud")

# Weights of the moving-average and the oscillator rating in the summary (see ``ratings.summary``).
MIXES = {"mean": (0.5, 0.5), "snapshot_regression": (0.574, 0.3914)}


@dataclass(frozen=True)
class VoteRules:
    """Editions of the votes that differ between TradingView's publications; UsageError for an unknown one.

    ``stochastic``: "level" %K beyond 20 or 80 and on the turning side of %D; "cross" only on the bar it gets there.
    ``directional``: "cross" ADX above 20 on the bar +DI and -DI cross; "rising" ADX above 20 and rising, by the
    greater DI. ``ichimoku``: "cross" or "cloud", see ``ratings.ichimoku_vote``.
    """

    stochastic: str = "level"
    directional: str = "cross"
    ichimoku: str = "cross"

    def __post_init__(self) -> None:
        for name, known in (("stochastic", STOCHASTIC), ("directional", DIRECTIONAL), ("ichimoku", ICHIMOKU)):
            if getattr(self, name) not in known:
                raise UsageError(f"the {name} vote follows the rule {' or '.join(known)}, not {getattr(self, name)!r}")


CONVENTIONS = VoteRules()
HELP_CENTRE = VoteRules(stochastic="cross")
LIBRARY = VoteRules(directional="rising", ichimoku="cloud")
