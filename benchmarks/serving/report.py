"""The measured rounds as a table, a plot, and a section of the documentation."""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

from sections import DOCS, fill, load, machine

from serving.load import Load, client

PAGE, PLOT = DOCS / "benchmarks.md", DOCS / "images" / "serving.svg"
BASIS = "plain BentoML"
PACKAGES = ("bentoml", "fastapi", "lightgbm", "uvicorn", "uvloop", "httptools", "orjson", "feast")


@dataclass(frozen=True)
class Found:
    """What the whole run measured, per server."""

    measured: dict[str, list[Load]]
    differences: dict[str, float]
    """Largest difference to the offline answers."""
    spent: dict[str, float]
    """Seconds of the processor in all rounds together."""
    shares: dict[str, dict[str, float]]
    """Of the couriers, per version that answers."""

    def milliseconds_each(self, name: str) -> float:
        """Of the processor, for one answer."""
        return 1000 * self.spent[name] / sum(each.n_answers for each in self.measured[name])


def printed(found: Found, asked: argparse.Namespace) -> str:
    """The table in Markdown: medians of the rounds."""
    measured = found.measured
    columns = ("server", "requests/s", "of plain BentoML", "p50 ms", "p99 ms", "processor ms each",
               "errors", "largest difference")  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", "| --- |" + " ---: |" * (len(columns) - 1)]
    basis = _median(measured[BASIS], "requests_per_second") if BASIS in measured else None
    for name, rounds in measured.items():
        rate = _median(rounds, "requests_per_second")
        ratio = f"{rate / basis:.2f}" if basis else ""
        p50, p99 = _median(rounds, "p50_ms"), _median(rounds, "p99_ms")
        n_errors = sum(each.n_errors for each in rounds)
        lines.append(
            f"| {name} | {rate:,.0f} | {ratio} | {p50:.1f} | {p99:.1f} "
            f"| {found.milliseconds_each(name):.2f} | {n_errors} | {found.differences[name]:.1g} |"
        )
    told = (
        f"Medians of {asked.rounds} rounds of {asked.seconds:g} s in turns, {asked.connections} "
        f"connections, one row a request, driven by {client()} on the same machine: "
        f"{machine(*PACKAGES)}. {load()} "
        f"{'It was preferred to them. ' if asked.preferred else ''}"
        "Processor time is that of all of a server's processes, until they had nothing more to do."
        f"{_split(found)}"
    )
    return "\n".join([*lines, "", told])


def _split(found: Found) -> str:
    """Which share of the couriers each version answered, where there are two."""
    told = [
        " and ".join(f"{share:.1%}" for share in shares.values())
        for shares in found.shares.values()
        if len(shares) > 1
    ]
    return "".join(
        f" With the release open its two versions answered {each} of the couriers, every courier "
        "always by the same one."
        for each in told
    )


def write(found: Found, asked: argparse.Namespace) -> None:
    """Put table and plot into the documentation."""
    _plot(found.measured)
    fill(PAGE, "serving", printed(found, asked))


def _plot(measured: dict[str, list[Load]]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "serving"
    from matplotlib import pyplot as plt

    names = list(measured)
    figure, (rates, tails) = plt.subplots(1, 2, figsize=(9, 2.6), sharey=True)
    for axes, what, label in (
        (rates, "requests_per_second", "requests a second (more is better)"),
        (tails, "p99_ms", "99 % answered within … ms (log; less is better)"),
    ):
        colors = ["#4c78a8" if name.startswith("Perennial") else "#b5bcc7" for name in names]
        axes.barh(names, [_median(measured[name], what) for name in names], color=colors)
        for place, name in enumerate(names):
            axes.plot([getattr(each, what) for each in measured[name]],
                      [place] * len(measured[name]), "k|")  # fmt: skip
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    tails.set_xscale("log")
    tails.xaxis.set_major_formatter("{x:g}")
    figure.tight_layout()
    figure.savefig(PLOT, metadata={"Date": None})


def _median(rounds: list[Load], what: str) -> float:
    return statistics.median(getattr(each, what) for each in rounds)
