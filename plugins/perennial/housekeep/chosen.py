"""A file or folder that is to go."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Chosen:
    """What is to go, and why."""

    path: Path
    why: str

    def remove(self) -> int:
        """Remove it; how many bytes it held. What is gone already is 0."""
        if self.path.is_dir():
            size = sum(each.stat().st_size for each in self.path.rglob("*") if each.is_file())
            shutil.rmtree(self.path)
            return size
        if not self.path.exists():
            return 0
        size = self.path.stat().st_size
        self.path.unlink()
        return size
