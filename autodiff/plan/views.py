"""Views that are added, removed or altered, as steps."""

from __future__ import annotations

from autodiff.plan.order import order_views
from autodiff.plan.phases import Phase, Steps
from autodiff.schema.changes import ViewAdded, ViewAltered, ViewRemoved
from autodiff.schema.operations import CreateView, DropView

__all__ = ["plan_view", "sort_views"]


def plan_view(change: ViewAdded | ViewRemoved | ViewAltered, steps: Steps) -> None:
    """What changes is dropped and created: no database alters the columns of a view freely."""
    if isinstance(change, ViewAdded):
        steps.add(Phase.CREATE_VIEWS, CreateView(view=change.view))
        return
    old = change.view if isinstance(change, ViewRemoved) else change.before
    drop = DropView(name=old.name, materialized=old.materialized, view=old)
    steps.add(Phase.DROP_VIEWS, drop)
    if isinstance(change, ViewAltered):
        steps.add(Phase.CREATE_VIEWS, CreateView(view=change.after))


def sort_views(steps: Steps) -> None:
    """Views are created behind those that they read, and dropped before them."""
    created = [s for s in steps.by_phase.get(Phase.CREATE_VIEWS, []) if isinstance(s, CreateView)]
    ordered = order_views({step.view.name: step.view for step in created})
    steps.by_phase[Phase.CREATE_VIEWS] = [CreateView(view=view) for view in ordered]
    dropped = {
        step.name: step
        for step in steps.by_phase.get(Phase.DROP_VIEWS, [])
        if isinstance(step, DropView)
    }
    old = order_views({name: step.view for name, step in dropped.items() if step.view})
    steps.by_phase[Phase.DROP_VIEWS] = [dropped[view.name] for view in reversed(old)]
