"""The strategies' forward and backward quality as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from learning.running import Lived
from learning.streams import NAMES
from learning.tables import COLUMNS, Mean, over_phases, pairs, runs_of

SHOWN = (("forward ROC AUC", "#4c78a8", "o", -0.14), ("backward ROC AUC", "#e08214", "s", 0.14))


def draw(found: Sequence[Lived], path: Path) -> None:
    """A panel for each learner and stream: a line for each strategy, its quality with intervals."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "learning"
    from matplotlib import pyplot as plt

    families = list(dict.fromkeys(family for family, _ in pairs(found)))
    names = {of: [each for family, each in pairs(found) if family == of] for of in families}
    figure, panels = plt.subplots(
        len(families), len(NAMES), figsize=(9, 1.2 + 0.3 * sum(map(len, names.values()))),
        sharex="col", sharey="row", squeeze=False,
        height_ratios=[len(names[family]) for family in families],
    )  # fmt: skip
    measured = {name: what for name, what, _ in COLUMNS}
    for family, row in zip(families, panels, strict=True):
        for stream, axes in zip(NAMES, row, strict=True):
            for label, color, marker, beside in SHOWN:
                means = [
                    Mean.of([over_phases(run, measured[label])
                             for run in runs_of(found, stream, family, each)])
                    for each in names[family]
                ]  # fmt: skip
                axes.errorbar(
                    [each.value for each in means],
                    [place + beside for place in range(len(means))],
                    xerr=[each.half for each in means],
                    fmt=marker, color=color, markersize=4.5, capsize=2, label=label,
                )  # fmt: skip
            axes.set_title(f"{family}, {stream}", fontsize=10)
            axes.set_yticks(range(len(names[family])), names[family])
            axes.grid(axis="x", color="#dddddd", linewidth=0.6)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
        row[0].invert_yaxis()
    for axes in panels[-1]:
        axes.set_xlabel("ROC AUC (more is better)")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=2, frameon=False)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
