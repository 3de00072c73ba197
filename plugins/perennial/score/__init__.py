"""Score: a period's questions answered at once, and what was answered live, in the lake."""

from perennial.score.answers import SCHEMA, predictions_table, read_answers
from perennial.score.folding import Folded, fold
from perennial.score.scoring import Scored, score

__all__ = ["SCHEMA", "Folded", "Scored", "fold", "predictions_table", "read_answers", "score"]
