"""Declarations of statistics of a window: returns, risk, memory, complexity and liquidity."""

from __future__ import annotations

from typing import Any

from quant_assets.features import complexity, rolling
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.declaring import INFINITY, Declare
from quant_assets.features.registry import Feature

TAIL_SHARE = 0.05
FULL_HISTORY = 252
HAAR_LEVELS, SPECTRUM, HORIZON = 3, 64, 8


def statistics_features(declare: Declare, config: FeaturesConfig, annualisation: float) -> list[Feature]:
    """Momentum and volatility, tails, dependence, complexity, liquidity and age."""
    return [
        *_returns(declare, config, annualisation),
        *_ranges(declare, config, annualisation),
        *_tails(declare, config),
        *_dependence(declare, config),
        *_complexity(declare, config),
        *_liquidity(declare, config, annualisation),
        *_age(declare, config, annualisation),
    ]


def _returns(declare: Declare, config: FeaturesConfig, annualisation: float) -> list[Feature]:
    year = {"annualisation": annualisation}
    close: dict[str, Any] = {"inputs": ("close",)}
    volatility: dict[str, Any] = {
        "window": config.volatility_window + 1,
        "function": rolling.return_statistics,
        "parameters": year,
        "tags": ("risk",),
        **close,
    }
    return [
        declare.windowed(
            id="momentum", title="Momentum",
            formula=f"mean of the last {config.momentum_window} simple returns * {annualisation:g}",
            source="arithmetic mean return, annualised; Jegadeesh & Titman (1993) for its use",
            unit="return per year", lower=-annualisation, window=config.momentum_window + 1,
            function=rolling.return_statistics, parameters=year, tags=("return",), **close,
        ),
        declare.windowed(
            id="realised_volatility", title="Realised volatility", unit="return per sqrt(year)", output=1,
            formula=f"standard deviation (ddof 1) of the last {config.volatility_window} simple returns * "
            f"sqrt({annualisation:g})",
            source="close-to-close estimator; Hull, Options, Futures and Other Derivatives, ch. 15", **volatility,
        ),
        declare.windowed(
            id="stability", title="Stability", formula="1 / realised_volatility; NaN where the price did not move",
            source="inverse volatility; reciprocal of the close-to-close estimator", unit="sqrt(year)", output=2,
            **volatility,
        ),
        declare.windowed(
            id="efficiency", title="Efficiency ratio", unit="ratio", upper=1.0, window=config.efficiency_window + 1,
            formula=f"|sum r| / sum |r| of the last {config.efficiency_window} simple returns; NaN without movement",
            source="Kaufman (1995), Smarter Trading, on returns instead of prices", function=rolling.efficiency,
            tags=("trend", "noise"), **close,
        ),
    ]  # fmt: skip


def _ranges(declare: Declare, config: FeaturesConfig, annualisation: float) -> list[Feature]:
    shared: dict[str, Any] = {
        "unit": "return per sqrt(year)",
        "window": config.volatility_window + 1,
        "parameters": {"annualisation": annualisation},
        "tags": ("risk",),
    }
    return [
        declare.windowed(
            id="parkinson_volatility", title="Parkinson volatility", inputs=("high", "low"),
            formula="sqrt(mean(ln(high / low)^2) / (4 ln 2) * periods in a year) of all bars of the window",
            source="Parkinson (1980)",
            function=rolling.parkinson, **shared,
        ),
        declare.windowed(
            id="yang_zhang_volatility", title="Yang-Zhang volatility", inputs=("open", "high", "low", "close"),
            formula="sqrt((overnight + k open-to-close + (1 - k) Rogers-Satchell variance) * periods in a year) of "
            "the n bars after the window's first, k = 0.34 / (1.34 + (n + 1) / (n - 1))",
            source="Yang & Zhang (2000), Journal of Business 73", function=rolling.yang_zhang, **shared,
        ),
        declare.windowed(
            id="downside_deviation", title="Downside deviation", inputs=("close",),
            formula="sqrt(mean(min(r, 0)^2) * periods in a year)", source="Sortino & van der Meer (1991)",
            function=rolling.downside, **shared,
        ),
    ]  # fmt: skip


def _tails(declare: Declare, config: FeaturesConfig) -> list[Feature]:
    close: dict[str, Any] = {"inputs": ("close",), "window": config.volatility_window + 1, "tags": ("risk", "tail")}
    returns: dict[str, Any] = {
        "function": rolling.distribution,
        "parameters": {"share": TAIL_SHARE, "full_history": FULL_HISTORY},
        **close,
    }
    shape: dict[str, Any] = {"source": "Joanes & Gill (1998), G1 and G2", "unit": "number", "lower": -INFINITY}
    return [
        declare.windowed(
            id="skew", title="Skewness", formula="unbiased skewness G1 of the returns", output=0, **shape, **returns
        ),
        declare.windowed(
            id="excess_kurtosis", title="Excess kurtosis", formula="unbiased excess kurtosis G2 of the returns",
            output=1,
            **shape, **returns,
        ),
        declare.windowed(
            id="cvar_5", title="Conditional value at risk 5 %",
            formula="mean of the worst 5 % of the returns, the last one counted in part (12.6 of 252)",
            source="Acerbi & Tasche (2002)", unit="return per day", lower=-1.0, output=2, **returns,
        ),
        declare.windowed(
            id="antifragility", title="Antifragility",
            formula="(s + g / (g + l)) * min(1, returns / 252), s = (1 + G1 / (1 + |G1|)) / 2 of the skewness G1, g "
            "and l the means of the best 5 % and of the worst 5 % turned positive, each at least 0",
            source="after Taleb & Douady (2013)", unit="score", upper=2.0, output=3, **returns,
        ),
        declare.windowed(
            id="drawdown", title="Maximum drawdown", formula="deepest fall of the close from its high in the window",
            source="Magdon-Ismail & Atiya (2004)", unit="ratio", lower=-1.0, upper=0.0, function=rolling.drawdown,
            **close,
        ),
    ]  # fmt: skip


def _dependence(declare: Declare, config: FeaturesConfig) -> list[Feature]:
    close: dict[str, Any] = {"inputs": ("close",), "window": config.complexity_window + 1, "tags": ("memory",)}
    return [
        declare.windowed(
            id="autocorrelation", title="Autocorrelation", formula="sum (r_t - m)(r_t-1 - m) / sum (r_t - m)^2, m "
            "the mean of all returns of the window",
            source="Box & Jenkins (1970)", unit="correlation", lower=-1.0, upper=1.0, function=rolling.autocorrelation,
            parameters={"lag": 1}, **close,
        ),
        declare.windowed(
            id="volatility_clustering", title="Volatility clustering", output=1,
            formula="autocorrelation, of the absolute returns", source="Mandelbrot (1963); Cont (2001)",
            unit="correlation", lower=-1.0, upper=1.0, function=rolling.autocorrelation, parameters={"lag": 1}, **close,
        ),
        declare.windowed(
            id="half_life", title="Half-life of mean reversion",
            formula="-ln 2 / ln(1 + b), b the slope of the changes of the log close on its level before; 0 where 1 "
            "+ b <= 0, the window where it does not revert, NaN where it does not move",
            source="Chan (2013), Algorithmic Trading, ch. 2", unit="bars",
            upper=float(config.complexity_window + 1), function=rolling.half_life, **close,
        ),
        declare.windowed(
            id="hurst_vr", title="Hurst exponent, variance ratio",
            formula=f"0.5 + ln VR({HORIZON}) / (2 ln {HORIZON}), VR the unbiased overlapping variance ratio of log "
            "returns",
            source="Lo & MacKinlay (1988)", unit="exponent",
            lower=-INFINITY, function=rolling.hurst_variance_ratio, parameters={"horizon": HORIZON}, **close,
        ),
        declare.windowed(
            id="hurst_rs", title="Hurst exponent, rescaled range",
            formula="0.5 + slope on ln n of ln(mean R/S / its expectation for independent returns); R/S of simple "
            "returns (deviation with ddof 0) in blocks of n = 8, 16, 32 of 120 (powers of two from about the root "
            "of the number to its half), side by side up to the newest",
            source="Hurst (1951); expectation of Anis & Lloyd (1976), eq. with gamma functions; subtracted as in "
            "Peters (1994)",
            unit="exponent", lower=-INFINITY, function=rolling.hurst_rescaled_range, **close,
        ),
        declare.windowed(
            id="unit_root_p", title="Unit-root p-value", formula="augmented Dickey-Fuller on the log close, "
            "constant, one lag",
            source="Said & Dickey (1984); MacKinnon (1994)", unit="probability", upper=1.0, function=rolling.unit_root,
            parameters={"lags": 1}, on_request=True, **close,
        ),
    ]  # fmt: skip


def _complexity(declare: Declare, config: FeaturesConfig) -> list[Feature]:
    def entropy(order: int, returns: int, name: str, **more: Any) -> Feature:  # noqa: ANN401 - any field of Feature
        complexity.check_order(order, 1, returns)
        return declare.windowed(
            id=name, title=f"Permutation entropy of order {order}", unit="share", upper=1.0, inputs=("close",),
            formula=f"-sum p log2 p / log2({order}!) over the ordinal patterns of {returns} returns",
            source="Bandt & Pompe (2002), Physical Review Letters 88", window=returns + 1,
            function=rolling.permutation_entropy, parameters={"order": order}, tags=("complexity",), **more,
        )  # fmt: skip

    shared: dict[str, Any] = {"inputs": ("close",), "unit": "share", "upper": 1.0, "tags": ("complexity",)}
    return [
        entropy(3, config.complexity_window, "permutation_entropy"),
        entropy(5, max(config.complexity_window, 640), "permutation_entropy_5", on_request=True),
        declare.windowed(
            id="haar_detail", title="Haar detail energy",
            formula=f"energy of the returns (mean not removed) in {HAAR_LEVELS} levels of detail coefficients / all "
            f"energy, in blocks of {1 << HAAR_LEVELS} up to the newest",
            source="Mallat (1989)", window=config.complexity_window + 1, function=rolling.haar_detail,
            parameters={"levels": HAAR_LEVELS}, **shared,
        ),
        declare.windowed(
            id="spectral_entropy", title="Spectral entropy",
            formula=f"-sum p ln p / ln {SPECTRUM // 2}, p the shares of frequencies 1 .. {SPECTRUM // 2} in the "
            f"one-sided periodogram of the newest {SPECTRUM} returns",
            source="Inouye et al. (1991)", window=SPECTRUM + 1, function=rolling.spectral_entropy,
            parameters={"size": SPECTRUM}, **shared,
        ),
    ]  # fmt: skip


def _liquidity(declare: Declare, config: FeaturesConfig, annualisation: float) -> list[Feature]:
    shared: dict[str, Any] = {
        "inputs": ("close", "volume"),
        "window": config.liquidity_window + 1,
        "tags": ("liquidity",),
    }
    return [
        declare.windowed(
            id="value_traded", title="Average value traded", unit="quote currency per day",
            formula="mean of quote_volume (close * volume where it is unknown) over all bars of the window, none "
            "traded counting as 0; NaN where more than half are unknown", source="average daily value traded",
            function=rolling.value_traded, **shared,
        ),
        declare.windowed(
            id="amihud", title="Amihud illiquidity", unit="return per million of quote currency",
            formula="mean(|r| / value traded) over the bars that traded; NaN where fewer than half did",
            source="Amihud (2002)",
            function=rolling.amihud, **shared,
        ),
        declare.windowed(
            id="execution_cost", title="Execution cost index", unit="return",
            formula=f"annualised volatility of the window's {config.liquidity_window} returns * "
            f"sqrt({config.order_value:g} / value_traded)",
            source="square-root impact; Almgren et al. (2005)", function=rolling.execution_cost,
            parameters={"order_value": config.order_value, "annualisation": annualisation}, **shared,
        ),
        declare.windowed(
            id="volume_score", title="Robust volume score", unit="deviations", lower=-INFINITY,
            formula="(ln volume - median) / (1.4826 MAD) of the logs of the window's positive volumes; NaN where "
            "the newest is not positive, fewer than half are, or the MAD is 0",
            source="Iglewicz & Hoaglin (1993)", function=rolling.volume_score,
            **{**shared, "inputs": ("volume",), "window": 2 * config.liquidity_window + 1},
        ),
    ]  # fmt: skip


def _age(declare: Declare, config: FeaturesConfig, annualisation: float) -> list[Feature]:
    window = config.momentum_window
    return [
        declare.windowed(
            id="age", title="Age since listing", formula="calendar days since the first bar of the life",
            source="the listing itself", inputs=("close",), unit="days", lower=1.0, window=1,
            function=rolling.age, tags=("survival",),
        ),
        declare.windowed(
            id="survival", title="Survival score",
            formula=f"min(1, bars / expected) / (1 + (365 / age)^2), bars of the last {window} calendar days, "
            "expected: so many days (at most the age) times the bars of an average day, 1 or sessions a year / 365",
            source="defined here",
            inputs=("close",), unit="score", upper=1.0, window=window, min_bars=1, function=rolling.survival_score,
            parameters={"bars_per_day": min(annualisation / 365.0, 1.0), "span_days": float(window)},
            tags=("survival",),
        ),
    ]  # fmt: skip
