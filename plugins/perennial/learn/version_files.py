"""The folder of one model version: its files and a manifest with the digest of every one.

What is parsed are the very bytes that were hashed: `read` hands them out, so that nobody opens a
file again after it was verified.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from perennial.errors import IntegrityError, UnavailableError
from perennial.keep.fingerprints import of_bytes

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class VersionFiles:
    """All files of one version, verified, and the digest of those that make its answers."""

    digest: str
    """SHA-256 over the files that the learner saved: equal digests give equal answers."""
    files: Mapping[str, bytes]
    manifest: bytes

    @property
    def version(self) -> str:
        """The version's name: the digest's first twelve digits."""
        return self.digest[:12]

    @property
    def answering(self) -> dict[str, bytes]:
        """The files that make its answers, which the digest is over."""
        return {name: self.files[name] for name in json.loads(self.manifest)["answering"]}

    @property
    def beside(self) -> dict[str, bytes]:
        """The files that only tell about it."""
        answering = self.answering
        return {name: each for name, each in self.files.items() if name not in answering}


def digest_of(answering: Mapping[str, bytes]) -> str:
    """One digest over the names and bytes of the files that make the answers."""
    lines = [f"{name}\0{of_bytes(answering[name])}\n" for name in sorted(answering)]
    return of_bytes("".join(lines).encode())


def write(folder: Path, answering: Mapping[str, bytes], beside: Mapping[str, bytes]) -> str:
    """Write a version's files into the new folder `folder`, the manifest last; its digest.

    `answering` are the files that the learner saved; `beside` those that only tell about it.
    Everything is flushed to disk before this returns. Raises ValueError for a name in both, since
    the digest would be of other bytes than those that are written.
    """
    if shared := sorted(answering.keys() & beside.keys()):
        raise ValueError(f"{', '.join(shared)} cannot both answer and lie beside what answers")
    folder.mkdir(parents=True)
    files = {**answering, **beside}
    manifest = {
        "format": FORMAT,
        "digest": digest_of(answering),
        "answering": sorted(answering),
        "files": {name: of_bytes(files[name]) for name in sorted(files)},
    }
    described = (json.dumps(manifest, indent=2, sort_keys=True) + "\n").encode()
    _write_all(folder, {**files, MANIFEST: described})
    return str(manifest["digest"])


def copy(version: VersionFiles, folder: Path) -> None:
    """Write the verified bytes of a version into the new folder `folder`, its manifest as it is."""
    folder.mkdir(parents=True)
    _write_all(folder, {**version.files, MANIFEST: version.manifest})


def read(folder: Path) -> VersionFiles:
    """All files of a version, each verified; nothing is parsed but the manifest.

    Raises UnavailableError where there is no version, and IntegrityError for a file that differs,
    is missing or is extra.
    """
    if not folder.is_dir():
        raise UnavailableError(f"there is no model version in {folder.name}/")
    present = {
        path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }
    if MANIFEST not in present:
        raise IntegrityError(f"{folder.name}: has no {MANIFEST}, so nothing in it is trusted")
    content = present.pop(MANIFEST).read_bytes()
    recorded, answering, digest = _manifest(folder, content)
    mistakes = [f"{name} is missing" for name in sorted(recorded.keys() - present.keys())]
    mistakes += [f"{name} is extra" for name in sorted(present.keys() - recorded.keys())]
    files = {name: present[name].read_bytes() for name in recorded if name in present}
    mistakes += [
        f"{name} differs from its digest"
        for name, found in sorted(files.items())
        if of_bytes(found) != recorded[name]
    ]
    if not mistakes and digest_of({name: files[name] for name in answering}) != digest:
        mistakes = [f"{MANIFEST} names another digest than its files have"]
    if mistakes:
        raise IntegrityError(f"{folder.name}: {'; '.join(mistakes)}")
    return VersionFiles(digest, files, content)


def _manifest(folder: Path, content: bytes) -> tuple[dict[str, str], list[str], str]:
    try:
        manifest = json.loads(content)
        files = {str(name): str(digest) for name, digest in manifest["files"].items()}
        answering = [str(name) for name in manifest["answering"]]
        if manifest["format"] != FORMAT or not answering or not set(answering) <= files.keys():
            raise ValueError("not a manifest of this format")
        return files, answering, str(manifest["digest"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{folder.name}: {MANIFEST} cannot be read: {error}") from error


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
