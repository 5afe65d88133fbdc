"""Many databases with the same migrations: which they are, in what order, and what came of it.

`upgrade_all` and its like are called by `Project`; `targets_of` says which databases there are.
"""

from autodiff.fleet.results import (
    FleetEvent,
    FleetListener,
    Outcome,
    Outcomes,
    Standing,
    TargetFinished,
    TargetStarted,
    TargetTold,
)
from autodiff.fleet.run import Choices, FleetRequest, run_all, status_all
from autodiff.fleet.sources import targets_of
from autodiff.fleet.targets import Shard, Target, parse_shard, shard_of

__all__ = [
    "Choices",
    "FleetEvent",
    "FleetListener",
    "FleetRequest",
    "Outcome",
    "Outcomes",
    "Shard",
    "Standing",
    "Target",
    "TargetFinished",
    "TargetStarted",
    "TargetTold",
    "parse_shard",
    "run_all",
    "shard_of",
    "status_all",
    "targets_of",
]
