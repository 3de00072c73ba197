"""Where a training stands, on disk: written whole or not at all, trusted only when it is intact."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

from perennial.keep.fingerprints import of_bytes

NAME = "stand"
"""Three parts: the digest of what follows, the facts as one line of JSON, the tensors as safe
tensors."""

DIGEST_LENGTH = 64


@dataclass(frozen=True)
class Stand:
    """Tensors by name, and a few facts beside them that JSON can hold."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def write(folder: Path, stand: Stand) -> None:
    """Make `stand` what `folder` holds; whoever is killed meanwhile leaves the earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: each.detach().cpu().contiguous() for name, each in stand.tensors.items()}
    content = json.dumps(stand.facts).encode() + b"\n" + save(tensors)
    aside = folder / f".{NAME}.part"
    with aside.open("wb") as file:
        file.write(of_bytes(content).encode())
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, folder / NAME)
    _flush(folder)


def read(folder: Path) -> Stand | None:
    """What `folder` holds; None when there is nothing, or bytes differ from their digest."""
    try:
        content = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    digest, content = content[:DIGEST_LENGTH], content[DIGEST_LENGTH:]
    if of_bytes(content).encode() != digest:
        return None
    facts, _, tensors = content.partition(b"\n")
    return Stand(load(tensors), json.loads(facts))


def _flush(folder: Path) -> None:
    """Let the new name outlive a power cut."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
