"""Schema x Schema -> Change: what differs. Pure: nothing here talks to a database."""

from autodiff.compare.casing import adopt_case
from autodiff.compare.partitions import partitions_left_alone
from autodiff.compare.renames import (
    Candidate,
    Rename,
    apply_renames,
    candidates,
    parse_rename,
    set_aside,
    without_spares,
)
from autodiff.compare.schemas import (
    Described,
    Doubts,
    compare,
    doubts,
    resolve,
    unspoken_left_alone,
    wanted_again,
)
from autodiff.compare.untyped import adopt_types

__all__ = [
    "Candidate",
    "Described",
    "Doubts",
    "Rename",
    "adopt_case",
    "adopt_types",
    "apply_renames",
    "candidates",
    "compare",
    "doubts",
    "parse_rename",
    "partitions_left_alone",
    "resolve",
    "set_aside",
    "unspoken_left_alone",
    "wanted_again",
    "without_spares",
]
