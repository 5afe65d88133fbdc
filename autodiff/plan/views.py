"""Plan views that are added, removed or altered."""

from __future__ import annotations

from dataclasses import replace

from autodiff.dialects.base import Dialect
from autodiff.plan.order import order_views
from autodiff.plan.phases import Phase, PhasedOperations
from autodiff.schema.changes import ViewAdded, ViewAltered, ViewRemoved
from autodiff.schema.operations import CreateView, DropView

__all__ = ["plan_view", "sort_views"]


def plan_view(change: ViewAdded | ViewRemoved | ViewAltered, operations: PhasedOperations) -> None:
    """Plan a view. A changed view is dropped and created: no database alters its columns freely."""
    if isinstance(change, ViewAdded):
        operations.add(Phase.CREATE_VIEWS, CreateView(view=change.view))
        return
    old = change.view if isinstance(change, ViewRemoved) else change.before
    drop = DropView(name=old.name, materialized=old.materialized, view=old)
    operations.add(Phase.DROP_VIEWS, drop)
    if isinstance(change, ViewAltered):
        operations.add(Phase.CREATE_VIEWS, CreateView(view=change.after))


def sort_views(operations: PhasedOperations, dialect: Dialect) -> None:
    """Order views so that they are created after those they read, and dropped before them.

    A view that is dropped and created keeps its settings.
    """
    created = [
        s for s in operations.by_phase.get(Phase.CREATE_VIEWS, []) if isinstance(s, CreateView)
    ]
    ordered = order_views({operation.view.name: operation.view for operation in created})
    dropped = {
        operation.name: operation
        for operation in operations.by_phase.get(Phase.DROP_VIEWS, [])
        if isinstance(operation, DropView)
    }
    old = order_views(
        {name: operation.view for name, operation in dropped.items() if operation.view}
    )
    recreated = {
        view.name
        for view in ordered
        if view.name in dropped and dropped[view.name].materialized == view.materialized
    }
    kept = recreated if dialect.features.view_settings else set()
    operations.by_phase[Phase.DROP_VIEWS] = [
        replace(dropped[view.name], keeps_settings=view.name in kept) for view in reversed(old)
    ]
    operations.by_phase[Phase.CREATE_VIEWS] = [
        CreateView(view=view, restores_settings=view.name in kept) for view in ordered
    ]
