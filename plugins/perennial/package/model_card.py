"""The model card: what a version is, what it was learned from, how good it is, what it is for.

Mitchell et al. (2019), Model Cards for Model Reporting, doi:10.1145/3287560.3287596.
"""

from __future__ import annotations

from typing import Any

from perennial.declare.model import Model
from perennial.judge.judged import Judged
from perennial.optimize.optimized import ORIGINAL, Optimized
from perennial.package.card_forms import forms
from perennial.package.card_tables import estimate, interval, table

MAX_SLICES = 20
MAX_FEATURES = 15


def model_card(
    model: Model, judged: Judged, story: dict[str, Any], optimized: Optimized | None = None
) -> str:
    """The card in Markdown.

    `story` is the version's training.json; `optimized` the report of its forms, where it has one.
    """
    return "\n".join(
        [
            f"# {model.name} {judged.version}",
            "",
            model.description.strip(),
            "",
            *_facts(model, judged, story),
            *_quality(model, judged),
            *_opponents(judged),
            *_slices(judged),
            *forms(optimized),
            *_inputs(story),
            *_use(model),
            *_reproduce(model, judged, story, optimized),
        ]
    )


def _facts(model: Model, judged: Judged, story: dict[str, Any]) -> list[str]:
    lineage = story["lineage"]
    rows = [
        ("Owner", model.owner),
        ("Answers", _answers(model)),
        ("Learner", f"{model.train.learner}, {story['n_rounds']} rounds, seed {story['seed']}"),
        ("Learned from", f"{story['window_start']} <= day < {story['window_end']} (UTC)"),
        ("Came about", _came_about(story)),
        ("Rows learned from", f"{story['n_rows']:,}, mean label {story['mean_label']:.4g}"),
        ("Rows left out", f"{story['n_unlabelled']:,} without a label, "
                          f"{story['n_not_yet_known']:,} whose label was not yet known"),
        ("Digest", f"`{judged.digest}`"),
        ("Data", f"`{lineage['data_hash']}`"),
        ("Code", f"`{lineage['code_version']}`"),
        ("Environment", f"`{lineage['environment']}`"),
    ]  # fmt: skip
    if lineage["dvc_hash"]:
        rows.append(("Data in DVC", f"`{lineage['dvc_hash']}`"))
    return [*table(("", ""), rows), ""]


def _came_about(story: dict[str, Any]) -> str:
    if not story.get("parent"):
        return "from scratch"
    return f"out of `{story['parent']}`, on days from {story['learned_from']}: {story['why']}"


def _answers(model: Model) -> str:
    if model.task == "regression":
        return f"a number{f' in {model.label.unit}' if model.label.unit else ''}"
    return f"the probability of `{model.label.positive}` (else `{model.label.negative}`)"


def _quality(model: Model, judged: Judged) -> list[str]:
    share = f"{model.judge.confidence:.0%}"
    limits = {str(name): f"{limit:g}" for name, limit in model.judge.limits.items()}
    rows = [
        (name, estimate(value), interval(value), limits.get(name, "none"))
        for name, value in judged.metrics.items()
    ]
    return [
        "## How good is it?",
        "",
        f"Judged on {judged.n_rows:,} rows of {judged.n_days} days, {judged.judged_from} <= day < "
        f"{judged.judged_until}, none of which it learned from. Intervals ({share}) are drawn by "
        "day, so that rows of one day do not count as independent.",
        "",
        *table(("metric", "value", "interval", "limit"), rows),
        "",
        *(f"* {each.sentence}" for each in judged.checks),
        "",
    ]


def _opponents(judged: Judged) -> list[str]:
    rows = [
        (
            f"{each.kind} {each.name}",
            estimate(each.metrics[judged.primary].opponent),
            estimate(each.metrics[judged.primary].difference),
            interval(each.metrics[judged.primary].difference),
        )
        for each in judged.opponents
    ]
    head = ("compared with", f"its {judged.primary}", "candidate minus it", "interval")
    return ["## Is it better than simple rules and than what served?", "", *table(head, rows), ""]


def _slices(judged: Judged) -> list[str]:
    if not judged.slices:
        return []
    rows = [
        (
            f"{each.column} = {'missing' if each.value is None else each.value}",
            f"{each.n_rows:,}",
            f"{each.mean_label:.4g}",
            estimate(each.primary),
            interval(each.primary),
        )
        for each in judged.slices[:MAX_SLICES]
    ]
    head = ("rows", "n", "mean label", judged.primary, "interval")
    more = len(judged.slices) - MAX_SLICES
    rest = ["", f"{more} more in the judgement's report."] if more > 0 else []
    return ["## Where is it better or worse?", "", *table(head, rows), *rest, ""]


def _inputs(story: dict[str, Any]) -> list[str]:
    shares = sorted(story["importance"].items(), key=lambda each: (-each[1], each[0]))
    rows = [(f"`{name}`", f"{share:.1%}") for name, share in shares[:MAX_FEATURES]]
    return [
        "## What does it look at?",
        "",
        f"{len(shares)} features; these took away most of the training loss.",
        "",
        *table(("feature", "share"), rows),
        "",
    ]


def _use(model: Model) -> list[str]:
    return [
        "## What is it for?",
        "",
        model.package.intended_use.strip()
        or "The declaration does not say (package.intended_use).",
        "",
        f"It is asked once for each row of `{model.rows.mart}`, at the row's "
        f"`{model.rows.event_timestamp}`, with the features of `{model.features}` as they were "
        "known then. Its quality is known for such questions alone.",
        "",
    ]


def _reproduce(
    model: Model, judged: Judged, story: dict[str, Any], optimized: Optimized | None
) -> list[str]:
    return [
        "## How is it made again?",
        "",
        f"{_what(optimized)} its recorded code, data, parameters and parent, and compared:",
        "",
        "```",
        f"perennial reproduce {model.name} {judged.version}",
        "```",
        "",
        "By hand, with the code, data and environment named above:",
        "",
        "```",
        f"perennial train --model {model.name} --at {story['at']}{_options(model, story)}",
        *([f"perennial optimize --model {model.name} --at {optimized.at}"] if optimized else []),
        f"perennial judge --model {model.name} --at {judged.at}",
        "```",
        "",
        f"The same digest comes out{_if_chosen(optimized)}. `reference.json` beside this card "
        "holds questions with their answers; a server of this version gives the same ones.",
        *(
            [f"It goes on from `{story['parent']}`, which has to serve then."]
            if story.get("parent")
            else []
        ),
        "",
    ]


def _what(optimized: Optimized | None) -> str:
    """What `perennial reproduce` makes; a form is made for one machine, and is not."""
    if optimized is None or optimized.chosen == ORIGINAL:
        return "This version, from"
    return "What this form was made of, from"


def _if_chosen(optimized: Optimized | None) -> str:
    if optimized is None or not optimized.declared.variants:
        return ""
    return ", if the same form is chosen: times are measured anew"


def _options(model: Model, story: dict[str, Any]) -> str:
    """What a training was asked for beside its night, where it is not what the YAML says."""
    options = ""
    if story["window_end"] != story["at"]:
        options += f" --until {story['window_end']}"
    strategy = story.get("strategy", "stateless")
    if model.train.strategy not in (strategy, story.get("way")) or strategy == "stateful":
        options += f" --strategy {story.get('way') or strategy}"
    declared = model.train.window_days if story.get("strategy") == "stateless" else None
    if story.get("window_days") not in (None, declared):
        options += f" --window-days {story['window_days']}"
    return options
