"""What lies in the model store and is not what was packaged: refused before anything parses it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from perennial.declare.train import Train
from perennial.errors import IntegrityError
from perennial.learn import loading, version_files
from perennial.learn.contract import Evidence
from perennial.learn.lightgbm_fitting import fit
from perennial.learn.version_files import MANIFEST

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def saved() -> dict[str, bytes]:
    """The files of a small fitted model."""
    numbers, n = np.random.default_rng(3), 300
    rows = pa.table(
        {
            "a": numbers.normal(size=n),
            "b": numbers.choice(["x", "y"], n),
            "c": numbers.normal(size=n),
        }
    )
    labels = (numbers.normal(size=n) + rows["a"].to_numpy() > 0).astype(float)
    days = np.datetime64("2024-01-01") + np.arange(n) // 30
    declared = Train.model_validate(
        {
            "parameters": {"num_leaves": 5, "min_data_in_leaf": 5},
            "stopping": {"days": 3, "rounds": 3, "max_rounds": 8},
        }
    )
    return fit(Evidence(rows, labels, days), "binary", declared, lambda n: None).learner.save()


@pytest.fixture
def folder(saved: dict[str, bytes], tmp_path: Path) -> Path:
    version_files.write(tmp_path / "v", saved, {"training.json": b"{}"})
    return tmp_path / "v"


def must_be_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading fails, and no parser has seen a byte."""

    def parse(*_: Any) -> Any:
        pytest.fail("it was parsed")

    monkeypatch.setattr(loading, "family_of", parse)
    with pytest.raises(IntegrityError):
        loading.load_model(folder)
    monkeypatch.undo()


def test_a_flipped_bit_anywhere_is_refused_before_parsing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """500 bits, drawn over all files but the manifest, whose own tests flip every byte."""
    draw = random.Random(21)
    names = sorted(path.name for path in folder.iterdir() if path.name != MANIFEST)
    sizes = [(folder / name).stat().st_size for name in names]
    for _ in range(500):
        name = draw.choices(names, sizes)[0]
        content = bytearray((folder / name).read_bytes())
        place = draw.randrange(len(content))
        whole = bytes(content)
        content[place] ^= 1 << draw.randrange(8)
        (folder / name).write_bytes(content)
        must_be_refused(folder, monkeypatch)
        (folder / name).write_bytes(whole)
    loading.load_model(folder)


def test_a_cut_an_added_and_a_swapped_file_are_refused_before_parsing(
    folder: Path, saved: Mapping[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(22)
    for name in saved:
        for _ in range(50):
            (folder / name).write_bytes(saved[name][: draw.randrange(len(saved[name]))])
            must_be_refused(folder, monkeypatch)
        (folder / name).write_bytes(saved[name] + b"\n")
        must_be_refused(folder, monkeypatch)
        (folder / name).write_bytes(saved[name])
    for name in ("more.txt", "model.txt.bak", "deep/model.txt", ".hidden", "calibration.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
        must_be_refused(folder, monkeypatch)
        (folder / name).unlink()
    other = {**saved, "model.txt": saved["model.txt"].replace(b"leaf_value=", b"leaf_value=-")}
    version_files.write(tmp_path / "w", other, {"training.json": b"{}"})
    mine, theirs = folder / MANIFEST, tmp_path / "w" / MANIFEST
    whole = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    must_be_refused(folder, monkeypatch)
    mine.write_bytes(whole)
    loading.load_model(folder)


def test_what_is_swapped_after_it_was_verified_is_not_what_is_loaded(
    folder: Path, saved: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"a": [0.5, -1.0], "b": ["x", None], "c": [0.0, 2.0]}
    before = loading.load_model(folder).predict(rows)
    parse = loading.parse_model

    def swap_then_parse(version: version_files.VersionFiles) -> Any:
        inverted = saved["model.txt"].replace(b"leaf_value=", b"leaf_value=-")
        (folder / "model.txt").write_bytes(inverted)
        (folder / "features.json").write_bytes(b'{"family": "evil"}')
        return parse(version)

    monkeypatch.setattr(loading, "parse_model", swap_then_parse)
    assert loading.load_model(folder).predict(rows).tolist() == before.tolist()
    monkeypatch.undo()
    must_be_refused(folder, monkeypatch)


CHILD = """
import json, os, signal, sys
from perennial.learn.lightgbm_learner import LightGBMLearner
from perennial.learn.lightgbm_library import lightgbm

lightgbm()  # once, not in every child

def ended(files, seconds=1):
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        try:
            learner = LightGBMLearner.load(files)
            learner.predict({"a": [0.5], "b": ["x"], "c": [1.0]})
        except Exception:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

*texts, rest = json.load(sys.stdin)
files = {name: text.encode("latin-1") for name, text in rest.items()}
codes = [ended({**files, "model.txt": texts.pop(0).encode("latin-1")}, 60)]
codes += [ended({**files, "model.txt": text.encode("latin-1")}) for text in texts]
sys.stdout.write(json.dumps(codes))
"""


def crafted(model: bytes, draw: random.Random) -> bytes:
    """A model text that nobody's LightGBM has written."""
    text = bytearray(model)
    match draw.randrange(5):
        case 0:
            start = draw.randrange(len(text))
            del text[start : start + draw.randrange(1, 400)]
        case 1:
            for _ in range(draw.randrange(1, 30)):
                text[draw.randrange(len(text))] = draw.randrange(256)
        case 2:
            lines = bytes(text).split(b"\n")
            draw.shuffle(lines)
            return b"\n".join(lines)
        case 3:
            numbers = [b"-1", b"999999999", b"2147483648", b"nan", b"1e999", b""]
            lines = bytes(text).split(b"\n")
            places = [n for n, line in enumerate(lines) if b"=" in line]
            for place in draw.sample(places, 5):
                name = lines[place].split(b"=")[0]
                lines[place] = name + b"=" + draw.choice(numbers)
            return b"\n".join(lines)
        case _:
            return bytes(text[: draw.randrange(len(text))])
    return bytes(text)


def test_a_crafted_model_kills_at_most_the_process_that_loads_it(
    folder: Path, saved: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loaded in a child it may crash it; by the store's own door it is never parsed at all."""
    draw = random.Random(24)
    texts = [crafted(saved["model.txt"], draw) for _ in range(150)]
    for text in texts:
        (folder / "model.txt").write_bytes(text)
        must_be_refused(folder, monkeypatch)
    given = [saved["model.txt"], *texts]
    rest = {name: each.decode("latin-1") for name, each in saved.items()}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD],
        input=json.dumps([*(each.decode("latin-1") for each in given), rest]).encode(),
        capture_output=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    codes = json.loads(done.stdout)
    assert len(codes) == len(given)
    assert codes[0] == 0, "what was packaged loads in such a child"
    assert any(codes[1:]), "the corpus is hostile: some of it is refused, or kills the child"
    (folder / "model.txt").write_bytes(saved["model.txt"])
    assert len(loading.load_model(folder).predict({"a": [0.5], "b": ["x"], "c": [1.0]})) == 1
