"""The report says its verdict first, needs nothing from outside, escapes everything and shows true figures."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pandas as pd
import pytest

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.reports.figures import significance_sentences
from quant_assets.reports.model import Flag, ReportInput
from quant_assets.reports.render_html import render_html
from quant_assets.reports.render_markdown import render_markdown
from tests.quant_assets.reports.demo import demo_report, with_failure

HOSTILE = "<script>alert('x')</script>\"><img src=http://evil.example/x> $\\frac{$ {{ 7*7 }} | `a` **b**"
REPORT = demo_report()
HTML = render_html(REPORT)
MARKDOWN = render_markdown(REPORT)
OTHER = replace(
    with_failure(REPORT),
    data_kind="real",
    annualisation=252,
    survivorship=Flag("Free of survivorship bias", False, "only survivors were given"),
)
OTHER_HTML = render_html(OTHER)
OTHER_MARKDOWN = render_markdown(OTHER)


class Document(HTMLParser):
    """Collects tags with attributes, text, and the first table's rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self.inside or "head" in self.inside:
            return
        self.words.append(data)
        if self.inside and self.inside[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def body_text(html: str) -> str:
    return " ".join(" ".join(Document(html).words).split())


def figure(html: str, label: str, column: int = 1) -> float:
    """A number of the key figures, read back from the rendered table."""
    row = next(r for r in Document(html).rows if r and r[0] == label)
    text = row[column]
    return float(text.rstrip("%").replace(",", "")) / (100 if text.endswith("%") else 1)


def test_the_verdict_is_the_first_thing_on_the_page() -> None:
    assert body_text(HTML).startswith("PASS WITH WARNINGS 30 rules, 13,440 evaluations")
    assert MARKDOWN.startswith("# PASS WITH WARNINGS · SYNTHETIC DATA\n")
    assert body_text(OTHER_HTML).startswith("WITHHELD")
    assert OTHER_MARKDOWN.startswith("# WITHHELD\n")


def clean_report() -> ReportInput:
    checks = REPORT.checks.copy()
    checks["pass"], checks["warn"] = checks["pass"] + checks["warn"], 0
    return replace(REPORT, checks=checks, warnings=())


def test_each_verdict_has_its_cause() -> None:
    clean = clean_report()
    assert clean.outcome == "PASS"
    assert replace(clean, warnings=("look here",)).outcome == "PASS WITH WARNINGS"
    waived = clean.checks.copy()
    waived.loc[0, "waived"] = 1
    assert replace(clean, checks=waived).outcome == "PASS WITH WARNINGS"
    failed = clean.checks.copy()
    failed.loc[0, "fail"] = 1
    assert replace(clean, checks=failed).outcome == "WITHHELD"
    assert replace(clean, withheld=with_failure(REPORT).withheld).outcome == "WITHHELD"


def test_synthetic_data_is_called_synthetic_before_any_figure() -> None:
    text = body_text(HTML)
    assert text.index("SYNTHETIC DATA") < text.index("Sharpe")
    assert "SYNTHETIC" not in OTHER_HTML and "SYNTHETIC" not in OTHER_MARKDOWN


def test_flags_and_their_reasons_stand_before_the_figures() -> None:
    text = body_text(OTHER_HTML)
    assert "Free of survivorship bias: no" in text
    assert text.index("only survivors were given") < text.index("Sharpe ratio")
    assert "Free of survivorship bias: **no**. only survivors were given" in OTHER_MARKDOWN


def test_every_rule_baseline_member_and_digest_is_shown() -> None:
    text = body_text(HTML)
    plain = MARKDOWN.replace("\\", "")
    expected = [*REPORT.checks["rule"], *REPORT.baselines, *REPORT.members, *REPORT.warnings, *REPORT.commands]
    expected += [REPORT.input_digest, REPORT.config_hash, REPORT.code_version, "10 bp of traded notional"]
    for word in expected:
        assert word in text, word
        assert word in plain, word
    sections = ("Key figures", "Equity and drawdown", "Weights over time", "Sleeve attribution", "Costs and turnover",
                "Correlation of sleeves", "Largest physical weights", "Check list", "How to reproduce")  # fmt: skip
    places = [text.index(s) for s in sections]
    assert places == sorted(places)


def test_withheld_partitions_are_listed_with_rule_and_reason() -> None:
    for text in (body_text(OTHER_HTML), unescape(OTHER_MARKDOWN)):
        assert "2023-08-01" in text and "4.2 % of bars have high < low" in text


def test_the_file_needs_nothing_from_outside() -> None:
    for tag, attributes in Document(HTML).tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}, tag
        for name in ("src", "href", "xlink:href", "action", "data", "srcset", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
    assert "@import" not in HTML and not re.search(r"url\((?!#|['\"]?#)", HTML)
    links = set(re.findall(r"https?://[^\"' >]+", HTML))
    assert links <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert len(HTML.encode()) < 500_000


def test_every_chart_is_there_and_scales() -> None:
    charts = [a for tag, a in Document(HTML).tags if tag == "svg"]
    assert [a["data-chart"] for a in charts] == ["equity", "rolling", "weights", "members", "costs"]
    assert all("viewbox" in a and "width" not in a for a in charts)


def test_the_same_input_gives_the_same_bytes() -> None:
    assert render_html(REPORT) == HTML and render_markdown(REPORT) == MARKDOWN


def hostile_report() -> ReportInput:
    rename = {"trend_long": HOSTILE}
    members = {rename.get(m, m): f for m, f in REPORT.members.items()}
    physical = REPORT.physical.copy()
    physical.loc[physical["weight"].abs().idxmax(), "symbol"] = HOSTILE
    return replace(
        REPORT, title=HOSTILE, name=HOSTILE, profile=HOSTILE, warnings=(HOSTILE,), commands=(HOSTILE,), members=members,
        physical=physical, weights=REPORT.weights.assign(member=REPORT.weights["member"].replace(rename)),
        checks=REPORT.checks.assign(message=HOSTILE, asset=HOSTILE), provenance={HOSTILE: HOSTILE},
        baselines={HOSTILE: REPORT.baselines["1/N over members"]}, cost_assumptions={HOSTILE: HOSTILE},
        withheld=pd.DataFrame([dict.fromkeys(("asset", "partition", "rule", "reason"), HOSTILE)]),
        point_in_time=Flag(HOSTILE, True, HOSTILE), input_digest=HOSTILE, config_hash=HOSTILE, code_version=HOSTILE,
    )  # fmt: skip


def test_hostile_strings_are_text_and_nothing_else() -> None:
    html = render_html(hostile_report())
    tags = [tag for tag, _ in Document(html).tags]
    assert "script" not in tags and "img" not in tags
    assert tags.count("td") == html.count("<td") and "&lt;script&gt;" in html
    assert HOSTILE in body_text(html)  # with its braces: nothing evaluated it


def test_hostile_strings_are_disarmed_in_markdown() -> None:
    markdown = render_markdown(hostile_report())
    outside_code = "\n".join(line for line in markdown.splitlines() if not line.startswith("    "))
    assert "<script" not in outside_code and "<img" not in outside_code
    header, *rows = [line for line in markdown.splitlines() if line.startswith("| Rule") or "L4.HEALTH" in line]
    cells = [re.sub(r"\\.", "", line).count("|") for line in (header, *rows)]
    assert len(set(cells)) == 1


def test_figures_of_the_table_equal_independent_calculations() -> None:
    net = REPORT.daily["net"].to_numpy()
    growth = float((1 + net).prod())
    mean, deviation = net.mean(), net.std(ddof=1)
    peak = pd.Series([1.0, *(1 + net).cumprod()]).cummax().to_numpy()[1:]
    expected = {
        "Total return": growth - 1,
        "Return a year (CAGR)": growth ** (365 / len(net)) - 1,
        "Volatility a year": deviation * math.sqrt(365),
        "Maximum drawdown": ((1 + net).cumprod() / peak - 1).min(),
        "Days above zero": (net > 0).mean(),
    }
    for label, value in expected.items():
        assert figure(HTML, label) == pytest.approx(value, abs=5.1e-5), label
    assert figure(HTML, "Sharpe ratio") == pytest.approx(mean / deviation * math.sqrt(365), abs=5.1e-3)
    error = math.sqrt((1 + (mean / deviation) ** 2 / 2) / len(net)) * math.sqrt(365)
    assert figure(HTML, "± standard error (Lo 2002)") == pytest.approx(error, abs=5.1e-3)
    baseline = pd.concat([f.set_index("date")["net"] for f in REPORT.members.values()], axis=1).mean(axis=1)
    assert figure(HTML, "Sharpe ratio", 3) == pytest.approx(
        baseline.mean() / baseline.std() * math.sqrt(365), abs=5.1e-3
    )
    assert figure(HTML, "Total return", 2) == pytest.approx((1 + REPORT.daily["gross"]).prod() - 1, abs=5.1e-5)


def test_annualisation_comes_from_the_input() -> None:
    expected = REPORT.daily["net"].std() * math.sqrt(252)
    assert figure(OTHER_HTML, "Volatility a year") == pytest.approx(expected, abs=5.1e-5)
    assert "a year is 252 days" in body_text(OTHER_HTML)


def test_a_weak_result_is_called_not_significant() -> None:
    centred = REPORT.daily.assign(net=REPORT.daily["net"] - REPORT.daily["net"].mean())
    sentences = significance_sentences(replace(REPORT, daily=centred))
    assert "not significant. Over 448 days it cannot be told from zero." in sentences[0]
    strong = REPORT.daily.assign(net=REPORT.daily["net"] + 0.01)
    own, versus = significance_sentences(replace(REPORT, daily=strong))
    assert "not significant" not in own and versus.endswith("the portfolio beats 1/N over members at the 5 % level.")
    assert "not significant" in body_text(HTML)


def test_a_ruined_portfolio_still_has_a_report() -> None:
    daily = REPORT.daily.copy()
    daily.loc[300, ["gross", "costs", "net"]] = [-1.4, 0.0, -1.0]
    daily.loc[301:, ["gross", "costs", "net", "turnover"]] = 0.0
    assert figure(render_html(replace(REPORT, daily=daily)), "Total return") == -1.0


def test_missing_input_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="daily lacks the columns turnover"):
        replace(REPORT, daily=REPORT.daily.drop(columns="turnover"))
    with pytest.raises(EmptyResult, match="no contract verdict"):
        replace(REPORT, checks=REPORT.checks.iloc[:0])
    with pytest.raises(EmptyResult, match="no baseline"):
        replace(REPORT, baselines={})
    with pytest.raises(UsageError, match="data_kind"):
        replace(REPORT, data_kind="simulated")  # type: ignore[arg-type]  # the point of the test
