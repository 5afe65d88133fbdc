"""Show a review of migrations or of drift: as Markdown, HTML, JSON, SARIF, GitHub's or JUnit's.

Every format is a function of one `Review`, which `autodiff.commands.review` puts together.
"""

from autodiff.report.diagram import Diagram, draw_changes, draw_tables
from autodiff.report.formats import FORMATS, ReportFormat, render_erd, render_report
from autodiff.report.review import (
    MigrationSql,
    Picture,
    Problem,
    Review,
    ReviewedChange,
    ReviewedMigration,
)

__all__ = [
    "FORMATS",
    "Diagram",
    "MigrationSql",
    "Picture",
    "Problem",
    "ReportFormat",
    "Review",
    "ReviewedChange",
    "ReviewedMigration",
    "draw_changes",
    "draw_tables",
    "render_erd",
    "render_report",
]
