"""Schema x Schema -> Change: what differs. Pure: nothing here talks to a database."""

from autodiff.compare.apply_renames import (
    apply_all_renames,
    rename_before,
    resolve_maps,
    value_after,
)
from autodiff.compare.enum_values import Value
from autodiff.compare.enums import (
    EnumRename,
    ValueRename,
    certain_enum_renames,
)
from autodiff.compare.fast_path import tables_alike, with_tables, without_tables
from autodiff.compare.name_case import adopt_case
from autodiff.compare.null_types import adopt_types
from autodiff.compare.partitions import partitions_left_alone
from autodiff.compare.renames import (
    AnyRename,
    Candidate,
    Rename,
    candidates,
    name_map_of,
    parse_rename,
    rename_tables_and_columns,
    set_aside,
    without_spares,
)
from autodiff.compare.schemas import (
    Described,
    Doubts,
    adopt_current_names,
    compare_schemas,
    find_possible_differences,
    unspoken_left_alone,
    wanted_again,
)

__all__ = [
    "AnyRename",
    "Candidate",
    "Described",
    "Doubts",
    "EnumRename",
    "Rename",
    "Value",
    "ValueRename",
    "adopt_case",
    "adopt_current_names",
    "adopt_types",
    "apply_all_renames",
    "candidates",
    "certain_enum_renames",
    "compare_schemas",
    "find_possible_differences",
    "name_map_of",
    "parse_rename",
    "partitions_left_alone",
    "rename_before",
    "rename_tables_and_columns",
    "resolve_maps",
    "set_aside",
    "tables_alike",
    "unspoken_left_alone",
    "value_after",
    "wanted_again",
    "with_tables",
    "without_spares",
    "without_tables",
]
