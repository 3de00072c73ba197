"""Only what was signed is deployed or served; what is not is refused, and people are told."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from perennial.declare.project import Project
from perennial.errors import IntegrityError
from perennial.keep import distrust
from perennial.keep.ledger import Ledger


def must_be_as_signed(project: Project, ledger: Ledger, model: str, version: str, by: str) -> Path:
    """The folder of the version's Bento, every byte of which is what was signed.

    Nothing in it is parsed or run before. Raises `IntegrityError` when it is not, which is then in
    the ledger's audit, and told by `perennial status` until the version holds again.
    """
    from perennial.package import verify_bento

    try:
        folder = verify_bento(project, model, version)
    except IntegrityError as error:
        try:
            distrust.refuse(ledger, model, version, by, str(error)[:1000])
        except SQLAlchemyError as lost:  # it is refused all the same
            error.add_note(f"this could not be put on record: {lost}")
        raise
    distrust.hold(ledger, model, version, by)
    return folder
