"""Which arm of a domain's A/B test a request belongs to. Pure: the same unit is dealt the same arm, in every process."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from labmodels.config.schema.specialized_model import Split

Arm = Literal["control", "candidate"]


def arm_of(split: Split, unit: str) -> Arm:
    """Return the arm of `unit` (a user, else a prompt): a hash salted with the test's name, so that tests are dealt independently."""
    drawn = int.from_bytes(hashlib.sha256(f"{split.name}\0{unit}".encode("utf-8", "replace")).digest()[:8], "big") >> 11
    return "candidate" if drawn / 2**53 < split.share else "control"
