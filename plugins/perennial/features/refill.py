"""Fills the online store as of a moment, out of the lake."""

from __future__ import annotations

import contextlib
import io
import os
from datetime import UTC, datetime
from typing import Any

from perennial.declare.project import Project
from perennial.features.repository import open_store


def refill(project: Project, moment: datetime, *, only_slow: bool = False) -> list[str]:
    """Make the online store show what was known at `moment`; returns the views it filled.

    With `only_slow` the views whose values change within the day are left to the freshener, and
    nothing is forgotten. Without it everything is forgotten first, so that it can also go back.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    store = open_store(project)
    views = [
        view
        for view in store.list_feature_views()
        if view.online and not (only_slow and view.stream_source is not None)
    ]
    if not only_slow:
        _clear(store, views)
    if views:
        store.config.materialization_config.pull_latest_features = True  # not the whole history
        with contextlib.redirect_stdout(io.StringIO()):  # Feast prints its progress
            store.materialize(
                start_date=datetime(1970, 1, 1, tzinfo=UTC),
                end_date=moment,
                feature_views=[view.name for view in views],
            )
    return sorted(view.name for view in views)


def _clear(store: Any, views: list[Any]) -> None:
    online = store._get_provider().online_store
    if hasattr(online, "clear"):
        online.clear(store.config, views)
    else:  # other stores forget their keys by Feast's own teardown
        online.teardown(store.config, views, store.list_entities())
