"""The report: opens with the headline, needs nothing else, and is the same octets for the same run."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analysis.figures import compute_figures, figure_names, figure_sql
from analysis.headlines import headlines
from analysis.literature import LITERATURE, read_literature
from analysis.report import render_report
from analysis.sections import SECTIONS
from tests.analysis.known_run import known_run
from tests.analysis.paced_run import paced_run
from tests.analysis.parted_run import parted_run
from tests.analysis.small_run import SmallRun

_VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """What a reader of the page meets; raises on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.html = html
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "nav"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).replace("\u202f", " ").split())

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.tags if attribute in attrs]


def page_of(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def known_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = known_run().write(tmp_path_factory.mktemp("known"))
    render_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(known_folder: Path) -> Page:
    return page_of(known_folder / "report.html")


@pytest.fixture(scope="module")
def paced_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A run with samples, second attempts and what nobody asked."""
    return page_of(render_report(paced_run().write(tmp_path_factory.mktemp("paced"))))


@pytest.fixture(scope="module")
def empty_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A lab run of an empty list."""
    folder = tmp_path_factory.mktemp("empty")
    settings = {"smtp_port": 2525, "root_store": "/home/somebody/roots.pem", "opt_out": "/home/somebody/out"}
    SmallRun().write(folder, lab={"profile": "world", "seed": 7}, settings=settings)
    return page_of(render_report(folder))


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """One domain, with a rank, whose server says what would hurt if it were not escaped."""
    run = SmallRun()
    hostile = "<script>alert(1)</script>\"'&"
    chain = (run.certificate("c", issuer=f"O={hostile}"),)
    run.domain("a.test", "10 mx.test", rank=1)
    run.host("mx.test", "192.0.2.1", provider=hostile)
    run.session("mx.test", "192.0.2.1", chain=chain, cipher_suite=hostile)
    listed = {"name": hostile, "sha256": "00", "listed": 1, "rejected": 0}
    return page_of(render_report(run.write(tmp_path_factory.mktemp("hostile"), list=listed)))


@pytest.fixture(scope="module")
def parted_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A run with ranks, and with enough providers to draw from."""
    return page_of(render_report(parted_run().write(tmp_path_factory.mktemp("parted"))))


def test_a_claim_beyond_the_list_says_that_its_interval_is_another(parted_page: Page, page: Page) -> None:
    brief = parted_page.text.partition("In brief")[2].partition("What is counted")[0]
    assert brief.count("95 % interval") == 2  # the row, and the sentence on it
    section = parted_page.text.partition("of its domains would have STARTTLS")[2].partition("Counted by")[0]
    assert section.count("95 % interval") == 12
    assert "no more, for lack of providers" in page.text


def test_each_answer_has_a_chart_of_its_own(parted_page: Page) -> None:
    section = parted_page.text.partition("Among the first thousand of the list, 50 %")[2]
    section = section.partition("Counted by")[0]
    for answer in ("STARTTLS", "valid certificates", "post-quantum"):
        assert f"{answer}, share of: reachable mail domain of the class" in section


def test_a_published_count_without_a_share_is_shown_as_a_count(page: Page) -> None:
    section = page.text.partition("bear a sign that something on the way")[2].partition("Counted by")[0]
    assert "2015 41 405" in section


def test_it_opens_with_the_headline_its_count_its_bounds_and_its_date(page: Page) -> None:
    opening = page.text.partition("Beside what others published")[0]
    assert "56 % of the reachable mail domains whose answer is known have STARTTLS at every" in opening
    assert "5 of the 9 reachable mail domains (D3) whose answer is known; for 4 more it is not." in opening
    assert (
        "Of all mail-capable domains (D2), reached or not, 38 to 69 %, depending on whether the 4" in opening
    )
    assert "2 are left out" in opening
    assert "2026-08-22" in opening


def test_published_figures_stand_beside_the_headline_and_secondary_ones_say_so(page: Page) -> None:
    beside = page.text.partition("Beside what others published")[2].partition("In brief")[0]
    for anchor in read_literature():
        if anchor.figure == "starttls_by_domain":
            assert anchor.source in beside
    assert beside.count("† secondary source") == 3


def test_it_says_why_89_percent_counts_something_else(page: Page) -> None:
    paragraph = page.text.partition("Why the famous 89 %")[2].partition("In brief")[0]
    assert "June 2018" in paragraph
    assert "messages" in paragraph
    assert "neither of servers nor of domains" in paragraph


def test_every_published_figure_of_a_figure_of_ours_is_shown(page: Page) -> None:
    anchors = [anchor for anchor in read_literature() if anchor.figure in figure_names()]
    assert len(anchors) > 15
    for anchor in anchors:
        assert " ".join(f"{anchor.unit}; {anchor.population}".split()) in page.text


def test_every_figure_has_its_section_and_prints_its_query(page: Page) -> None:
    assert {section.figure for section in SECTIONS} | {"populations"} == set(figure_names())
    for figure in figure_names():
        assert " ".join(figure_sql(figure).split()) in page.text, figure
    assert {section.figure for section in SECTIONS} <= set(page.values("id"))


def test_it_needs_nothing_from_anywhere_else(page: Page) -> None:
    assert not {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "image"}
    assert page.values("src") == []
    assert all(target.startswith("#") for target in page.values("href") + page.values("xlink:href"))
    assert "://" not in page.html
    assert "@import" not in page.html
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page.html))


def test_names_within_the_page_are_unique_and_every_reference_has_its_target(page: Page) -> None:
    names = page.values("id")
    assert len(names) == len(set(names))
    references = [t[1:] for t in page.values("href")] + re.findall(r"url\(#([^)]*)\)", page.html)
    references += page.values("aria-labelledby")
    assert set(references) <= set(names)


def test_charts_scale_and_have_a_text_alternative(page: Page) -> None:
    drawings = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(drawings) > 20
    for attrs in drawings:
        assert attrs["viewbox"]
        assert "height" not in attrs
        assert attrs["role"] == "img"
        assert (attrs["aria-label"] or "").startswith("Bar chart, ")


def test_tables_scroll_inside_their_own_box(page: Page) -> None:
    assert page.html.count("<table") == page.html.count('<div class="scroll" role="group" tabindex="0"')


def test_every_table_has_a_caption_and_every_title_a_scope(page: Page) -> None:
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")
    assert all(attrs.get("scope") in ("col", "row", "rowgroup") for tag, attrs in page.tags if tag == "th")


def test_a_lab_run_says_at_once_that_its_internet_is_simulated(empty_page: Page, page: Page) -> None:
    opening = empty_page.text[:500]
    assert "A simulated internet." in opening
    assert "say nothing about the real one" in opening
    assert "from a profile ( world , seed 7)" in opening or "from a profile (world, seed 7)" in opening
    assert "simulated" not in page.text.partition("-- ")[0]


def test_an_empty_run_still_makes_a_report(empty_page: Page) -> None:
    assert "No estimate" in empty_page.text[:800]
    before_sql = empty_page.html.partition("<details>")[0]
    assert ">None" not in empty_page.html
    assert "nan" not in before_sql.lower()


def test_same_run_same_octets(known_folder: Path, tmp_path: Path) -> None:
    first = (known_folder / "report.html").read_bytes()
    again = known_run().write(tmp_path, parts=2)
    assert render_report(again, compute_figures(again)).read_bytes() == first


def test_a_report_that_cannot_be_made_leaves_the_one_there_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SmallRun().write(tmp_path)
    rows = compute_figures(folder)
    before = render_report(folder, rows).read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analysis.whole_file.os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        render_report(folder, rows)
    assert (folder / "report.html").read_bytes() == before
    assert [path.name for path in folder.iterdir() if "aside" in path.name] == []


def test_a_run_with_samples_says_how_much_is_inferred_beside_every_denominator(paced_page: Page) -> None:
    opening = paced_page.text.partition("Beside what others published")[0]
    assert "For 9 of the 28, some primary MX host was not asked itself at every address" in opening
    assert "with 95 % confidence, at most 6 of them are another answer." in opening
    brief = paced_page.text.partition("In brief")[2].partition("What is counted")[0]
    assert "36 to 64 % 14 of 28 32 % inferred, bound 6" in brief
    section = paced_page.text.partition("How much is inferred 24 % of the MX host addresses (8 of 33)")[2]
    assert "provider: big.test 75 % exact 3 4 0" in section.partition("Counted by")[0]


def test_a_run_with_samples_and_without_silence_is_not_called_exact(tmp_path: Path) -> None:
    run = SmallRun()
    for number in range(3):
        run.host(f"mx{number}.big.test", "192.0.2.1")
        run.domain(f"d{number}.test", f"10 mx{number}.big.test")
    for number in range(2):
        run.session(f"mx{number}.big.test", "192.0.2.1")
    run.inferred("mx2.big.test", "192.0.2.1", "mx0.big.test", 2)
    text = page_of(render_report(run.write(tmp_path))).text
    assert "gave an answer, so silence leaves no bounds" in text.partition("Beside what")[0]
    assert "sampled 3 of 3 33 % inferred, bound 1" in text


def test_a_run_without_samples_does_not_speak_of_them_in_its_opening(page: Page) -> None:
    assert "inferred" not in page.text.partition("Beside what others published")[0]


def test_who_was_not_asked_is_counted_by_reason(paced_page: Page) -> None:
    silent = paced_page.text.partition("From 28 % of the mail-capable domains")[2].partition("Counted by")[0]
    for reason in ("opted_out", "over_limit", "session_cap", "backed_off", "sampled"):
        assert f"class: not asked, {reason}" in silent


def test_it_says_what_the_second_attempt_gained(paced_page: Page) -> None:
    assert "failed for now, 50 % (3 of 6) gave an answer at the second" in paced_page.text
    assert "10 % of the addresses asked (2 of 20) sent this scanner away" in paced_page.text


def test_it_says_what_a_provider_is(page: Page) -> None:
    assert "by the ICANN section of the public suffix list" in page.text


def test_a_run_where_all_answered_but_some_can_never_says_who_is_left_out(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1")
    exact = page_of(render_report(run.write(tmp_path / "exact"))).text
    assert "gave an answer, so the share is exact." in exact
    run.domain("b.test", "10 gone.test")
    run.host("gone.test", status="nxdomain")
    opening = page_of(render_report(run.write(tmp_path / "never"))).text[:1500]
    assert "Every other mail-capable domain gave an answer, so the share is exact; 1 is left out" in opening


def test_what_peers_and_list_files_say_is_escaped(hostile_page: Page) -> None:
    assert [tag for tag, _ in hostile_page.tags].count("script") == 1  # the page's own
    assert hostile_page.text.count("alert(1)") > 5


def test_settings_that_are_places_on_the_machine_are_left_out(empty_page: Page) -> None:
    assert "somebody" not in empty_page.text
    assert "2525" in empty_page.text


def test_a_list_with_ranks_says_nothing_of_missing_ranks(hostile_page: Page, page: Page) -> None:
    remark = "This list has no ranks, so there is no row for 1/rank."
    assert remark in page.text
    assert remark not in hostile_page.text


def test_headlines_are_a_sentence_and_one_plain_line_per_figure(known_folder: Path) -> None:
    sentence, *lines = headlines(compute_figures(known_folder))
    assert sentence == (
        "56 % of the reachable mail domains whose answer is known have STARTTLS at every reachable primary "
        "MX host: 5 of 9, and 4 more whose answer is not known "
        "(bounds over all mail-capable domains: 38 to 69 %)"
    )
    # No ranks, no provider beyond the ten largest, no TLSA records.
    left_out = {"by_rank", "by_provider", "without_provider", "dane_mismatch"}
    assert [line.split()[0] for line in lines] == [s.figure for s in SECTIONS if s.figure not in left_out]
    assert "\u202f" not in "".join(lines)
    opening = (
        "starttls_by_domain 56 % 5 of 9 all, reachable mail domain, determined (of D3) [bounds 38 to 69 %]"
    )
    assert " ".join(lines[0].split()) == opening


def test_literature_is_read_as_published() -> None:
    anchors = read_literature(LITERATURE)
    assert any((a.numerator, a.denominator) == (965, 367190) for a in anchors)
    assert any(a.value is None for a in anchors)
    assert {a.is_secondary for a in anchors} == {True, False}
