"""Policies lived through on past nights: how good the answers would have been, at what cost."""

from perennial.replay.policies.replayed import Replayed
from perennial.replay.policies.replaying import replay

__all__ = ["Replayed", "replay"]
