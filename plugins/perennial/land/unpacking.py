"""Delivered files made readable: decompressed, or taken out of a .zip."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from perennial.errors import ContractBrokenError
from perennial.land.delivery import Part

BLOCK = 1 << 20


OPENERS: dict[str, Callable[[str], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": partial(pa.input_stream, compression="zstd"),
}

DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)


def unpack(path: Path, name: str, folder: Path) -> list[Part]:
    """The readable parts of a delivered file; what has to be unpacked goes to `folder`.

    `name` decides by its suffix: .gz, .bz2, .xz and .zst hold one part, a .zip one per member.
    Raises `ContractBrokenError` when the file is damaged.
    """
    suffix = Path(name.split("?")[0]).suffix.lower()
    try:
        if suffix == ".zip":
            return _members(path, name, folder)
        if suffix in OPENERS:
            with OPENERS[suffix](str(path)) as packed:
                return [_copied(packed, name, name, folder)]
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault, not the file's
        raise ContractBrokenError(
            f"{name}: cannot be unpacked, is it complete? ({type(error).__name__}: {error})"
        ) from error
    return [Part(name=name, path=path, file=name)]


def _members(path: Path, name: str, folder: Path) -> list[Part]:
    with zipfile.ZipFile(path) as archive:
        members = sorted(
            each.filename
            for each in archive.infolist()
            if not each.is_dir() and not each.filename.startswith("__MACOSX/")
        )
        parts = []
        for member in members:
            with archive.open(member) as packed:
                parts.append(_copied(packed, f"{name}!{member}", name, folder))
        return parts


def _copied(packed: IO[bytes], name: str, file: str, folder: Path) -> Part:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, target = tempfile.mkstemp(dir=folder)
    with open(descriptor, "wb") as plain:
        shutil.copyfileobj(packed, plain, BLOCK)
    return Part(name=name, path=Path(target), file=file)
