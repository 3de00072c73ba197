"""The command line: its options, what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from perennial import errors, stages
from perennial.cli import commands, main
from perennial.errors import DeclarationError, PerennialError
from perennial.keep.report import Report
from perennial.stages import STAGES

REPOSITORY = Path(__file__).parents[1]
PERIOD = ["--start", "2024-05-01", "--end", "2024-05-02"]
VALUES = {
    "source": "orders", "layer": "marts", "model": "ripeness", "start": "2024-05-01",
    "end": "2024-05-03", "at": "2024-05-02", "online_at": "2024-05-03", "until": "2024-05-01",
    "strategy": "stateful", "window_days": "7",
}  # fmt: skip
HEAVY = ("feast", "great_expectations", "dbt", "mlflow", "lightgbm", "torch", "bentoml", "pandas")
CPU_SECONDS = 2.0


class Done(Report):
    """A report with a bit of everything."""

    stage: str
    n_rows: int = 1234
    share: float = 0.123456789
    names: tuple[str, ...] = ("north", "south")
    nothing: str | None = None
    tables: tuple[dict[str, Any], ...] = ({"table": "orders", "n_failing": 7},)


Fake = Callable[[str, Callable[..., Report]], None]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put another function in the place of a stage's."""

    def put(name: str, function: Callable[..., Report]) -> None:
        package = SimpleNamespace(**{name: function})
        monkeypatch.setattr(stages, "import_module", lambda _: package)

    return put


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of the whole program."""
    monkeypatch.setattr(sys, "argv", ["perennial", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


# Commands and their options


@pytest.mark.parametrize("name", list(STAGES))
def test_a_stage_s_command_takes_its_arguments_and_hands_them_on(fake: Fake, name: str) -> None:
    given: dict[str, str] = {}

    def stage(**arguments: str) -> Report:
        given.update(arguments)
        return Done(stage=name)

    fake(name, stage)
    takes = STAGES[name].takes
    options = [f"--{each.replace('_', '-')}={VALUES[each]}" for each in takes]
    done = invoke(name, *options)
    assert done.exit_code == 0, done.output
    assert given == {each: VALUES[each] for each in takes}
    assert json.loads(done.stdout)["stage"] == name


@pytest.mark.parametrize("name", list(STAGES))
def test_what_has_no_default_has_to_be_given(fake: Fake, name: str) -> None:
    fake(name, lambda **_: Done(stage=name))
    for missing, default in STAGES[name].takes.items():
        others = [each for each in STAGES[name].takes if each != missing]
        options = [f"--{each.replace('_', '-')}={VALUES[each]}" for each in others]
        done = invoke(name, *options)
        if default is None:
            assert done.exit_code == 2
            assert f"--{missing.replace('_', '-')}" in done.stderr
        else:
            assert done.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["land", "--start", "yesterday", "--end", "2024-05-02"], "'yesterday' is not a date"),
        (["land", "--start", "2024-02-30", "--end", "2024-03-02"], "'2024-02-30' is not a date"),
        (["land", "--start", "2024-05-02", "--end", "2024-05-02"], "--start must be before --end"),
        (["train", "--model", "m", "--at", "2024"], "'2024' is not a date"),
        (["features", "--model", "m", *PERIOD, "--online-at", "now"], "'now' is not a date"),
        (["live", "--model", "m", "--day", "1"], "'1' is not a date"),
        (["check", "--layer", "silver", *PERIOD], "'silver' is not one of 'raw', 'marts'"),
        (["ripen"], "No such command 'ripen'"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_done(
    fake: Fake, arguments: list[str], told: str
) -> None:
    fake(arguments[0], lambda **_: pytest.fail("the stage was called"))
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def test_commands_are_listed_with_the_stages_first_in_their_order() -> None:
    lines = invoke("--help").stdout.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines][: len(STAGES)] == list(STAGES)
    assert "supervise" not in invoke("--help").stdout


# What it prints


def test_a_report_is_json_when_it_is_piped_and_may_be_written_too(
    fake: Fake, tmp_path: Path
) -> None:
    fake("layer", lambda **_: Done(stage="layer"))
    path = tmp_path / "reports" / "layer.json"
    done = invoke("layer", *PERIOD, "--report", str(path))
    assert json.loads(done.stdout) == Done(stage="layer").model_dump(mode="json")
    assert json.loads(path.read_text()) == json.loads(done.stdout)


def on_a_terminal(*arguments: str) -> str:
    """What a command of the shipped project writes on a terminal."""
    ours, theirs = os.openpty()
    environment = {
        **os.environ,
        "PERENNIAL_PROJECT": str(REPOSITORY),
        "COLUMNS": "100",
        "TERM": "dumb",
    }
    code = f"""
import sys, types
from perennial import cli, stages
from perennial.keep.report import Report
class Done(Report):
    n_rows: int = 1234
    tables: tuple[dict[str, object], ...] = ({{"table": "orders", "n_failing": 7}},)
stages.import_module = lambda _: types.SimpleNamespace(layer=lambda **_: Done())
sys.argv = ["perennial", *{list(arguments)!r}]
cli.main()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                some = os.read(ours, 10_000)
            except OSError:  # the other side is closed
                break
            if not some:
                break
            written += some
        _, complaints = process.communicate()
    os.close(ours)
    assert process.returncode == 0, complaints.decode()
    return written.decode()


def test_a_report_is_a_table_on_a_terminal_and_json_when_asked() -> None:
    table = on_a_terminal("layer", *PERIOD)
    assert "n_rows" in table
    assert "1234" in table
    assert "orders" in table
    assert "│" in table
    assert "{" not in table
    assert json.loads(on_a_terminal("layer", *PERIOD, "--json"))["n_rows"] == 1234


# How it ends


def error_of(kind: type[PerennialError]) -> PerennialError:
    return DeclarationError(["one", "two"]) if kind is DeclarationError else kind("one\ntwo")


KINDS: list[type[PerennialError]] = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, PerennialError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_the_project_is_told_in_words_with_its_own_exit_code(
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: type[PerennialError],
) -> None:
    def fail(**_: str) -> Report:
        raise error_of(kind)

    fake("layer", fail)
    assert ended(monkeypatch, "layer", *PERIOD) == kind.exit_code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{kind.__name__}: one\ntwo\n"


def test_every_kind_of_error_has_an_exit_code_of_its_own() -> None:
    codes = [kind.exit_code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_a_wrong_option_ends_with_two_and_a_stop_with_130(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(**_: str) -> Report:
        raise KeyboardInterrupt

    assert ended(monkeypatch, "layer", "--start", "2024-05-01") == 2
    assert "Missing option '--end'" in capsys.readouterr().err
    fake("layer", stopped)
    assert ended(monkeypatch, "layer", *PERIOD) == 130
    assert "stopped" in capsys.readouterr().err


def test_a_mistake_in_the_engine_is_not_dressed_up(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: str) -> Report:
        raise RuntimeError("a bug")

    fake("layer", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        ended(monkeypatch, "layer", *PERIOD)


def test_outside_of_a_project_that_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PERENNIAL_PROJECT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert ended(monkeypatch, "validate") == DeclarationError.exit_code
    assert "no project here or above" in capsys.readouterr().err


def test_nothing_runs_and_nothing_serves_in_a_new_project(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_PROJECT", str(copy))
    assert invoke("status").stdout.splitlines() == [
        "nothing runs (`perennial up` starts it)",
        "flight_delay: -",
    ]
    assert invoke("down").stdout == "nothing was running\n"
    shown = invoke("show", "--model", "flight_delay").stdout
    assert "has not been judged yet" in shown
    assert "Nothing serves flight_delay yet" in shown


# Validate


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped declarations, to be broken."""
    for name in ("data", "models", "feature_repo"):
        shutil.copytree(
            REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("lake"), symlinks=True
        )
    return tmp_path


def validate(root: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """The command, and the processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "perennial.cli", "validate"],
        env={**os.environ, "PERENNIAL_PROJECT": str(root)}, capture_output=True, text=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_the_shipped_project_is_valid_and_said_so_within_two_seconds() -> None:
    done, seconds = validate(REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all declarations are valid\n")
    assert seconds < CPU_SECONDS


def test_all_mistakes_of_all_files_are_listed_at_once(copy: Path) -> None:
    path = copy / "models" / "flight_delay.yaml"
    model = yaml.safe_load(path.read_text("utf-8"))
    model["judge"]["confidence"] = 1.5
    model["train"]["sead"] = 7
    path.write_text(yaml.safe_dump(model), encoding="utf-8")
    other = {**yaml.safe_load((REPOSITORY / "models/flight_delay.yaml").read_text("utf-8"))}
    other |= {"features": "flight_dela", "rows": {"mart": "flight", "key": ["flight_id"]}}
    (copy / "models" / "other.yaml").write_text(yaml.safe_dump(other), encoding="utf-8")
    gate = copy / "data/expectations/raw/planes.yaml"
    gate.write_text("expectations: [{type: expect_column_values_to_be_nul, severity: stop, "
                    "why: x, kwargs: {column: tailnumm}}]\n", encoding="utf-8")  # fmt: skip
    done, _ = validate(copy)
    assert done.returncode == 2
    assert done.stdout == ""
    *mistakes, count = done.stderr.splitlines()
    assert count == f"{len(mistakes)} mistakes"
    for told in (
        "models/flight_delay.yaml: judge.confidence must be in (0.5, 1), got 1.5",
        'models/flight_delay.yaml: train.sead is not a known field, did you mean "seed"?',
        "models/other.yaml: rows.mart 'flight' is not a mart, did you mean \"flights\"?",
        "models/other.yaml: features 'flight_dela' is not a feature service, did you mean",
        "data/expectations/raw/planes.yaml: expectations.0.type 'expect_column_values_to_be_nul' "
        "is not an expectation",
        "data/expectations/raw/planes.yaml: expectations.0.kwargs.column 'tailnumm' is not a "
        'column, did you mean "tailnum"?',
    ):
        assert any(mistake.startswith(told) for mistake in mistakes), (told, mistakes)


def test_validating_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom perennial.cli import commands\n"
        "commands(['validate'], standalone_mode=False)\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PERENNIAL_PROJECT": str(REPOSITORY)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_schemas_writes_below_the_project(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_PROJECT", str(copy))
    done = invoke("schemas", "--to", "manual")
    assert done.exit_code == 0
    for line in done.stdout.splitlines():
        committed = REPOSITORY / line.replace("manual/", "docs/")
        assert (copy / line).read_bytes() == committed.read_bytes()


def test_a_misspelt_strategy_is_told_with_the_nearest() -> None:
    told = invoke("train", "--model", "ripeness", "--at", "2024-05-02", "--strategy", "lorra")
    assert told.exit_code == 2
    assert "'lorra', did you mean \"lora\"? (accepted: stateless, " in told.output
    assert "[|" not in invoke("train", "--help").output
