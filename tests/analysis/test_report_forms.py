"""The same report as Markdown and LaTeX; the ladder; the change since an earlier run."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.compare_result import MEASURES, ComparisonError
from analysis.content import OF_A_PAPER
from analysis.figures import COLUMNS, FigureRow, compute_figures, figure_names
from analysis.ladder import read_ladder
from analysis.pages import escape_tex
from analysis.prose import escape_markdown, inline_html, to_html
from analysis.report import make_report, render_report
from analysis.sections import SECTIONS
from analysis.tables import cross_table
from tests.analysis.known_run import known_run
from tests.analysis.small_run import SmallRun

_NEXT_MONTH = "2026-09-22T12:00:00+00:00"
_HOSTILE = "<b>|_a_*b*`c`[d](e)~&#1;\\ %$^{} é"
_LINKS = "http://a.example/ (https://www.b.example) *ftp://c.example www.d.example WWW.e.example f@g.example"
_AUTOLINKED = re.compile(r"(?i)(?:https?|ftp)://|www\.|[\w.+-]@[\w-]")
"""What GitHub makes a link of in a text, even escaped; what inline HTML keeps apart is none."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = known_run().write(tmp_path_factory.mktemp("forms"))
    render_report(folder)
    return folder


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    listed = {"name": _HOSTILE, "sha256": "00", "listed": 1, "rejected": 0}
    folder = SmallRun().write(tmp_path_factory.mktemp("hostile"), list=listed)
    render_report(folder)
    return folder


def markdown(folder: Path) -> str:
    return (folder / "report.md").read_text(encoding="utf-8").replace("\u202f", " ")


def test_markdown_has_every_figure_with_its_table_and_its_files(folder: Path) -> None:
    text = markdown(folder)
    for section in SECTIONS:
        part = text.partition(f'## <a id="{section.figure}"></a>{section.title}')[2].partition("\n## ")[0]
        assert f"analysis/figures/{section.figure}.sql" in part
        assert f"(figures/{section.figure}.csv)" in part
        assert "| stratum | share | bounds |" in part or "This run has no row" in part


def test_markdown_says_what_the_page_says(folder: Path) -> None:
    text = markdown(folder)
    assert "**56 % of the reachable mail domains whose answer is known have STARTTLS" in text
    assert "5 of the 9 reachable mail domains (D3) whose answer is known; for 4 more it is not." in text
    assert "| all | 56 % | 38 to 69 % | 5 | 9 | 4 + 2 never |" in text
    assert "Why the famous 89 % is another number" in text
    assert "cd" * 32 in text
    assert "\n\n\n\n" not in text


def test_markdown_tables_are_rectangular_and_links_lead_somewhere(folder: Path) -> None:
    text = markdown(folder)
    names = set(re.findall(r'<a id="(\w+)">', text))
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= names
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def test_what_a_list_is_called_is_escaped_in_every_form(hostile: Path) -> None:
    assert "\\<b\\>\\|\\_a\\_\\*b\\*\\`c\\`\\[d\\](e)\\~\\&\\#1;\\\\ %" in markdown(hostile)
    tex = (hostile / "headline.tex").read_text(encoding="utf-8")
    assert r"\textless{}b\textgreater{}|\_a\_*b*`c`[d](e)\textasciitilde{}\&\#1;\textbackslash{} \%\$" in tex
    assert "é" not in tex
    assert "<b>" not in (hostile / "report.html").read_text(encoding="utf-8")


def test_no_text_of_others_becomes_a_link(tmp_path: Path) -> None:
    run = known_run()
    issued = run.certificate("linked", issuer=f"O={_LINKS.replace(',', ' ')}")
    run.domain("linked.test", "10 mx.linked.test")
    run.host("mx.linked.test", "192.0.2.200", provider="www.linked.test")
    run.session("mx.linked.test", "192.0.2.200", chain=(issued,))
    listed = {"name": _LINKS, "sha256": "00", "listed": 20, "rejected": 0}
    folder = run.write(tmp_path, list=listed, settings={"contact_url": "https://www.scan.example/?a=b@c"})
    render_report(folder)
    text = re.sub(r"`[^`]*`", "", markdown(folder))
    shown = text.replace("<!-- -->", "")
    for link in ("http://a.example/", "www.d.example", "f@g.example", "www.linked.test", "https://www.scan"):
        assert link in shown
    assert _AUTOLINKED.findall(text) == []


def test_the_table_for_papers_needs_no_package_and_is_rectangular(folder: Path) -> None:
    text = (folder / "headline.tex").read_text(encoding="utf-8")
    assert text.isascii()
    assert re.findall(r"\\(?:begin|end)\{(\w+)\}", text) == ["table", "tabular", "tabular", "table"]
    body = text.partition(r"\begin{tabular}{lrrr}")[2].partition(r"\end{tabular}")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) > 5
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {3}
    (headline,) = [line for line in lines if line.startswith("STARTTLS by domain ")]
    assert headline.startswith("STARTTLS by domain (all; reachable mail domain, determined (of D3)) & ")
    assert headline.endswith(r" & 56\,\% & 38 to 69\,\% & 5 of 9 \\")
    assert re.findall(r"(?<!\\)[%#$_^]", body) == []
    assert text.count("{") == text.count("}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_takes_the_table_for_papers(folder: Path, hostile: Path, tmp_path: Path) -> None:
    for made in (folder, hostile):
        table = (made / "headline.tex").read_text(encoding="utf-8")
        document = rf"\documentclass{{article}}\begin{{document}}{table}\end{{document}}"
        (tmp_path / "paper.tex").write_text(document, encoding="utf-8")
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60).returncode == 0


def test_prose_is_the_same_in_both_forms() -> None:
    text = "One *two* **three** `f_o_o` [four](#five_six).\n\n" + escape_markdown("a_b <i> *x* [y](#z) \\")
    assert to_html(text) == (
        "<p>One <em>two</em> <strong>three</strong> <code>f_o_o</code> "
        '<a href="#five_six">four</a>.</p>\n<p>a_b &lt;i&gt; *x* [y](#z) \\</p>'
    )


@pytest.mark.parametrize(
    "text", [_HOSTILE, _LINKS, "**", "\\", "`", "[x](#y)", "_x_ a_b", "*a*b*c*", "~~~", "# x"]
)
def test_an_escaped_text_is_shown_as_it_is(text: str) -> None:
    shown = inline_html(escape_markdown(text)).unescape()
    assert shown == text


def test_tex_keeps_what_it_can_print() -> None:
    assert escape_tex("12\u202f345 – “x’s” 5_%") == r"12\,345 -- ``x's'' 5\_\%"


def test_the_ladder_goes_from_listed_to_authenticated(folder: Path) -> None:
    table = read_ladder(compute_figures(folder)).table
    names = [row.cells[0].text for row in table.groups[0].rows]
    assert names == ["listed", "has mail", "reachable", "STARTTLS", "valid certificate", "authenticated"]
    domains = [int(row.cells[1].text) for row in table.groups[0].rows]
    assert domains[:5] == sorted(domains[:5], reverse=True)
    assert domains[3] == 5


def test_the_ladder_of_an_empty_run_has_no_shares(hostile: Path) -> None:
    ladder = read_ladder(compute_figures(hostile))
    assert {row.cells[2].text for row in ladder.table.groups[0].rows} == {"–"}


def _cell(stratum: str, numerator: int) -> FigureRow:
    values = dict.fromkeys(COLUMNS, 0) | {"estimate": numerator / 10, "low": None, "high": None}
    texts = {"figure": "f", "unit": "domain", "interval": "nonresponse", "run": "r", "list": "l"}
    return FigureRow(**(values | texts | {"stratum": stratum, "numerator": numerator, "denominator": 10}))  # type: ignore[arg-type]  # one mapping for all


def test_rows_of_two_ways_become_a_table_of_two_ways() -> None:
    strata = {
        "A yes: B yes, C yes": 1,
        "A yes: B yes, C no": 2,
        "A no: B no, C yes": 3,
        "A no: B no, C no": 4,
    }
    table = cross_table([_cell(stratum, n) for stratum, n in strata.items()], "both")
    assert [column.title for column in table.columns] == ["class", "C yes", "C no", "all"]
    assert [[cell.text for cell in row.cells] for row in table.groups[0].rows] == [
        ["A yes: B yes", "1", "2", "3"],
        ["A no: B no", "3", "4", "7"],
    ]


def test_the_change_since_an_earlier_run_stands_in_every_form_when_asked_for(
    folder: Path, tmp_path: Path
) -> None:
    run = known_run()
    run.domain("new.test", "10 mx.new.test")
    run.host("mx.new.test", "192.0.2.99")
    run.session("mx.new.test", "192.0.2.99")
    new = run.write(tmp_path, run_id="later", started_at=_NEXT_MONTH, finished_at=_NEXT_MONTH)
    make_report(new, since=folder)
    page, text = (new / "report.html").read_text(encoding="utf-8"), markdown(new)
    assert "Change since the last run" in page
    part = text.partition("Change since the last run")[2].partition("\n## ")[0]
    assert "Held against run 2026-08-22-small of 2026-08-22." in part
    assert part.count("\n| ") == 2 + len(MEASURES)
    assert "starttls-survey compare OLD NEW --out DIR" in part
    kept = (new / "report.html").read_bytes()
    make_report(new, since=folder)
    assert (new / "report.html").read_bytes() == kept
    make_report(new)
    assert "Change since the last run" not in (new / "report.html").read_text(encoding="utf-8")


def test_a_run_is_not_held_against_itself(folder: Path) -> None:
    with pytest.raises(ComparisonError, match="the same run"):
        make_report(folder, since=folder)


def test_every_figure_of_the_table_for_papers_is_one() -> None:
    assert set(OF_A_PAPER) <= set(figure_names())
