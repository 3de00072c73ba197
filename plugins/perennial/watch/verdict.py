"""From what was measured to findings and one state. Nothing here reads or computes data."""

from __future__ import annotations

from collections.abc import Sequence

from perennial.declare.watch import Watch
from perennial.watch.performance import IN_THE_LARGE, SLOPE
from perennial.watch.watched import (
    Answered,
    Compared,
    Finding,
    Kind,
    Level,
    Performance,
    PerformanceState,
    Role,
    State,
)

RANKING = "roc_auc"
KINDS: dict[Role, Kind] = {
    "feature": "feature_drift", "prediction": "prediction_drift", "label": "label_drift",
}  # fmt: skip


def drift_findings(columns: Sequence[Compared], declared: Watch) -> list[Finding]:
    """One finding per column that is out, the features with the most importance first.

    Features that are out but have together less than `watch.min_weight` are notes.
    """
    found = []
    for role, kind in KINDS.items():
        of_role = [each for each in columns if each.role == role]
        matters = {
            "alarm": _matters(of_role, ("drifted",), declared),
            "suspected": _matters(of_role, ("suspected", "drifted"), declared),
        }
        for each in sorted((c for c in of_role if c.is_out), key=lambda c: (-c.weight, c.name)):
            level = "alarm" if each.state == "drifted" else "suspected"
            found.append(
                Finding(
                    kind=kind, level=level if matters[level] else "note",
                    subject=each.name, sentence=each.sentence,
                )
            )  # fmt: skip
        found += _unknown_columns(kind, of_role, declared)
    return found


def _matters(columns: Sequence[Compared], states: tuple[str, ...], declared: Watch) -> bool:
    out = [each for each in columns if each.state in states]
    is_feature = all(each.role == "feature" for each in out)
    return bool(out) and (not is_feature or sum(each.weight for each in out) >= declared.min_weight)


def _unknown_columns(kind: Kind, columns: Sequence[Compared], declared: Watch) -> list[Finding]:
    """What could not be compared, in one finding; a note where it hardly matters."""
    unknown = [each for each in columns if each.state == "unknown"]
    if not unknown:
        return []
    if len(unknown) == 1:
        name, sentence = unknown[0].name, unknown[0].sentence
    else:
        name = f"{len(unknown)} columns"
        sentence = (
            f"{len(unknown)} of {len(columns)} columns cannot be compared: "
            + ", ".join(each.name for each in unknown[:5])
            + (", …" if len(unknown) > 5 else "")
        )
    level: Level = "unknown" if _matters(columns, ("unknown",), declared) else "note"
    return [Finding(kind=kind, level=level, subject=name, sentence=sentence)]


def performance_findings(
    performance: Sequence[Performance], primary: str, version: str
) -> list[Finding]:
    """What the labels tell: the primary metric, and the level of the answers."""
    of = {each.metric: each for each in performance}
    found = []
    if (main := of.get(primary)) is not None:
        found += _metric(main, version)
    found += [
        Finding(kind="performance", level="note", subject=each.metric, sentence=_worse(each))
        for each in performance
        if each.state == "worse" and each.metric not in (primary, IN_THE_LARGE, SLOPE)
    ]
    return [*found, *_calibration(of)]


def _metric(each: Performance, version: str) -> list[Finding]:
    if each.state == "worse":
        return [Finding(kind="performance", level="alarm", subject=each.metric,
                        sentence=_worse(each))]  # fmt: skip
    if each.state == "as_expected":
        return []
    if each.value.estimate is None:
        why = f"only {each.n_rows} rows have a known label"
    elif each.value.low is None:
        why = f"{each.n_days} days are too few for an interval"
    else:
        why = f"no judgement of {version} is kept to compare it with"
    return [Finding(kind="performance", level="unknown", subject=each.metric,
                    sentence=f"whether {each.metric} got worse is not known: {why}")]  # fmt: skip


def _worse(each: Performance) -> str:
    assert each.expected is not None
    value = each.value
    return (
        f"{each.metric} is {value.estimate:.4g} ({value.low:.4g} to {value.high:.4g}) on "
        f"{each.n_days} days; it was {each.expected.estimate:.4g} when the champion was judged"
    )


def _calibration(of: dict[str, Performance]) -> list[Finding]:
    """The level or boldness of the answers is off: an alarm where the ranking holds."""
    found = []
    for name in (IN_THE_LARGE, SLOPE):
        each = of.get(name)
        if each is None or each.state != "worse":
            continue
        value = each.value
        is_high = (value.estimate or 0.0) > (0.0 if name == IN_THE_LARGE else 1.0)
        what = {
            (IN_THE_LARGE, True): "answers are too low on average: labels lie above them by",
            (IN_THE_LARGE, False): "answers are too high on average: labels lie from them by",
            (SLOPE, True): "answers are too timid: the calibration slope is",
            (SLOPE, False): "answers are too bold: the calibration slope is",
        }[name, is_high]
        holds = RANKING not in of or of[RANKING].state == "as_expected"
        found.append(
            Finding(
                kind="calibration", level="alarm" if holds else "note", subject=name,
                sentence=f"{what} {value.estimate:.3g} ({value.low:.3g} to {value.high:.3g})"
                + (", while the ranking holds" if holds else ""),
            )
        )  # fmt: skip
    return found


def performance_state(performance: Sequence[Performance], primary: str) -> PerformanceState:
    """Of the metric that decides."""
    return next((each.state for each in performance if each.metric == primary), "unknown")


def state_of(
    findings: Sequence[Finding], columns: Sequence[Compared], is_enough: bool,
    performance: PerformanceState,
) -> State:  # fmt: skip
    """One word for the night, the worst that applies; without enough rows it is unknown.

    >>> state_of([], [], is_enough=False, performance="worse")
    'unknown'
    """
    if not is_enough or not any(each.state != "unknown" for each in columns):
        return "unknown"
    alarms = {each.kind for each in findings if each.level == "alarm"}
    if "data_quality" in alarms:
        return "broken"
    if performance == "worse":
        return "worse"
    drift = set(KINDS.values())
    if alarms & (drift | {"calibration"}):
        return "drifted"
    if any(each.level == "suspected" and each.kind in drift for each in findings):
        return "suspected"
    return "quiet"


def is_real(
    state: State, findings: Sequence[Finding], performance: PerformanceState
) -> bool | None:
    """Whether what changed cost performance; None where nothing drifted or nothing is known.

    >>> is_real("worse", [], "worse"), is_real("quiet", [], "as_expected")
    (True, None)
    """
    has_drifted = any(each.level == "alarm" and each.kind in KINDS.values() for each in findings)
    if state == "unknown" or performance == "unknown":
        return None
    if performance == "worse":
        return True
    return False if has_drifted else None


def service_findings(answered: Answered) -> list[Finding]:
    """What the journal of answers tells about the servers."""
    told = [
        (answered.n_failures, "questions were answered by nobody"),
        (answered.n_fallbacks, "questions had to be answered by another version"),
        (answered.n_unmatched_labels, "labels came for no known prediction"),
        (answered.n_set_aside, "labels were set aside, their key having given too many that day"),
    ]
    asked = answered.n_answers + answered.n_failures
    return [
        Finding(
            kind="service", level="suspected" if n > 0.01 * asked else "note", subject="answers",
            sentence=f"{n} {what}",
        )
        for n, what in told
        if n
    ]  # fmt: skip
