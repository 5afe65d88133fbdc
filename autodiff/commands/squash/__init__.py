"""One migration in place of several: what they add up to, under a new revision."""

from autodiff.commands.squash.squash import Squash, SquashRequest, squash

__all__ = ["Squash", "SquashRequest", "squash"]
