"""Put together what a report shows: of migrations, or of drift."""

from autodiff.commands.review.drift import review_drift
from autodiff.commands.review.migrations import ReviewRequest, review_migrations

__all__ = ["ReviewRequest", "review_drift", "review_migrations"]
