"""Asset of the reports room: ``<meta>/report``, HTML and Markdown."""

import math

import dagster as dg

from quant_assets import keys
from quant_assets.announcing import EXIT_CODE
from quant_assets.errors import QuantError
from quant_assets.factory import LAKEHOUSE, VENUE
from quant_assets.meta.config import MetaConfig
from quant_assets.profiles.model import Profile
from quant_assets.report_paths import report_paths
from quant_assets.reporting import collect_report, input_keys
from quant_assets.reports.model import ReportInput
from quant_assets.reports.render_html import render_html
from quant_assets.reports.render_markdown import render_markdown
from quant_assets.simulation.metrics import performance_table


def report_asset(profile: Profile, meta: MetaConfig) -> dg.AssetsDefinition:
    """The report of one meta; it always shows the newest state of the lakehouse, so it has no partitions."""

    @dg.asset(
        key=keys.meta_key(meta.name, keys.REPORT),
        deps=[dg.AssetKey(name.split("/")) for name in input_keys(profile, meta)],
        group_name=meta.name,
        owners=[profile.owner],
        kinds={"html", "markdown"},
        description=f"{meta.label}: one self-contained page, verdict first.",
        required_resource_keys={LAKEHOUSE, VENUE},
    )
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        try:
            found = collect_report(profile, meta, context.resources.lakehouse, context.resources.venue)
            html, markdown = render_html(found), render_markdown(found)
        except QuantError as error:
            raise dg.Failure(
                str(error), metadata={EXIT_CODE: dg.MetadataValue.int(error.exit_code)}, allow_retries=False
            ) from error
        page, text = report_paths(profile, meta.name)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(html, encoding="utf-8")
        text.write_text(markdown, encoding="utf-8")
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.path(page),
                "page": dg.MetadataValue.url(page.as_uri()),
                "verdict": found.outcome,
                "data_kind": found.data_kind,
                "days": len(found.daily),
                "withheld_partitions": len(found.withheld),
                **_figures(found),
            }
        )

    return report


def _figures(found: ReportInput) -> dict[str, float]:
    """Plottable figures of the portfolio, net of costs; undefined ones are left out."""
    table = performance_table(found.daily, found.annualisation)
    names = ("total_return", "volatility", "sharpe", "max_drawdown", "turnover", "total_costs")
    return {name: float(table[name]) for name in names if math.isfinite(table[name])}
