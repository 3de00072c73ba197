"""Living a day: each answer is held against the version that gave it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
from tests.conftest import FIRST_DAY, MODEL

from perennial.declare.project import Project
from perennial.keep import partitions
from perennial.keep.ledger import bento_folder
from perennial.learn import version_files
from perennial.learn.contract import Evidence
from perennial.learn.lightgbm_fitting import fit
from perennial.replay.living import offline_answers
from perennial.train.labelled_rows import read_labelled


def test_during_a_release_each_answer_is_compared_with_its_own_version(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(n_days=12)
    model = project.model(MODEL)
    table = pq.ParquetFile(
        partitions.partition(project.lake / "training" / MODEL, FIRST_DAY + timedelta(days=11))
    ).read()
    said, names = [], []
    for n_days in (9, 11):
        end = FIRST_DAY + timedelta(days=n_days)
        rows = read_labelled(project, model, FIRST_DAY, end, known_by=end + timedelta(days=9))
        evidence = Evidence(rows.features, rows.labels, rows.days)
        learner = fit(evidence, model.task, model.train, lambda _: None).learner
        files = learner.save()
        names.append(version_files.digest_of(files)[:12])
        folder = bento_folder(project, MODEL, names[-1]) / "src" / "model"
        assert version_files.write(folder, files, {})[:12] == names[-1]
        said.append(learner.predict(table.select(list(learner.features))))
    assert np.abs(said[0] - said[1]).max() > 1e-3  # two versions that tell rows apart differently
    turns = np.arange(table.num_rows) % 2
    offline = offline_answers(project, model, table, [names[turn] for turn in turns])
    np.testing.assert_array_equal(offline, np.where(turns == 0, said[0], said[1]))
