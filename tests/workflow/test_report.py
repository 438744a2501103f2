"""The report: whole, self-contained, safe against hostile text, and drawn from what a run knows."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflow.made_up_runs import HOSTILE, RUNS, STOPS, make_run

from groundup.workflow import report_script, report_words
from groundup.workflow.report import render_report, write_report
from groundup.workflow.report_columns import column_rows
from groundup.workflow.report_glossary import GLOSSARY
from groundup.workflow.report_text import distinct, json_for_script, number, plain

VOID = {"meta", "link", "br", "img", "hr", "input", "rect", "source", "wbr"}


class Page(HTMLParser):
    """The elements, attributes and texts of a page; fails on a tag that is not closed in order."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.scripts, self.open = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == [], "elements are left open"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.elements[-1][1], data))
        elif not self.open or self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    @property
    def charts(self):
        return [json.loads(text) for attrs, text in self.scripts if attrs.get("type")]


@pytest.fixture(scope="module")
def pages():
    return {name: render_report(run) for name, run in RUNS.items()}


@pytest.mark.parametrize("name", RUNS)
def test_page_is_small_well_formed_and_asks_for_nothing(pages, name):
    html = pages[name]
    assert len(html.encode()) < 2_000_000
    page = Page(html)
    for tag, attributes in page.elements:
        assert not any(key.startswith("on") for key in attributes), (tag, attributes)
        assert "src" not in attributes
        assert "action" not in attributes
        assert "data" not in attributes
        assert attributes.get("href", "#").startswith("#")
        assert "url(" not in attributes.get("style", "")
    css = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(css) == 2
    assert not any("url(" in text or "@import" in text for text in css)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {a["href"][1:] for _, a in page.elements if "href" in a}
    assert links <= set(ids)


@pytest.mark.parametrize("name", ["binary", "hostile"])
def test_policy_allows_the_two_scripts_by_their_hash_and_no_request(pages, name):
    page = Page(pages[name])
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    run_by_browser = [text for attributes, text in page.scripts if not attributes]
    digests = [base64.b64encode(hashlib.sha256(s.encode()).digest()) for s in run_by_browser]
    allowed = re.search("script-src ([^;]*);", policy)[1].split()
    assert allowed == [f"'sha256-{digest.decode()}'" for digest in digests]
    assert len(allowed) == 2


@pytest.mark.parametrize(
    ("harmless", "hostile"),
    [("binary", "hostile"), ("regression", "hostile regression")],
)
def test_hostile_text_adds_no_kind_of_element_and_shows_as_text(pages, harmless, hostile):
    page, other = Page(pages[hostile]), Page(pages[harmless])
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in other.elements}
    assert "script" not in {tag for tag, a in page.elements if a.get("type") is None and a}
    n_scripts = sum(not attributes for attributes, _ in page.scripts)
    assert n_scripts == 2
    for name in HOSTILE[:4]:
        assert name in page.text
    assert "49" not in re.findall(r"\{\{.*?\}\}|\b49\b", plain(HOSTILE[6]))
    assert HOSTILE[6] in page.text  # Jinja's own markup is text too
    assert "\u202e" not in pages[hostile]
    assert "\u2028" not in pages[hostile]


def test_a_name_is_never_a_field_or_an_expression(pages):
    def walk(spec):
        if isinstance(spec, dict):
            for key, value in spec.items():
                if key in ("field", "test", "filter", "expr", "signal", "calculate"):
                    yield str(value)
                if key not in ("datasets", "config"):
                    yield from walk(value)
        elif isinstance(spec, list):
            for item in spec:
                yield from walk(item)

    def expressions(name):
        return {text for chart in Page(pages[name]).charts for text in walk(chart)}

    assert expressions("hostile") == expressions("binary")
    assert expressions("hostile regression") == expressions("regression")


@pytest.mark.parametrize("name", ["regression", "hostile classes"])
def test_charts_are_valid_vega_lite(pages, name):
    import altair as alt

    charts = Page(pages[name]).charts
    assert len(charts) >= 14
    for spec in charts:
        without_rows = {**spec, "datasets": {}}
        alt.Chart.from_dict({**without_rows, "$schema": alt.SCHEMA_URL})
        used = set(re.findall(r"'name': '(\w+)'", str(without_rows)))
        assert used >= set(spec["datasets"])


def test_every_term_is_used_and_every_page_explains_the_terms_it_uses(pages):
    explained = set()
    for html in pages.values():
        in_text = set(re.findall(r'role="tooltip"><strong>(.*?)\.</strong>', html))
        in_glossary = set(re.findall(r"<dt>(.*?)</dt><dd>", html.partition('class="glossary"')[2]))
        assert in_text == in_glossary
        explained |= in_text
    assert explained == {title for title, _ in GLOSSARY.values()}


@pytest.mark.parametrize("k", STOPS)
def test_a_stopped_run_says_where_it_stopped(pages, k):
    text = Page(pages[f"stopped after {k}"]).text
    assert text.count("This run was stopped before this step was finished.") == 10 - k
    assert "this run was stopped" in re.search("<h1>(.*?)</h1>", pages[f"stopped after {k}"])[1]
    assert "This run was stopped" not in Page(pages["binary"]).text


def test_the_answer_is_in_plain_words(pages):
    text = Page(pages["binary"]).text
    assert "this model tells which is which 84.4% of the time" in text
    assert "between 78.6% and 88.9%" in text
    assert "names target correctly for 84.4% of rows" in Page(pages["26 classes"]).text
    text = Page(pages["regression"]).text
    assert "explains 84.4% of the variation in target" in text
    assert "Half of its predictions are off by less than 12,433." in text


def test_rejected_rows_are_listed_and_the_ledger_adds_up(pages):
    text = Page(pages["binary"]).text
    assert "400 in the file = 393 loaded as they are + 3 repaired + 4 rejected" in text
    assert text.count("too many cells") == 4


def test_render_is_a_pure_function_of_the_json():
    run = make_run()
    before = copy.deepcopy(run)
    first = render_report(run)
    assert run == before
    assert render_report(json.loads(json.dumps(run))) == first


def test_nulls_in_place_of_figures_do_not_break_the_page():
    def emptied(value):
        if isinstance(value, dict):
            return {key: emptied(item) for key, item in value.items()}
        if isinstance(value, list):
            return [emptied(item) for item in value]
        return None if isinstance(value, float) else value

    for task in ("binary", "multiclass", "regression"):
        Page(render_report(emptied(make_run(task, n_classes=3 if task == "multiclass" else 2))))


def test_write_report_replaces_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.html"
    write_report({}, path)
    first = path.read_text(encoding="utf-8")
    write_report(make_run(), path)
    assert path.read_text(encoding="utf-8") != first
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OSError, match="nowhere"):
        write_report({}, tmp_path / "nowhere" / "report.html")


def test_the_kept_script_is_made_again_when_it_was_cut_short(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDUP_CACHE", str(tmp_path / "cache"))
    script = report_script.chart_script()
    (tmp_path / "cache").mkdir(mode=0o700)
    name = f"charts-{version('vl-convert-python')}-{hashlib.sha256(script.encode()).hexdigest()}"
    kept = tmp_path / "cache" / f"{name}.js"
    kept.write_text(script[:1000], encoding="utf-8")
    assert report_script.chart_script.__wrapped__() == script
    assert kept.read_text(encoding="utf-8") == script
    assert "</script" not in script
    assert "<!--" not in script


def test_importing_the_report_is_cheap():
    heavy = "{'altair', 'vl_convert', 'numba', 'jinja2', 'pandas', 'sklearn'}"
    code = f"import sys, groundup.workflow.report; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@given(st.floats(-1e300, 1e300))
def test_number_keeps_three_digits(x):
    text = number(x).replace("−", "-").replace(",", "")
    mantissa, _, exponent = text.partition(" × 10")
    digits = exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    value = float(f"{mantissa}e{digits or 0}")
    assert math.isclose(value, x, rel_tol=0.0051) or (x == 0 and value == 0)


@given(st.text())
def test_any_text_comes_back_from_a_script_element(text):
    written = json_for_script([text])
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == [text]


@given(st.lists(st.text(), max_size=8))
def test_shortened_names_stay_apart(names):
    shown = distinct(names, 4)
    assert len(set(shown)) == len(names)
    for name in shown:
        name.encode()
        assert not any(ord(character) < 0x20 for character in name)


@pytest.mark.parametrize(
    ("score", "baseline", "low", "tone"),
    [
        (0.6, 0.7, 0.5, "poor"),
        (0.6, 0.7, None, "poor"),
        (0.8, 0.5, 0.45, "poor"),
        (0.8, 0.5, 0.7, ""),
        (1.0, 0.5, 0.9, "poor"),
    ],
)
def test_judgement_warns_of_what_is_no_better_than_guessing_or_too_good(score, baseline, low, tone):
    test = {"score": score, "baseline": baseline, "low": low}
    assert report_words.judgement({"test": test, "task": "multiclass"}).tone == tone


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"low": 0.4}, "does not rule out the baseline"),
        ({"high": 0.849}, "came out lower (0.844) than validation had promised (0.850)"),
        ({"rows": 93}, "The test has only 93 rows."),
    ],
)
def test_figures_that_should_worry_are_said_first(changes, words):
    run = make_run()
    run["test"] |= {"rows": 1000, **changes}
    run["findings"], run["diagnose"]["verdict"] = [], "balanced"
    text = Page(render_report(run)).text
    assert words in text.partition("Step 1 of 10")[0]
    assert "Nothing was found" not in text


def test_columns_begin_with_the_target_and_say_what_is_left_out(pages):
    rows = column_rows(RUNS["binary"]["columns"], rows=396, rows_explored=300)
    assert rows[0]["role"] == "target"
    assert [row["role"] for row in rows[-2:]] == ["identifier", "leak"]
    used, left_out = rows[2], rows[-1]
    assert used["missing_share"] == pytest.approx(used["missing"] / 300)
    assert left_out["missing_share"] == pytest.approx(left_out["missing"] / 396)
    # the bars fill the box: the tallest is as high as it, and none is wider
    heights = [bar[3] for row in rows for bar in row["bars"]]
    assert max(heights) == 26.0
    assert all(x + width <= 116.05 for row in rows for x, _, width, _ in row["bars"])
    assert "left out: gives the answer away" in Page(pages["binary"]).text


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium to draw the charts")
@pytest.mark.parametrize("name", ["hostile classes", "regression"])
def test_a_browser_draws_every_chart_without_a_complaint(pages, name, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(pages[name], encoding="utf-8")
    options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --virtual-time-budget=20000 --dump-dom"
    options += f" --enable-logging=stderr --user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [BROWSER, *options.split(), file.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert "CONSOLE" not in done.stderr, done.stderr
    assert 'data-drawn="all"' in done.stdout
    n_charts = len(Page(pages[name]).charts)
    assert done.stdout.count('<svg xmlns="http://www.w3.org/2000/svg"') == n_charts
    assert "could not be drawn" not in done.stdout.partition("<script>")[0]
