"""One migration in place of several: what they add up to, under a new revision."""

from autodiff.commands.squash.squash import Squash, SquashRequest, squash_range

__all__ = ["Squash", "SquashRequest", "squash_range"]
