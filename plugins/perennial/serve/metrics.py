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
FALLBACKS = Counter(
    "perennial_fallbacks_total",
    "Questions of the challenger's share that the champion answered, the challenger having failed",
    ["model", "version"],
)
FAILURES = Counter(
    "perennial_failures_total", "Questions that nobody answered", ["model", "variant", "code"]
)
COPIES = Counter(
    "perennial_shadow_copies_total",
    "Questions copied to the challenger: answered, failed, or dropped",
    ["model", "outcome"],
)
WEIGHT = Gauge(
    "perennial_challenger_weight",
    "The challenger's share of the traffic",
    ["model"],
    multiprocess_mode="mostrecent",
)
SHADOW = Gauge(
    "perennial_challenger_shadow",
    "Share of the champion's questions that is copied to the challenger",
    ["model"],
    multiprocess_mode="mostrecent",
)
FEEDBACK = Counter("perennial_feedback_total", "Labels journaled", ["model"])
FEEDBACK_REPEATS = Counter(
    "perennial_feedback_repeats_total",
    "Labels of predictions that have one: the same (repeated), or another (conflicting)",
    ["model", "outcome"],
)
FEEDBACK_ASIDE = Counter(
    "perennial_feedback_set_aside_total",
    "Labels journaled and not used, their caller having given too many that day",
    ["model"],
)
DROPPED = Counter(
    "perennial_dropped_total",
    "Not journaled: copies and failures (questions), refusals (requests); never an answer",
    ["what"],
)
for _what in ("copy", "failure", "refusal"):
    DROPPED.labels(_what)  # told from the beginning, as 0
SYNC_FAILURES = Gauge(
    "perennial_journal_sync_failures",
    "How often the disk did not take what a journal holds, since the start",
    ["journal"],
    multiprocess_mode="mostrecent",
)
DISTRUSTED = Gauge(
    "perennial_distrusted_versions",
    "Versions whose bytes were not as signed and have not held since",
    ["model"],
    multiprocess_mode="mostrecent",
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
