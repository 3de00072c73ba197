"""What the page says: of a living model, of one without a past, and of things that are broken."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from perennial.declare.project import Project
from perennial.keep import distrust, files
from perennial.keep.ledger import Ledger, bento_folder
from perennial.keep.release_changes import Change, transition
from perennial.keep.releases import under_way
from perennial_airflow.page.pages import TEMPLATES

from . import seeds
from .conftest import Get, asking

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"


class Seen(HTMLParser):
    """Elements, texts and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def test_it_says_what_answers_since_when_and_what_is_being_released(get: Get) -> None:
    text = get("/").text
    assert re.search(rf'<p class="big"><code>{seeds.OLD}</code></p>\s*<p>since \d{{4}}-', text)
    assert "from slot <b>blue</b>" in text
    assert f"champion {seeds.OLD}: 75 %" in text
    assert f"challenger {seeds.NEW}: 25 %" in text
    assert "103 answers compared: all pass" in text
    for phase in ("shadow", "5 %", "25 %", "50 %", "promoted", "done"):
        assert f">{phase}</li>" in text


@pytest.mark.parametrize("n_models", [1, 2])
def test_a_version_that_was_refused_is_told_until_it_holds_again(
    project: Project, get: Get, n_models: int
) -> None:
    """On the model's page, and on that of all models."""
    ledger = Ledger.of(project)
    if n_models == 2:
        declared = project.root / "models" / f"{seeds.MODEL}.yaml"
        text = declared.read_text().replace(f"name: {seeds.MODEL}", "name: another")
        declared.with_name("another.yaml").write_text(text)
    assert ("ripeness</a></h2>" in get("/").text) == (n_models == 2)
    assert "REFUSED" not in get("/").text
    bento_folder(project, seeds.MODEL, "0123456789ab").mkdir(parents=True)
    distrust.refuse(ledger, seeds.MODEL, "0123456789ab", "slot green", f"x.txt {HOSTILE}")
    text = get("/").text
    assert text.count("REFUSED</b> <code>0123456789ab</code>") == 1
    assert "slot green" in text
    assert "x.txt" in text
    assert "alert(1)</script>" not in text
    distrust.hold(ledger, seeds.MODEL, "0123456789ab", "slot green")
    assert "REFUSED" not in get("/").text


def test_every_measurement_is_drawn_but_those_that_nobody_declared(get: Get) -> None:
    text = get("/").text
    for name in ("errors", "slow", "score shift", "loss"):
        assert f"<h3>{name}</h3>" in text
    assert text.count('class="guardrail ') == 4
    assert "nothing guards: disagreement." in text


def test_the_evidence_is_drawn_as_it_came_and_leads_to_the_whole_record(get: Get) -> None:
    text = get("/").text
    assert text.count('class="drawn over-time"') == 1
    assert text.count('class="drawn sequence"') == 3  # errors, slow, score_shift have numbers
    (link,) = re.findall(r'href="(/models/ripeness/releases/2)"', text)
    page = get(link)
    assert page.status_code == 200
    assert "script-src" not in page.headers["content-security-policy"]
    seen = Seen(page.text)
    assert "script" not in seen.tags
    assert "103 answers compared: all pass" in page.text
    assert page.text.count("<td>test</td>") == 4  # who did it


def test_a_release_that_is_not_there_is_a_sentence(get: Get) -> None:
    for path in ("/models/ripeness/releases/99", "/models/nobody/releases/2"):
        answer = get(path)
        assert answer.status_code == 404
    assert "no release 99" in get("/models/ripeness/releases/99").text


def test_decisions_say_why_and_what_was_considered(get: Get) -> None:
    text = get("/").text
    assert "performance got worse on 3 of 3 nights" in text
    assert "<b>roll back</b> (closed): no version before is warm" in text


def test_the_last_judgement_says_why(get: Get) -> None:
    text = get("/").text
    assert '<span class="chip blessed">blessed</span>' in text
    assert "a gain of 0.04, above zero" in text


def test_gates_say_what_failed_and_lead_to_data_docs(get: Get) -> None:
    text = get("/").text
    assert "1 of 2 failed" in text
    assert "Expected 0 to 2,000 grams; found 3 of 931 are not." in text
    assert 'href="/data_docs/raw/pickings.html"' in text


def test_links_lead_to_pages_that_are_there(get: Get, project: Project) -> None:
    for layer, name in (("raw", "orchards"), ("raw", "pickings"), ("marts", "fruit")):
        files.replace_text(project.var / f"reports/data_docs/{layer}/{name}.html", "x")
    links = {value for _, name, value in Seen(get("/").text).attributes if name == "href"}
    assert len(links) >= 5
    assert {link: get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_a_promotion_is_marked_on_its_night(get: Get, project: Project) -> None:
    ledger = Ledger.of(project)
    release = under_way(ledger, seeds.MODEL)
    assert release is not None
    transition(ledger, release, Change("promoted", "promote", "all passed", champion="new"), "test")
    text = get("/").text
    assert f">{seeds.NEW[:8]}</text>" in text
    assert re.search(rf'<p class="big"><code>{seeds.NEW}</code></p>', text)


def test_several_models_have_an_overview_and_a_page_each(get: Get, project: Project) -> None:
    text = (project.root / "models" / "ripeness.yaml").read_text(encoding="utf-8")
    files.replace_text(project.root / "models" / "sourness.yaml", text)
    overview = get("/").text
    assert 'href="/models/ripeness"' in overview
    assert 'href="/models/sourness"' in overview
    assert "Nothing answers yet" in overview
    assert 'aria-current="page">sourness' in get("/models/sourness").text


def test_a_model_without_a_past_says_what_to_do_next(empty: Project) -> None:
    text = asking(empty)("/").text
    for hint in (
        "Trigger the DAG <code>learn</code>", "<code>nightly_ripeness</code>",
        "No version has been released yet", "it takes a version that answers", "No column has been",
        "None yet: each night", "<code>POST /predict/ripeness</code>", "No gate has been checked",
    ):  # fmt: skip
        assert hint in text
    assert "<svg" not in text


def test_a_project_without_models_says_how_one_is_declared(empty: Project) -> None:
    (empty.root / "models" / "ripeness.yaml").unlink()
    text = asking(empty)("/").text
    assert "No model is declared yet" in text
    assert "models/&lt;name&gt;.yaml" in text


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("reports/watch/ripeness/2024-02-05.json", "2024-02-05.json could not be read"),
        ("reports/check/raw.json", "raw.json could not be read"),
        ("reports/judge/ripeness.json", "judge/ripeness.json could not be read"),
        ("state/perennial.db", "the ledger could not be read"),
    ],
)
@pytest.mark.parametrize("content", ["", '{"model": "ripe', '{"another": "form"}'])
def test_what_cannot_be_read_is_told_and_the_rest_is_shown(
    project: Project, get: Get, broken: str, told: str, content: str
) -> None:
    path = project.var / broken
    whole = path.read_bytes()
    path.write_text(content, encoding="utf-8")
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    answer = get("/")
    assert answer.status_code == 200
    assert told in answer.text or (path.suffix == ".db" and not content)
    assert "Performance over nights" in answer.text
    path.write_bytes(whole)


def test_half_a_decision_is_told(project: Project, get: Get) -> None:
    with Ledger.of(project).engine.begin() as connection:
        connection.exec_driver_sql("update decisions set record = '{' where night = '2024-02-05'")
    text = get("/").text
    assert "the decision of 2024-02-05 could not be read" in text
    assert "2024-02-06" in text


def test_a_mistake_in_a_declaration_hides_nothing(project: Project, get: Get) -> None:
    (project.root / "models" / "ripeness.yaml").write_text("owner: [", encoding="utf-8")
    text = get("/").text
    assert "models/ripeness.yaml" in text
    assert f"<code>{seeds.OLD}</code>" in text


def test_nights_without_a_report_stay_visible_as_gaps(project: Project, get: Get) -> None:
    for day in (10, 11):
        (project.var / f"reports/watch/ripeness/2024-02-{day}.json").unlink()
    text = get("/").text
    assert 'title="2024-02-10: not looked at"' in text
    performance = text[text.index('id="performance"') : text.index('id="drift"')]
    assert performance.count("<polyline") == 4  # two metrics in two stretches each


def test_no_text_of_the_data_becomes_markup(empty: Project) -> None:
    path = empty.root / "models" / "ripeness.yaml"
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    files.replace_text(path, yaml.safe_dump({**declared, "description": HOSTILE}))
    seeds.seed(empty)
    poison(empty)
    text = asking(empty)("/").text
    assert text.count("&lt;script&gt;alert(1)") > 20
    seen = Seen(text)
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert not [name for _, name, _ in seen.attributes if name.startswith("on")]


def poison(project: Project) -> None:
    """Put hostile text wherever the reports and the ledger have room for text."""

    def bad(found: object) -> object:
        if isinstance(found, dict):
            return {
                key: HOSTILE if key in FREE and isinstance(value, str) else bad(value)
                for key, value in found.items()
            }
        if isinstance(found, list):
            return [bad(each) for each in found]
        return found

    reports = project.var / "reports"
    for path in [*reports.glob("watch/*/*.json"), *reports.glob("check/*.json"),
                 *reports.glob("judge/*.json")]:  # fmt: skip
        files.replace_text(path, json.dumps(bad(json.loads(path.read_text(encoding="utf-8")))))
    with Ledger.of(project).engine.begin() as connection:
        rows = connection.exec_driver_sql("select night, record from decisions").all()
        for night, record in rows:
            poisoned = json.dumps(bad(json.loads(record)))
            connection.exec_driver_sql(
                "update decisions set record = ? where night = ?", (poisoned, night)
            )
        for column in ("releases.why", "releases.started_at", "releases.version", "routes.why",
                       "release_record.why", "release_record.action", "slots.detail"):  # fmt: skip
            name, column = column.split(".")
            connection.exec_driver_sql(f"update {name} set {column} = ?", (HOSTILE,))
        measured = json.dumps(
            [{"guardrail": HOSTILE, "outcome": HOSTILE, "says": HOSTILE, "limit": 0.1}]
        )
        connection.exec_driver_sql("update releases set measured = ?", (measured,))


FREE = ("sentence", "subject", "name", "table", "asked", "found", "why", "expectation", "policy",
        "metric")  # fmt: skip


def test_a_page_has_one_title_and_every_picture_has_words(get: Get) -> None:
    text = get("/").text
    seen = Seen(text)
    assert seen.tags.count("h1") == 1
    assert seen.tags.count("h2") >= 8
    pictures = re.findall(r'<svg[^>]*role="img"[^>]*>', text)
    assert len(pictures) >= 8
    assert all(re.search(r'aria-label="[^"]{8,}"', each) for each in pictures)
    others = [each for each in re.findall(r"<svg[^>]*>", text) if each not in pictures]
    assert all('aria-hidden="true"' in each for each in others)


def test_nothing_comes_from_the_internet(get: Get) -> None:
    text = get("/").text
    assert not re.findall(r"""(?:src|href|url|import)\s*[=(]\s*["']?(?:https?:)?//""", text)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_words_stand_out_from_what_they_stand_on(scheme: int) -> None:
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    found = re.findall(r"--(\w+): light-dark\(#(\w{6}), #(\w{6})\);", css)
    colours = {name: (light, dark)[scheme] for name, light, dark in found}
    for word in ("ink", "soft", "accent", "good", "warn", "bad"):
        for ground in ("panel", "surface"):
            assert contrast(colours[word], colours[ground]) >= 4.5, (word, ground)


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_templates_are_small() -> None:
    assert not [path.name for path in Path(TEMPLATES).glob("*.j2") if len(path.read_text()) > 6000]
