"""A replay's report told: as a table on a terminal, as a page, and as a table in a document."""

from __future__ import annotations

from pathlib import Path

import click

from perennial.declare.project import Project
from perennial.draw.formats import count, many, number
from perennial.errors import ContractBrokenError
from perennial.judge.judged import Value
from perennial.keep.files import replace_text
from perennial.replay.policies.page import page, picture
from perennial.replay.policies.replayed import Lived, Replayed

BEGIN, END = "<!-- policies: begin -->", "<!-- policies: end -->"
PICTURE = "images/policies.svg"
HEADINGS = ("policy", "trainings", "promoted", "processor s")


def show(report: Replayed, as_json: bool, page_file: Path) -> None:
    """Print the report: whole as JSON, or one line a policy."""
    if as_json:
        click.echo(report.model_dump_json(indent=2))
        return
    rows = [_cells(report, each) for each in report.policies]
    headings = [*HEADINGS, *_metrics(report)]
    widths = [max(len(row[place]) for row in [headings, *rows]) for place in range(len(headings))]
    for row in [headings, *rows]:
        first, *others = zip(row, widths, strict=True)
        cells = [f"{first[0]:<{first[1]}}", *(f"{text:>{width}}" for text, width in others)]
        click.echo("  ".join(cells))
    for each in _sentences(report):
        click.echo(each)
    click.echo(f"{page_file} shows months and the frontier; --json prints everything")


def publish(report: Replayed, project: Project | None = None) -> Path:
    """Write `index.html` and `replay.json` below `var/reports/replay/<model>`; the page's path."""
    project = project or Project.find()
    folder = project.var / "reports" / "replay" / report.model / f"{report.start}-{report.end}"
    replace_text(folder / "replay.json", report.model_dump_json(indent=2) + "\n")
    replace_text(folder / "index.html", page(report))
    return folder / "index.html"


def write_into(document: Path, report: Replayed) -> None:
    """Put table and picture between the markers of a Markdown document.

    The picture is the file `images/policies.svg` beside it. Raises ContractBrokenError when
    the document has no markers.
    """
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ContractBrokenError(f"{document} must have a line {BEGIN!r} and after it {END!r}")
    replace_text(document.parent / PICTURE, picture(report))
    shown = f"![{report.primary} against the number of trainings]({PICTURE})"
    replace_text(document, f"{before}{BEGIN}\n{markdown(report)}\n{shown}\n{END}{after}")


def markdown(report: Replayed) -> str:
    """The report as Markdown: one line a policy, then where each lies beside the frontiers."""
    headings = [*HEADINGS, *_metrics(report)]
    lines = [
        f"| {' | '.join(headings)} |",
        f"| --- | {' | '.join('---:' for _ in headings[1:])} |",
        *(f"| {' | '.join(_cells(report, each))} |" for each in report.policies),
    ]
    changed = f" Declared otherwise: {', '.join(report.changed)}." if report.changed else ""
    told = (
        f"`{report.model}`, {count(report.n_nights)} nights from {report.start} to {report.end}, "
        f"{count(report.policies[0].n_rows)} labelled questions; intervals by day at the declared "
        f"confidence.{changed}"
    )
    places = [f"* {each}" for each in _sentences(report)]
    made = ["Made by", "", "```", _command(report), "```"]
    parts = [*lines, "", told, *(["", *places] if places else []), "", *made]
    return "\n".join([*parts, ""])


def _command(report: Replayed) -> str:
    """The command that makes the same report again."""
    names = dict.fromkeys(each.policy.partition(" ")[0] for each in report.policies)
    draws = max((each.draw or 0 for each in report.policies), default=0)
    return " ".join(
        [f"perennial replay --model {report.model} --from {report.start} --to {report.end}",
         f"--policies {','.join(names)}", *([f"--draws {draws}"] if draws else []),
         *(f"--set {change}" for change in report.changed)]
    )  # fmt: skip


def _cells(report: Replayed, lived: Lived) -> list[str]:
    return [
        lived.policy,
        str(lived.n_trainings),
        str(lived.n_promoted),
        f"{lived.processor_seconds:,.0f}",
        *(_value(lived.metrics[name]) for name in _metrics(report)),
    ]


def _metrics(report: Replayed) -> list[str]:
    return list(report.policies[0].metrics)


def _value(value: Value) -> str:
    if value.estimate is None:
        return "–"
    if value.low is None or value.high is None:
        return f"{value.estimate:.4f}"
    return f"{value.estimate:.4f} ({value.low:.4f} to {value.high:.4f})"


def _sentences(report: Replayed) -> list[str]:
    """Where each policy lies beside the frontiers of calendars and of random nights."""
    words = {"above": "better than", "on": "not to be told from", "below": "worse than"}
    return [
        f"{lived.policy} is {words[found.place]} {found.family} at "
        f"{many(lived.n_trainings, 'training')} ({', '.join(found.between)}): "
        f"{report.primary} {number(found.difference.estimate)} beside it "
        f"({number(found.difference.low)} to {number(found.difference.high)})"
        for lived in report.policies
        for found in lived.frontiers
    ]
