"""What was found, as YAML: to paste, or written into the declaration, its comments kept."""

from __future__ import annotations

from typing import Any, get_args

import yaml

from perennial.declare.project import Project
from perennial.declare.strategies import Family
from perennial.declare.yaml_files import load_yaml
from perennial.errors import ContractBrokenError
from perennial.keep.files import replace_text
from perennial.train.tuning.tuned import Tuned


def snippet(report: Tuned) -> str:
    """The parameters as they would stand in the model's YAML, below the name of their learner.

    So they go beside those of another family, which a change of the learner needs.
    """
    declared = {"train": {"parameters": {report.learner: report.parameters}}}
    return str(yaml.safe_dump(declared, sort_keys=False, allow_unicode=True))


def write_into_declaration(report: Tuned, project: Project | None = None) -> Tuned:
    """Declare the found parameters in `models/<model>.yaml`; the report that says so.

    Only their values change and new ones follow the last; comments, order and quotes stay. Nothing
    is written when the declared parameters were the best, or the best is worse beyond doubt on
    days that it was not chosen by. Raises ContractBrokenError when the file cannot be kept whole.
    """
    if report.verdict in ("declared", "worse"):
        return report
    project = project or Project.find()
    path = project.root / "models" / f"{report.model}.yaml"
    before = load_yaml(path, project.shown(path))
    train = before.get("train") or {}
    declared: Any = train.get("parameters")
    # Those of several families may stand side by side, each under its family's name.
    is_by_family = isinstance(declared, dict) and bool(declared.keys() & set(get_args(Family)))
    family = report.learner if is_by_family else None
    try:
        text = _changed(path.read_text(encoding="utf-8"), report.found, family)
        after = yaml.safe_load(text)
    except (yaml.YAMLError, ContractBrokenError):
        after = None
    parameters = {**declared, family: report.parameters} if family else report.parameters
    if after != {**before, "train": {**train, "parameters": parameters}}:
        raise ContractBrokenError(
            f"{project.shown(path)} cannot be changed without changing more than "
            "train.parameters: paste the printed parameters instead"
        )
    replace_text(path, text)
    return report.model_copy(update={"written": project.shown(path)})


def _changed(text: str, found: dict[str, Any], family: str | None) -> str:
    """The text with other values in `train.parameters`, and every other character as it was.

    With a family, those below its name.
    """
    above, name = _value(yaml.compose(text, yaml.SafeLoader), "train"), "parameters"
    if family:
        above, name = _value(above, name), family
    if not isinstance(above, yaml.MappingNode) or not above.value:
        raise ContractBrokenError("train must be a mapping to write parameters into")
    parameters = _value(above, name)
    if not isinstance(parameters, yaml.MappingNode) or not parameters.value:
        return _begun(text, above, name, parameters, found)
    edits = []
    for name, value in found.items():
        old = _value(parameters, name)
        if old is not None:
            edits.append((old.start_mark.index, old.end_mark.index, _scalar(value)))
    new = {name: value for name, value in found.items() if _value(parameters, name) is None}
    edits += _appended(text, parameters, new)
    for start, end, put in sorted(edits, reverse=True):
        text = text[:start] + put + text[end:]
    return text


def _appended(
    text: str, parameters: yaml.MappingNode, new: dict[str, Any]
) -> list[tuple[int, int, str]]:
    """New ones after the last, in the mapping's own style."""
    if not new:
        return []
    told = [f"{name}: {_scalar(value)}" for name, value in new.items()]
    first, last = parameters.value[0][0], parameters.value[-1][1]
    end = last.end_mark.index
    if parameters.flow_style:
        return [(end, end, "".join(f", {each}" for each in told))]
    end = text.find("\n", end) if "\n" in text[end:] else len(text)  # behind its comment
    margin = "\n" + " " * first.start_mark.column
    return [(end, end, "".join(margin + each for each in told))]


def _begun(
    text: str,
    above: yaml.MappingNode,
    name: str,
    empty: yaml.Node | None,
    found: dict[str, Any],
) -> str:
    """The text with parameters under their name, where there were none."""
    inside = ", ".join(f"{each}: {_scalar(value)}" for each, value in found.items())
    if empty is not None:  # `parameters: {}`, or nothing behind the colon
        start, end = empty.start_mark.index, empty.end_mark.index
        space = "" if text[start - 1] == " " else " "
        return f"{text[:start]}{space}{{{inside}}}{text[end:]}"
    first = above.value[0][0].start_mark
    gap = ", " if above.flow_style else "\n" + " " * first.column
    return f"{text[: first.index]}{name}: {{{inside}}}{gap}{text[first.index :]}"


def _value(mapping: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(mapping, yaml.MappingNode):
        return None
    found = (value for key, value in mapping.value if key.value == name)
    return next(found, None)


def _scalar(value: Any) -> str:
    """A value as YAML writes it; numbers so that every reader of YAML 1.1 takes them for such."""
    return str(yaml.safe_dump(value)).removesuffix("\n").removesuffix("\n...")
