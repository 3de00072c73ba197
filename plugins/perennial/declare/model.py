"""Models: what is predicted, from what, and how it lives (`models/<name>.yaml`)."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from perennial.declare import family_parameters, optimize
from perennial.declare.decide import Decide
from perennial.declare.frozen import Frozen
from perennial.declare.judge import Judge
from perennial.declare.optimize import Optimize
from perennial.declare.release import Release
from perennial.declare.train import Train
from perennial.declare.watch import Watch

Task = Literal["binary", "regression"]


class Rows(Frozen):
    """The rows that the model answers about: one question each."""

    mart: str = Field(description="The mart with one row per question.")
    key: tuple[str, ...] = Field(min_length=1, description="Columns that identify a question.")
    event_timestamp: str = Field(
        "event_timestamp", description="The column with the moment at which it is asked (UTC)."
    )


class Label(Frozen):
    """The truth, and when it is known."""

    column: str = Field(description="The mart's column with the truth; null where there is none.")
    known_at: str = Field(description="The mart's column with the moment the truth is known (UTC).")
    positive: str = Field("yes", description="binary: the word for label 1 in answers.")
    negative: str = Field("no", description="binary: the word for label 0 in answers.")
    unit: str = Field("", description="regression: the unit of the answer.")


class RequestField(Frozen):
    """One thing that a caller knows when asking."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The field's name, as in the mart.")
    type: Literal["string", "integer", "number", "boolean", "timestamp"] = Field(
        description="The JSON type; timestamp is an ISO 8601 string with its offset."
    )
    description: str = Field(description="What it means, with its unit; shown in the OpenAPI.")
    required: bool = Field(True, description="Whether a question without it is refused.")
    minimum: float | None = Field(None, description="The least accepted number.")
    maximum: float | None = Field(None, description="The greatest accepted number.")
    max_length: int = Field(100, ge=1, le=10_000, description="The longest accepted string.")
    feature: bool = Field(False, description="Whether the model sees the value as it is given.")
    example: Any = Field(description="A valid value, shown in the OpenAPI and used by the docs.")


class Asked(Frozen):
    """When a question counts as asked: so long before the moment in one of its fields."""

    field: str = Field(description="A request field of type timestamp.")
    minutes_before: float = Field(0, ge=0, description="Minutes before that moment.")


class Request(Frozen):
    """What a caller sends to /predict."""

    fields: tuple[RequestField, ...] = Field(min_length=1, description="The accepted fields.")
    asked: Asked = Field(description="The question's own time, the same online and offline.")

    @model_validator(mode="after")
    def _asked_is_a_timestamp(self) -> Self:
        kinds = {field.name: field.type for field in self.fields}
        if kinds.get(self.asked.field) != "timestamp":
            raise ValueError(
                f"asked.field {self.asked.field!r} is not a request field of type timestamp"
            )
        return self


class Package(Frozen):
    """What goes into the Bento."""

    reference_rows: int = Field(
        200, ge=1, le=10_000, description="Rows whose answers a server must reproduce."
    )
    intended_use: str = Field(
        "", description="What the answers are for, and what not; shown in the model card."
    )


class Serve(Frozen):
    """How questions are answered."""

    threshold: float = Field(0.5, gt=0, lt=1, description="binary: score from which it says yes.")
    max_batch: int = Field(256, ge=1, le=10_000, description="The most questions in one request.")
    timeout_ms: int = Field(2000, ge=10, description="How long the gateway waits for a slot.")
    n_reasons: int = Field(5, ge=1, description="How many reasons /explain lists.")


class Model(Frozen):
    """One declared model. Its name is the file's name."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The file's name.")
    description: str = Field(min_length=1, description="What it predicts, for whom, when.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    task: Task = Field(description="binary: a probability. regression: a number.")
    rows: Rows = Field(description="The questions of the past, one row each.")
    label: Label = Field(description="The truth, and when it is known.")
    features: str = Field(description="The Feast feature service with the model's inputs.")
    request: Request = Field(description="What a caller sends, and when it counts as asked.")
    train: Train = Field(description="How a candidate comes about.")
    optimize: Optimize = Field(
        default_factory=lambda: Optimize.model_validate({}),
        description="Which smaller or faster forms of a candidate are made, and which goes on.",
    )
    judge: Judge = Field(description="What a candidate must show before it may serve.")
    package: Package = Field(
        default_factory=lambda: Package.model_validate({}), description="What goes into the Bento."
    )
    serve: Serve = Field(
        default_factory=lambda: Serve.model_validate({}), description="How questions are answered."
    )
    release: Release = Field(
        default_factory=lambda: Release.model_validate({}),
        description="How a new version comes to answer.",
    )
    watch: Watch = Field(
        default_factory=lambda: Watch.model_validate({}),
        description="What is looked at every night.",
    )
    decide: Decide = Field(
        default_factory=lambda: Decide.model_validate({}),
        description="What is done about what was seen.",
    )

    @model_validator(mode="before")
    @classmethod
    def _parameters_of_the_learner(cls, document: Any) -> Any:
        return family_parameters.chosen(document)

    @model_validator(mode="after")
    def _parameters_are_the_learner_s(self) -> Self:
        train = self.train
        wrong = family_parameters.mistakes(train.learner, train.parameters, self.task)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @model_validator(mode="after")
    def _variants_are_the_learner_s(self) -> Self:
        wrong = optimize.mistakes(self.optimize, self.train.learner)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @model_validator(mode="after")
    def _released_by_request_fields(self) -> Self:
        fields = {field.name for field in self.request.fields}
        wrong = sorted(set(self.release.sticky_by) - fields)
        if wrong:
            raise ValueError(
                f"release.sticky_by: {', '.join(wrong)} is no field of the request "
                f"(it has: {', '.join(sorted(fields))})"
            )
        return self

    @model_validator(mode="after")
    def _interleaves_several_rows(self) -> Self:
        if self.release.kind == "interleave" and self.serve.max_batch < 2:
            raise ValueError(
                "release.kind interleave needs serve.max_batch of 2 or more, because a query has "
                f"at least two items to rank, got {self.serve.max_batch}"
            )
        return self

    @model_validator(mode="after")
    def _metrics_fit_the_task(self) -> Self:
        regression = {"rmse", "mae", "r2"}
        asked = {self.judge.primary, *self.judge.metrics, *self.judge.limits}
        wrong = sorted(
            each for each in asked if (each in regression) != (self.task == "regression")
        )
        if wrong:
            raise ValueError(f"judge: {', '.join(wrong)} does not fit the task {self.task}")
        if self.judge.held_back_days > self.judge.days:
            raise ValueError(
                f"judge.held_back_days {self.judge.held_back_days} cannot be more than judge.days "
                f"{self.judge.days}"
            )
        if 2.0 ** (1 - self.judge.held_back_days) > 1 - self.judge.confidence:
            raise ValueError(
                f"judge.held_back_days {self.judge.held_back_days} gives no interval by day with "
                f"judge.confidence {self.judge.confidence:g}, so that nothing would ever be "
                f"blessed; it takes at least {_least_days(self.judge.confidence)}"
            )
        if self.judge.primary not in self.judge.metrics:
            raise ValueError(f"judge.primary {self.judge.primary!r} is not among judge.metrics")
        return self


def _least_days(confidence: float) -> int:
    """How many days bound an interval by day (see `measure.intervals.expanded_tail`).

    >>> _least_days(0.95), _least_days(0.99)
    (6, 8)
    """
    return next(n for n in range(2, 100) if 2.0 ** (1 - n) <= 1 - confidence)
