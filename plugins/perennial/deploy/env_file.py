"""Writes `.env`, from which docker-compose.yaml takes its secrets: random, for its owner's eyes.

Run as a file by any Python (`make secrets`), so that a machine with nothing but Docker can do it.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

PASSWORDS = ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "AIRFLOW_PASSWORD")
KEYS = ("AIRFLOW_SECRET_KEY", "AIRFLOW_JWT_SECRET")
FERNET = "AIRFLOW_FERNET_KEY"
SECRETS = (*PASSWORDS, *KEYS, FERNET)


def write_secrets(file: Path) -> list[str]:
    """Give each secret that has no value in `file` a random one; the names of those.

    A value that stands there stays as it is. Twice is the same as once.
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    given = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
    new = [name for name in SECRETS if not given.get(name, "").strip()]
    if new:
        lines = [line for line in lines if line.split("=")[0] not in new]
        lines += [f"{name}={_value(name)}" for name in new]
        _replace(file, "\n".join(lines) + "\n")
    return new


def _value(name: str) -> str:
    """Random, and of letters that need no quoting in addresses, YAML and shells."""
    if name == FERNET:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(16 if name in PASSWORDS else 32)


def _replace(file: Path, content: str) -> None:
    """Nobody else can read it at any moment, and a stopped process leaves the old file."""
    beside = file.with_name(f"{file.name}.{os.getpid()}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(content)
    os.replace(beside, file)


def main(arguments: list[str]) -> None:
    """Write the file that is named, and say what was done, not what is in it."""
    file = Path(arguments[0])
    new = write_secrets(file)
    told = f"wrote {', '.join(new)}" if new else "every secret is there already"
    sys.stdout.write(f"{file}: {told}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
