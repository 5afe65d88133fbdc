"""Render a review in one of the formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autodiff.report.review import Review
    from autodiff.schema.objects import Name, Table

__all__ = ["FORMATS", "ErdFormat", "ReportFormat", "render_erd", "render_report"]

ReportFormat: TypeAlias = Literal["markdown", "html", "json", "sarif", "github", "junit"]
ErdFormat: TypeAlias = Literal["mermaid", "svg", "html"]
FORMATS: tuple[ReportFormat, ...] = get_args(ReportFormat)


def render_report(review: Review, format: ReportFormat) -> str:
    """Return a review as text; the same review always gives the same text.

    A format is imported when it is used.
    """
    match format:
        case "markdown":
            from autodiff.report.markdown import render_markdown

            return render_markdown(review)
        case "html":
            from autodiff.report.html import render_html

            return render_html(review)
        case "json":
            from autodiff.report.data import render_json

            return render_json(review)
        case "sarif":
            from autodiff.report.sarif import render_sarif

            return render_sarif(review)
        case "github":
            from autodiff.report.github import render_github

            return render_github(review)
        case "junit":
            from autodiff.report.junit import render_junit

            return render_junit(review)


def render_erd(tables: Mapping[Name, Table], format: ErdFormat) -> str | None:
    """Return the diagram of tables; None for SVG if nothing that arranges diagrams is installed."""
    from autodiff.report.diagram import draw_tables

    title = counted(len(tables), "table")
    match format:
        case "mermaid":
            from autodiff.report.mermaid import render_mermaid

            return f"{render_mermaid(draw_tables(tables))}\n"
        case "svg":
            from autodiff.report.svg import render_svg

            return render_svg(draw_tables(tables), title)
        case "html":
            from autodiff.report.html import render_erd_html

            return render_erd_html(tables, title)
