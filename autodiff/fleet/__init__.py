"""Run the same migrations on many databases, the targets of the configuration.

`Project` calls `run_all` and `status_all`; `targets_of` returns the targets.
"""

from autodiff.fleet.migrate import FleetOptions, FleetRequest, run_all, status_all
from autodiff.fleet.results import (
    FleetEvent,
    FleetListener,
    Outcome,
    Outcomes,
    TargetFinished,
    TargetProgress,
    TargetStarted,
    TargetStatus,
)
from autodiff.fleet.sources import targets_of
from autodiff.fleet.targets import Shard, Target, parse_shard, shard_of

__all__ = [
    "FleetEvent",
    "FleetListener",
    "FleetOptions",
    "FleetRequest",
    "Outcome",
    "Outcomes",
    "Shard",
    "Target",
    "TargetFinished",
    "TargetProgress",
    "TargetStarted",
    "TargetStatus",
    "parse_shard",
    "run_all",
    "shard_of",
    "status_all",
    "targets_of",
]
