"""Files that the page shows as they are: only those below one folder, and of a few kinds."""

from __future__ import annotations

from pathlib import Path

KINDS = {".html": "text/html; charset=utf-8", ".css": "text/css", ".svg": "image/svg+xml",
         ".png": "image/png"}  # fmt: skip


def found_below(folder: Path, name: str) -> Path | None:
    """The file called `name` below `folder`; None when there is none, or it lies elsewhere.

    What `name` leads to is compared after links and dots are resolved, so that neither leads out.
    """
    if "\0" in name or "\\" in name:
        return None
    path = (folder / name).resolve()
    is_inside = path.is_relative_to(folder.resolve())
    is_shown = path.suffix in KINDS and path.is_file()
    return path if is_inside and is_shown else None
