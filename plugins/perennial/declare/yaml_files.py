"""Reads one YAML file; what is no YAML is told with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from perennial.errors import DeclarationError


class _Loader(yaml.SafeLoader):
    """Safe loading that refuses a key that stands twice (YAML would let the last one win)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value!r} stands here twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path, shown: str) -> Any:
    """The YAML document at `path`; a syntax mistake names file, line and column."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # it is a safe one
    except FileNotFoundError as error:
        raise DeclarationError([f"{shown}: the file does not exist"]) from error
    except UnicodeDecodeError as error:
        raise DeclarationError([f"{shown}: is not UTF-8 text ({error.reason})"]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise DeclarationError([f"{shown}:{where}: not valid YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise DeclarationError([f"{shown}: not valid YAML: {reason}"]) from error
