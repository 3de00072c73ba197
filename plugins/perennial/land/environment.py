"""`${NAME}` in places: taken from the environment, and never shown."""

from __future__ import annotations

import os
import re

from perennial.declare.sources import SOURCES
from perennial.errors import DeclarationError

NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
USER = re.compile(r"(?<=://)[^/@\s]*@")


def expand(declared: str, source: str) -> str:
    """`declared` with every `${NAME}` replaced by that environment variable."""
    unset = sorted({each for each in NAME.findall(declared) if each not in os.environ})
    if unset:
        raise DeclarationError(
            [f"{SOURCES}: {source}.land.from needs the environment variable {each}, which is unset"
             for each in unset]
        )  # fmt: skip
    return NAME.sub(lambda found: os.environ[found[1]], declared)


def hidden(message: str, declared: str) -> str:
    """`message` without the values that `declared` takes from the environment, or a password."""
    for each in NAME.findall(declared):
        value = os.environ.get(each)
        if value:
            message = message.replace(value, "${" + each + "}")
    return USER.sub("***@", message)
