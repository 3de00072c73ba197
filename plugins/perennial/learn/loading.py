"""Families by name, and a verified model out of its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from perennial.errors import IntegrityError
from perennial.learn.contract import Fit, Learner, Transfer, Way
from perennial.learn.recalibrated import CALIBRATION, Recalibrated
from perennial.learn.variants.making import VARIANT
from perennial.learn.variants.offered import variant_class
from perennial.learn.version_files import VersionFiles, read

ADAPTER = "adapter_config.json"
"""The file, as peft names it, of a network that has adapters beside its weights."""

INT8 = "network.int8.safetensors"
"""The file of a network whose large weights are whole numbers of eight bits."""

FEATURES = "features.json"
"""The file in which every family names itself, its task and its inputs."""


def load_model(folder: Path) -> Learner:
    """The model in `folder`, parsed from the very bytes whose digests were verified.

    Raises UnavailableError or IntegrityError (see `version_files.read`); nothing is parsed then.
    """
    return parse_model(read(folder))


def parse_model(version: VersionFiles) -> Learner:
    """The model that verified files hold."""
    try:
        family = family_of(version.files)
    except (KeyError, ValueError, TypeError) as error:
        raise IntegrityError(f"{version.version}: {FEATURES} names no family") from error
    if CALIBRATION in version.files:
        return Recalibrated.load(version.files)
    return _loader(family, version.files).load(version.files)


def parse_original(version: VersionFiles) -> Learner:
    """The model as its family keeps it, also where it answers in another form (`variant.json`).

    That is what learning goes on from: machine code and graphs cannot learn.
    """
    files = {name: content for name, content in version.files.items() if name != VARIANT}
    return parse_model(VersionFiles(version.digest, files, version.manifest))


def uncalibrated(files: Mapping[str, bytes]) -> Learner:
    """The model without the line that its raw scores go through, if they go through one."""
    return _loader(family_of(files), files).load(files)


def _loader(family: str, files: Mapping[str, bytes]) -> type[Learner]:
    if family == "torch" and ADAPTER in files and VARIANT not in files:
        from perennial.learn.network.adapted import AdaptedLearner

        return AdaptedLearner
    if family == "torch" and INT8 in files:
        from perennial.learn.network.quantized import QuantizedLearner

        return QuantizedLearner
    return variant_class(files) if VARIANT in files else learner_class(family)


def family_of(files: Mapping[str, bytes]) -> str:
    """The family that a version's files name."""
    return str(json.loads(files[FEATURES])["family"])


def learner_class(family: str) -> type[Learner]:
    """The class of a family's learners."""
    if family == "lightgbm":
        from perennial.learn.lightgbm_learner import LightGBMLearner

        return LightGBMLearner
    if family == "torch":
        from perennial.learn.network.learner import NetworkLearner

        return NetworkLearner
    raise ValueError(f"family must be lightgbm or torch, got {family!r}")


def fit_of(family: str) -> Fit:
    """How a family learns."""
    if family == "lightgbm":
        from perennial.learn.lightgbm_fitting import fit

        return fit
    if family == "torch":
        from perennial.learn.network.fitting import fit as fit_network

        return fit_network
    raise ValueError(f"family must be lightgbm or torch, got {family!r}")


def transfer_of(family: str) -> Transfer:
    """How a family starts from what another model has learned."""
    if family == "torch":
        from perennial.learn.network.strategies.transferring import transfer

        return transfer
    raise ValueError(f"family must be torch, got {family!r}")


def ways_of(family: str) -> dict[str, Way]:
    """How a family goes on from a champion, each strategy by its name."""
    if family == "lightgbm":
        from perennial.learn.lightgbm_strategies import WAYS

        return WAYS
    if family == "torch":
        from perennial.learn.network.strategies.table import WAYS as OF_NETWORKS

        return OF_NETWORKS
    raise ValueError(f"family must be lightgbm or torch, got {family!r}")
