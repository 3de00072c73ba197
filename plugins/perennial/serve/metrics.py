"""What the gateway counts, in Prometheus' terms; BentoML serves it at /metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ANSWERS = Counter(
    "perennial_answers_total", "Answered predictions", ["model", "version", "variant"]
)
REFUSALS = Counter("perennial_refusals_total", "Requests not answered, by reason", ["code"])
ANSWER_SECONDS = Histogram(
    "perennial_answer_seconds",
    "Time from a parsed request to its answer",
    ["model"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
MISSING_FEATURES = Counter(
    "perennial_missing_features_total", "Features without a value when asked", ["model", "view"]
)
EVENTS = Counter("perennial_events_total", "Events journaled", ["source"])
EVENTS_LAST = Gauge(
    "perennial_events_last_seq",
    "Number of the last event",
    ["source"],
    multiprocess_mode="mostrecent",
)
EVENTS_FRESH = Gauge(
    "perennial_events_fresh_seq",
    "Last event seen by the freshener",
    ["source"],
    multiprocess_mode="mostrecent",
)
