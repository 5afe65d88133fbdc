"""Run the same migrations on many databases, the targets of the configuration.

`Project` calls `run_all`, `status_all` and `recorded_run`; `targets_of` returns the targets.
"""

from autodiff.fleet.losses import FleetLosses, losses_of_all
from autodiff.fleet.migrate import run_all
from autodiff.fleet.requests import FleetOptions, FleetRequest
from autodiff.fleet.results import (
    FleetEvent,
    FleetListener,
    Outcome,
    Outcomes,
    TargetFinished,
    TargetProgress,
    TargetStarted,
    TargetStatus,
    WaitingForCanaries,
)
from autodiff.fleet.shards import parse_shard
from autodiff.fleet.sources import targets_of
from autodiff.fleet.statuses import recorded_run, status_all
from autodiff.fleet.targets import Shard, Target, shard_of

__all__ = [
    "FleetEvent",
    "FleetListener",
    "FleetLosses",
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
    "WaitingForCanaries",
    "losses_of_all",
    "parse_shard",
    "recorded_run",
    "run_all",
    "shard_of",
    "status_all",
    "targets_of",
]
