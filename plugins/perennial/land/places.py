"""Where a source is read from: files, a database, an address. One answer for all: a `Delivery`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from perennial.declare.project import Project
from perennial.declare.sources import Source
from perennial.land import database, folders, web
from perennial.land.delivery import Delivery


def deliver(project: Project, source: Source, since: date, end: date, folder: Path) -> Delivery:
    """Everything that `source` delivers now; copies of what is not on this machine go to `folder`.

    `since` and `end` bound the days that are looked at: a declared query may use them.
    A glob that matches nothing gives an empty delivery. Raises `UnavailableError` when the place
    does not answer and `ContractBrokenError` when a file is damaged.
    """
    place = source.land.place
    if place.sql:
        return database.query(source, since, end, folder)
    address = str(place.url or place.path)
    if place.url or address.startswith(("http://", "https://")):
        return web.download(source.name, address, folder)
    if "://" in address:
        return folders.remote(source.name, address, folder)
    return folders.local(project, source, folder)
