"""How a replay is told: on a page, in a document, on a terminal."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from perennial.errors import ContractBrokenError
from perennial.judge.judged import Value
from perennial.replay.policies.page import page
from perennial.replay.policies.replayed import Frontier, Lived, Month, Replayed
from perennial.replay.policies.telling import BEGIN, END, markdown, show, write_into


def value(estimate: float) -> Value:
    return Value(estimate=estimate, low=estimate - 0.01, high=estimate + 0.01)


def lived(policy: str, kind: str, n: int, loss: float) -> Lived:
    metrics = {"log_loss": value(loss), "roc_auc": value(1 - loss)}
    months = tuple(
        Month(month=month, n_rows=9, metrics=metrics) for month in ("2024-01", "2024-02")
    )
    nothing = Value(estimate=None, low=None, high=None)
    frontier = Frontier(
        family="calendar", between=("never",), expected=loss,
        difference=value(-0.02) if n > 1 else nothing, place="above" if n > 1 else "on",
    )  # fmt: skip
    return Lived(
        policy=policy, kind=kind, draw=None, n_trainings=n, n_promoted=n, training_seconds=1.0,
        processor_seconds=2.0, n_rows=18, metrics=metrics, months=months,
        trainings=(date(2024, 1, 1),), frontiers=(frontier,) if kind == "drift" else (),
    )  # fmt: skip


REPORT = Replayed(
    model="ripeness", start=date(2024, 1, 1), end=date(2024, 2, 9), n_nights=40,
    changed=("train.seed=<3>",), primary="log_loss", strategy="stateless",
    policies=(lived("never", "never", 1, 0.5), lived("calendar:7", "calendar", 6, 0.45),
              lived("drift", "drift", 3, 0.46), lived("random:3 #1", "random", 3, 0.47)),
)  # fmt: skip


def test_the_page_shows_every_policy_and_lets_no_data_become_markup() -> None:
    html = page(REPORT)
    for each in REPORT.policies:
        assert each.policy in html
    assert "train.seed=&lt;3&gt;" in html
    assert "<3>" not in html
    drawings = html.split("<svg")[1:]
    assert len(drawings) == 4
    for each in drawings:
        ElementTree.fromstring("<svg" + each.split("</svg>")[0] + "</svg>")


def test_a_table_goes_between_the_markers_and_nowhere_else(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_into(document, REPORT)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| drift | 3 | 3 | 2 | 0.4600 (0.4500 to 0.4700) |" in text
    assert "drift is better than calendar at 3 trainings (never): log_loss −0.02" in text
    write_into(document, REPORT)
    assert document.read_text() == text
    assert "(images/policies.svg)" in text
    drawn = ElementTree.parse(tmp_path / "images" / "policies.svg").getroot()
    told = "".join(drawn.itertext())
    assert "drift: 0.4600, 3 trainings" in told
    assert "--panel" in told, "it brings its own style"


@pytest.mark.parametrize("content", ["nothing", BEGIN, END, f"{END}\n{BEGIN}"])
def test_a_document_without_markers_is_left_alone(tmp_path: Path, content: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(content)
    with pytest.raises(ContractBrokenError, match="must have a line"):
        write_into(document, REPORT)
    assert document.read_text() == content


def test_a_terminal_gets_a_line_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    show(REPORT, False, Path("index.html"))
    lines = capsys.readouterr().out.splitlines()
    assert [each.split()[0] for each in lines[:5]] == [
        "policy", "never", "calendar:7", "drift", "random:3",
    ]  # fmt: skip
    show(REPORT, True, Path("index.html"))
    assert Replayed.model_validate_json(capsys.readouterr().out) == REPORT


def test_what_was_declared_otherwise_is_told() -> None:
    assert "Declared otherwise: train.seed=<3>." in markdown(REPORT)
