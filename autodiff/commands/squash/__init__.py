"""Replace several migrations with one equivalent migration."""

from autodiff.commands.squash.squash import Squash, SquashRequest, squash_range

__all__ = ["Squash", "SquashRequest", "squash_range"]
