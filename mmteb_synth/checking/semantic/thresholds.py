"""When a score is low: no better than what the check gives to texts that do not belong together.

Scores of a similarity or of a back-translation mean nothing by themselves: the same 0.5 is poor under one model and
language and good under another. So each run measures its own yardstick, the scores of wrong pairs, each source beside
the hypothesis of another row. A hypothesis that scores like those may as well be of another text. `thresholds.toml`
has the numbers and what they were measured on.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_NORMAL = 1.4826
"""The median absolute deviation of a normal distribution is its standard deviation divided by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Where the line lies.

    Attributes:
        value: What scores no more is flagged; None where nothing can be.
        rule: What is flagged, or why nothing is, in words.
    """

    value: float | None
    rule: str


def threshold(scores: Sequence[float], wrong: Sequence[float]) -> Threshold:
    """Draw the line below which a hypothesis may as well belong to another source.

    Args:
        scores: The scores of the pairs, of which up to a third may be bad.
        wrong: The scores of wrong pairs.

    Returns:
        The line; none where the check can't tell the set's own pairs from wrong ones, or where these are too few.
    """
    numbers = table()
    if len(wrong) < numbers["fewest_pairs"]:
        return Threshold(
            value=None, rule=f"flags none: {len(wrong)} pairs are too few to know what wrong pairs score"
        )
    line = float(np.quantile(wrong, numbers["wrong_pairs_quantile"]))
    middle, spread = float(np.median(scores)), _spread(wrong)
    typical = f"the set's median {middle:.3g}, {numbers['wrong_pairs_quantile']:.0%} of wrong pairs below {line:.3g}"
    if middle - line <= numbers["margin"] * spread:
        return Threshold(
            value=None, rule=f"flags none: it can't tell these pairs from wrong ones ({typical})"
        )
    return Threshold(value=line, rule=f"flags what is no better than wrong pairs ({typical})")


def partners(count: int, most: int) -> list[tuple[int, int]]:
    """Wrong pairs: places of sources, each with the place of another row's hypothesis.

    Args:
        count: How many rows there are.
        most: How many wrong pairs are wanted at most, spread evenly over the rows.
    """
    if count < 2:
        return []
    step, away = max(count // most, 1), count // 2
    return [(place, (place + away) % count) for place in range(0, count, step)][:most]


@functools.cache
def table() -> Mapping[str, Any]:
    """The numbers of `thresholds.toml`."""
    return tomllib.loads(Path(__file__).with_name("thresholds.toml").read_text("utf-8"))


def _spread(values: Sequence[float]) -> float:
    """A standard deviation that few odd values do not move."""
    return _NORMAL * float(np.median(np.abs(np.asarray(values) - np.median(values))))
