"""Check a rolling deploy: the models of a git revision beside the pending migrations."""

from autodiff.commands.against.report import RollingDeploy

__all__ = ["RollingDeploy"]
