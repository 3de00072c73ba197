"""Fills the online store as of a moment, out of the lake."""

from __future__ import annotations

import contextlib
import io
import os
from datetime import UTC, date, datetime, time
from typing import Any

from perennial.declare.project import Project
from perennial.features.repository import open_store
from perennial.keep import locks


def refill(project: Project, moment: datetime, *, only_slow: bool = False) -> list[str]:
    """Make the online store show what was known at `moment`; returns the views it filled.

    With `only_slow` the views whose values change within the day are left to the freshener, and
    nothing is forgotten. Without it everything is forgotten first, so that it can also go back.
    """
    store = open_store(project)
    views = _online_views(store, only_slow=only_slow)
    if not only_slow:
        _clear(store, views)
    return _fill(store, views, moment)


def bring_up_to(project: Project, night: str) -> list[str]:
    """Bring the online store up to the first moment of `night`; returns the views it filled.

    Nothing is forgotten and an older value never replaces a newer one, so that neither a past night
    nor what the freshener has pushed since is disturbed; what it was not told of, such as the last
    events before its story begins, comes from the lake. Twice is the same as once.
    """
    moment = datetime.combine(date.fromisoformat(night), time(), UTC)
    with locks.exclusive(project.var / "locks", "features"):
        store = open_store(project)
        return _fill(store, _online_views(store, only_slow=False), moment)


def _online_views(store: Any, *, only_slow: bool) -> list[Any]:
    return [
        view
        for view in store.list_feature_views()
        if view.online and not (only_slow and view.stream_source is not None)
    ]


def _fill(store: Any, views: list[Any], moment: datetime) -> list[str]:
    os.environ.setdefault("TQDM_DISABLE", "1")
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
