"""New labels and the champion's own answers teach together: learning without forgetting.

Li and Hoiem 2016, arXiv:1606.09282; answers softened by a temperature as in Hinton, Vinyals and
Dean 2015, arXiv:1503.02531.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from perennial.declare.model import Task
from perennial.learn.contract import Fitted, Lesson
from perennial.learn.network.batches import Batch
from perennial.learn.network.objectives import Objective, RowLoss, label_loss
from perennial.learn.network.strategies.onward import Onward
from perennial.learn.network.torch_library import torch

TEACHER = "teacher"


def distill(lesson: Lesson) -> Fitted:
    """All weights learn from labels and from what the champion says of the same rows."""
    onward = Onward(lesson)
    base, given = onward.base, lesson.declared.update.distill
    said = base.level.targets(base.raw_scores(lesson.evidence.rows))
    teacher = torch.from_numpy(said).to(torch.float32)
    onward.data = replace(onward.data, more={**onward.data.more, TEACHER: teacher})
    objective = Objective(
        taught_loss(base.task, given.weight, given.temperature), judged=label_loss(base.task)
    )
    learned = onward.learn(objective=objective)
    return onward.fitted(learned)


def taught_loss(task: Task, weight: float, temperature: float) -> RowLoss:
    """(1 - weight) x the labels' loss + weight x the loss against the teacher's answers.

    For binary both are divided by the temperature and their cross-entropy is multiplied by its
    square, so that its gradient keeps its size whatever the temperature.
    """
    labels = label_loss(task)

    def loss(out: Tensor, batch: Batch) -> Tensor:
        teacher = batch.more[TEACHER]
        if task == "regression":
            taught = (out - teacher) ** 2
        else:
            taught = temperature**2 * nn.functional.binary_cross_entropy_with_logits(
                out / temperature, torch.sigmoid(teacher / temperature), reduction="none"
            )
        return (1 - weight) * labels(out, batch) + weight * taught

    return loss
