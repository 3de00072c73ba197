"""The signature over a Bento: an OpenSSF model signature with the project's own key.

The key is made on first use below `var/secrets/`; who wants it elsewhere puts a PEM file of a
NIST P-256 key there beforehand. Every file of the Bento is covered: an extra file, a compiled one
too, breaks the signature, so a server must run with PYTHONDONTWRITEBYTECODE=1.
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.errors import IntegrityError
from perennial.keep import locks
from perennial.keep.ledger import bento_folder
from perennial.learn import version_files

PRIVATE, PUBLIC = "signing.pem", "signing.pub.pem"


def signature_file(project: Project, model: str, version: str) -> Path:
    """Where the signature of a version's Bento is kept: beside the Bentos, not among them."""
    return project.var / "bentoml" / "signatures" / model / f"{version}.sig"


def sign_bento(project: Project, model: str, version: str) -> None:
    """Sign the Bento of a version; the signature appears whole or not at all."""
    signing: Any = import_module("model_signing.signing")  # it says it is typed; half of it is
    target = signature_file(project, model, version)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    config = signing.Config().set_hashing_config(_every_file())
    config.use_elliptic_key_signer(private_key=_private_key(project))
    config.sign(bento_folder(project, model, version), beside)
    os.replace(beside, target)


def verify_bento(project: Project, model: str, version: str) -> Path:
    """The folder of a version's Bento, after every byte of it was held against its signature.

    Raises IntegrityError when a file differs, is missing or is extra, when the signature is not
    ours or not there, and when the Bento holds another version than its name says.
    """
    from cryptography.exceptions import InvalidSignature

    verifying: Any = import_module("model_signing.verifying")
    folder = bento_folder(project, model, version)
    signature, key = signature_file(project, model, version), _secrets(project) / PUBLIC
    for path, what in ((folder, "Bento"), (signature, "signature"), (key, "public key")):
        if not path.exists():
            raise IntegrityError(
                f"{model} {version}: there is no {what} at {project.shown(path)}, so it is not "
                "trusted; run package"
            )
    config = verifying.Config().set_hashing_config(_every_file())
    try:
        config.use_elliptic_key_verifier(public_key=key).verify(folder, signature)
    except InvalidSignature as error:
        raise IntegrityError(f"{model} {version}: its signature is not by this project") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise IntegrityError(f"{model} {version}: its signature does not hold: {error}") from error
    held = version_files.read(folder / "src" / "model").version
    if held != version:
        raise IntegrityError(f"{model} {version}: its Bento holds version {held}")
    return folder


def _every_file() -> Any:
    hashing: Any = import_module("model_signing.hashing")
    # The default leaves out .gitignore and the like, through which a file could slip in.
    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


def _private_key(project: Project) -> Path:
    folder = _secrets(project)
    with locks.exclusive(project.var / "locks", "secrets"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (folder / PRIVATE).exists():
            _write_secret(folder / PRIVATE, _new_key())
        if not (folder / PUBLIC).exists():
            _write_secret(folder / PUBLIC, _public_of((folder / PRIVATE).read_bytes()))
    return folder / PRIVATE


def _new_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_of(private: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(private, None).public_key()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _write_secret(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def _secrets(project: Project) -> Path:
    return project.var / "secrets"
