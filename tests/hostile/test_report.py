"""Hostile names and texts arrive in every format of a report as data and as nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from autodiff.errors import one_line
from autodiff.lint import Evidence, Finding
from autodiff.plan import DataLoss
from autodiff.rehearse import RehearsedHistory, RehearsedStep
from autodiff.report import (
    MigrationSql,
    Picture,
    Problem,
    Review,
    ReviewedChange,
    ReviewedMigration,
    render_report,
)
from autodiff.report.formats import render_erd
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Table,
    plain_element,
)
from autodiff.utils.quoting import github_message, github_property, markdown_code, mermaid_text
from tests.hostile.test_text import TEXTS

MORE = (
    *("::error::x", "\n::set-output name=x::y", "%0A::error::x", "`", "``", "` | x", "a|b", "|"),
    *("\n```\n</details>\n", "~~~", "@everyone", "#1", "--> x", "]]>", "%%{init: {}}%%", "\n}"),
    *("<script>alert(1)</script>", "</style><script>", "' onload='x", "javascript:x", "&quot;"),
    *("\ud800", "\x00", "\u202ex", "{{ 7 * 7 }}", "<!--", " a ", "\\", "$(x)", "\n\n# x", "- x"),
)
ANY = st.one_of(TEXTS, st.sampled_from(MORE))
SETTINGS = settings(
    max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def is_harmless(text: str) -> bool:
    """Return whether no character but a newline and a tab in SQL has an effect."""
    return text.replace("\n", "").replace("\t", "").isprintable()


def table(name: str, text: str, *columns: str, refers: str | None = None) -> Table:
    key = ForeignKey(
        name=f"fk{text}",
        columns=(columns[0],),
        referred=Name(refers or name),
        referred_columns=("i",),
    )
    return Table(
        name=Name(name, f"s{text}"),
        columns=tuple(Column(name=c, type=ColumnType(sql=f"t{text}")) for c in columns),
        constraints=(
            PrimaryKey(columns=columns[:1]),
            Check(name=f"ck{text}", sql=text),
            *((key,) if refers else ()),
        ),
        indexes=(Index(name=f"ix{text}", elements=(plain_element(columns[0]),)),),
    )


def review_of(text: str) -> Review:
    """Return a review in which every text is the given one, with letters around it."""
    x = f"x{text}x"
    finding = Finding(
        code="AD101",
        name=x,
        severity="error",
        message=x,
        reason=x,
        safe_way=x,
        migration=x,
        file=Path("m") / f"f{text.replace('/', '').replace(chr(0), '')}",
        line=3,
        object=x,
        databases=("sqlite",),
        evidence=(Evidence(fact="rows", value=x, text=x),),
    )
    sql = MigrationSql(database=x, statements=(f"SELECT '{text}'",))
    change = ReviewedChange(sign="+", kind="table", text=f"table {x}", table=x, line=1)
    step = RehearsedStep(revision="1", name=x, problems=(x,), lost=(x,), notes=(x,))
    before = [table(f"a{text}", text, f"i{text}"), table(f"b{text}", text, f"j{text}")]
    after = [table(f"a{text}", f"{text}2", f"i{text}", f"k{text}"), table(f"c{text}", text, "i")]
    return Review(
        subject="migrations",
        title=x,
        databases=(x,),
        migrations=(
            ReviewedMigration(
                name=x, revision="1", message=x, file=x, phase=x, changes=(change,), sql=(sql,)
            ),
            ReviewedMigration(
                name="y",
                revision="2",
                message=x,
                file=x,
                sql=(MigrationSql(database=x, problem=x),),
            ),
        ),
        changes=(change,),
        sql=(sql,),
        losses=(DataLoss(kind="table", place=x, message=x, problem=x),),
        findings=(finding,),
        rehearsal=RehearsedHistory(steps=(step,), problems=(x,), not_reached=(x,), notes=(x,)),
        notes=(x,),
        problems=(Problem(part=x, message=x, hint=x),),
        picture=Picture(
            before={item.name: item for item in before},
            after={item.name: item for item in after},
            names=NameMap(tables={before[1].name: after[1].name}),
        ),
    )


class _Page(HTMLParser):
    """Collects the elements of a page, and whether an attribute is an event handler."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "href"]


def elements(html: str) -> Counter[str]:
    page = _Page()
    page.feed(html)
    page.close()
    assert page.handlers == []
    return page.found


def tokens(markdown: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(markdown)


def blocks(markdown: str) -> list[str]:
    """Return the kinds of blocks and inline parts of Markdown; code and plain text are one kind."""
    found: list[str] = []
    for token in tokens(markdown):
        kinds = [child.type for child in token.children or []]
        plain = {"text", "text_special", "code_inline"}
        found.append(token.type)
        found += [kind for kind in kinds if kind not in plain]
    return found


def lines_of_mermaid(markdown: str) -> list[str]:
    [fence] = [token.content for token in tokens(markdown) if token.info == "mermaid"]
    return fence.splitlines()


MERMAID = (
    re.compile(r"erDiagram"),
    re.compile(r'    t\d+\["[^"\\<>`{}%]*"\] \{'),
    re.compile(r'        [A-Za-z]\w* [A-Za-z]\w*( (PK|FK)(, FK)?)?( "[^"\\<>`{}%]*")?'),
    re.compile(r"    \}"),
    re.compile(r'    t\d+ \|\|--o\{ t\d+ : "[^"\\<>`{}%]*"'),
)


@pytest.fixture(scope="module")
def plain() -> dict[str, str]:
    """Return the reports of the review with a plain text."""
    review = review_of("y")
    return {name: render_report(review, name) for name in ("markdown", "html")}  # type: ignore[arg-type]


@SETTINGS
@given(ANY)
@example("\n```\n</details>\n<script>alert(1)</script>")
@example("` | ``x`")
def test_markdown(plain: dict[str, str], text: str) -> None:
    """The blocks are those of a report with plain names, and the diagram has no other line."""
    markdown = render_report(review_of(text), "markdown")
    assert is_harmless(markdown)
    assert blocks(markdown) == blocks(plain["markdown"])
    for line in lines_of_mermaid(markdown):
        assert any(kind.fullmatch(line) for kind in MERMAID), line


@SETTINGS
@given(ANY)
def test_html(plain: dict[str, str], text: str) -> None:
    """No element, no attribute with code and no character with an effect is added."""
    html = render_report(review_of(text), "html")
    assert is_harmless(html) and elements(html) == elements(plain["html"])
    svg = render_erd({Name(text): table(text, text, text)}, "svg")
    assert svg is not None and is_harmless(svg)
    ET.fromstring(svg.encode("utf-8", "strict"))


@SETTINGS
@given(ANY)
def test_data(text: str) -> None:
    """JSON, SARIF and JUnit can be parsed; each annotation of GitHub is one line."""
    review = review_of(text)
    for name in ("json", "sarif"):
        output = render_report(review, name)  # type: ignore[arg-type]
        assert is_harmless(output)
        json.loads(output)
    junit = render_report(review, "junit")
    assert is_harmless(junit)
    assert [case.tag for case in ET.fromstring(junit)[0]] == ["testcase"] * 4
    github = render_report(review, "github")
    assert is_harmless(github) and github.count("\n") == len(github.splitlines()) == 3
    for line in github.splitlines():
        assert re.fullmatch(r"::(error|warning|notice) [^:]*::.*", line), line


@settings(max_examples=300, deadline=None)
@given(ANY)
def test_one_text_in_each_target(text: str) -> None:
    """Code in a cell of Markdown, a string of Mermaid, and a command of GitHub."""
    cell = tokens(f"|a|b|\n|-|-|\n|x{markdown_code(text)}x|y|\n")
    inline = [token for token in cell if token.type == "inline"]
    assert len(inline) == 4 and [token.type for token in cell].count("tr_open") == 2
    children = inline[2].children or []
    assert {child.type for child in children} <= {"text", "text_special", "code_inline"}
    shown = "".join(child.content for child in children)
    assert shown.split() == f"x{one_line(text)}x".split()
    assert re.fullmatch(r"(?:[\w .,/()=+-]|#\d+;)*", mermaid_text(text))
    decoded = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), mermaid_text(text))
    assert decoded == one_line(text)
    assert not re.search(r"[\r\n]", github_message(text))
    assert not re.search(r"[\r\n:,]", github_property(text))
