"""Files by glob: below the project, below an installed package, or on any fsspec file system."""

from __future__ import annotations

import glob
from importlib.util import find_spec
from pathlib import Path

from perennial.declare.project import Project
from perennial.declare.sources import SOURCES, Source
from perennial.errors import DeclarationError, UnavailableError
from perennial.keep.fingerprints import of_file
from perennial.land.delivery import Delivery, blocks, digested
from perennial.land.environment import expand, hidden
from perennial.land.landed import Delivered
from perennial.land.unpacking import unpack


def local(project: Project, source: Source, folder: Path) -> Delivery:
    """The local files that the declared path matches, in the order of their names."""
    place = source.land.place
    package = place.package
    root = package_folder(package, source.name) if package else project.root
    pattern = root / expand(str(place.path), source.name)
    delivery = Delivery()
    for path in sorted(Path(each) for each in glob.glob(str(pattern), recursive=True)):
        if not path.is_file():
            continue
        shown = hidden(project.shown(path), str(place.path))
        name = f"{package}:{path.relative_to(root).as_posix()}" if package else shown
        delivery.add(_read_in_place(path, name, folder))
    return delivery


def package_folder(package: str, source: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DeclarationError(
            [f"{SOURCES}: {source}.land.from.package {package!r} is not an installed package"]
        )
    return Path(next(iter(spec.submodule_search_locations)))


def remote(source: str, declared: str, folder: Path) -> Delivery:
    """The files that an fsspec URL matches, copied into `folder`."""
    import fsspec

    delivery = Delivery()
    try:
        system, pattern = fsspec.core.url_to_fs(expand(declared, source))
        for number, path in enumerate(sorted(system.glob(pattern))):
            if system.isdir(path):
                continue
            name = hidden(system.unstrip_protocol(path), declared)
            target = folder / f"remote-{number}"
            with system.open(path, "rb") as opened:
                delivered = digested(blocks(opened), name, target)
            delivery.files.append(delivered)
            delivery.parts += unpack(target, name, folder / f"unpacked-{number}")
    except (OSError, ValueError, ImportError) as error:
        message = f"{source}: {declared} cannot be read ({type(error).__name__}: {error})"
        raise UnavailableError(
            hidden(message, declared)
        ) from None  # the cause may hold what must stay hidden
    return delivery


def _read_in_place(path: Path, name: str, folder: Path) -> Delivery:
    try:
        before = path.stat()
        delivered = Delivered(file=name, bytes=before.st_size, sha256=of_file(path))
    except OSError as error:
        raise UnavailableError(f"{name}: cannot be read ({error.strerror})") from error
    parts = unpack(path, name, folder / "unpacked")
    return Delivery(parts=parts, files=[delivered], in_place={path: before})
