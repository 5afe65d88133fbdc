"""Schema x Schema -> Change: the differences. Nothing here connects to a database."""

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
    unambiguous_enum_renames,
)
from autodiff.compare.fast_path import equal_tables, with_tables, without_tables
from autodiff.compare.inheritance import without_inherited_columns, without_repeated_parts
from autodiff.compare.known_texts import with_known_texts
from autodiff.compare.merged_uniques import without_merged_uniques
from autodiff.compare.name_case import adopt_case, adopt_table_case, with_current_case
from autodiff.compare.partitions import without_declared_partitions, without_partitions
from autodiff.compare.renames import (
    AnyRename,
    Candidate,
    Rename,
    name_map_of,
    parse_rename,
    rename_candidates,
    rename_tables_and_columns,
    temporary_renames,
    without_temporary_names,
)
from autodiff.compare.repeated_constraints import without_repeated_constraints
from autodiff.compare.schemas import (
    DescribedObjects,
    PossibleDifferences,
    adopt_current_names,
    compare_schemas,
    find_possible_differences,
    schema_as_desired,
)
from autodiff.compare.serials import with_serials_as_declared
from autodiff.compare.shared_names import with_names_for_new_tables
from autodiff.compare.unreflected import without_unreflected_constraints
from autodiff.compare.unspecified import adopt_unspecified

__all__ = [
    "AnyRename",
    "Candidate",
    "DescribedObjects",
    "EnumRename",
    "PossibleDifferences",
    "Rename",
    "Value",
    "ValueRename",
    "adopt_case",
    "adopt_current_names",
    "adopt_table_case",
    "adopt_unspecified",
    "apply_all_renames",
    "compare_schemas",
    "equal_tables",
    "find_possible_differences",
    "name_map_of",
    "parse_rename",
    "rename_before",
    "rename_candidates",
    "rename_tables_and_columns",
    "resolve_maps",
    "schema_as_desired",
    "temporary_renames",
    "unambiguous_enum_renames",
    "value_after",
    "with_current_case",
    "with_known_texts",
    "with_names_for_new_tables",
    "with_serials_as_declared",
    "with_tables",
    "without_declared_partitions",
    "without_inherited_columns",
    "without_merged_uniques",
    "without_partitions",
    "without_repeated_constraints",
    "without_repeated_parts",
    "without_tables",
    "without_temporary_names",
    "without_unreflected_constraints",
]
