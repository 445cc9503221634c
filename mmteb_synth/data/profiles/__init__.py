"""Profiles: how much of each English set is kept, so that a benchmark costs what its user can afford.

A profile is a table of budgets, one for each kind of task, and a seed. Its label, as `nano` or `nano-s7`, stands in
the names of sets, in signatures and in columns, and scores of different labels never meet.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from mmteb_synth.errors import UnknownNameError, UsageError

LABEL = r"(?:nano|standard)(?:-s[1-9]\d*)?"
"""What a profile other than `full` leaves in a set's name, as a regular expression."""

SAMPLER = 1
"""The sampler's version: a sample drawn by another one is another sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of a set is kept.

    Attributes:
        queries: Queries of a retrieval or reranking task, at most.
        fewest: Queries that are kept even where their judged documents are more than `judged`.
        judged: Judged documents, or candidates, after which no further query is begun.
        negatives: Hard negatives for each query.
        others: Documents drawn at random.
        rows: Scored rows of a classification.
        pool: Train rows for each label, in multiples of `samples_per_label`; None for all.
        clustered: Texts of a clustering, or of each set of a legacy clustering.
        groups: Sets of a legacy clustering.
        pairs: Pairs of an STS or pair classification task.
        articles: Articles of a summarization task.
    """

    queries: int
    fewest: int
    judged: int
    negatives: int
    others: int
    rows: int
    pool: int | None
    clustered: int
    groups: int
    pairs: int
    articles: int


BUDGETS = {
    "nano": Budget(
        queries=50,
        fewest=3,
        judged=400,
        negatives=6,
        others=50,
        rows=200,
        pool=2,
        clustered=300,
        groups=3,
        pairs=100,
        articles=10,
    ),
    "standard": Budget(
        queries=1_000,
        fewest=20,
        judged=15_000,
        negatives=12,
        others=2_000,
        rows=5_000,
        pool=None,
        clustered=4_000,
        groups=10,
        pairs=5_000,
        articles=100,
    ),
}
"""By the names of profiles; `full` has no budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much of a set is kept, and by which draw.

    Attributes:
        name: `nano`, `standard` or `full`.
        seed: Another seed keeps other rows; 0 unless the user says otherwise.
    """

    name: str
    seed: int = 0

    @property
    def label(self) -> str:
        """What stands in names, signatures and columns: the name, and the seed unless it is the usual one."""
        return f"{self.name}-s{self.seed}" if self.seed else self.name

    @property
    def budget(self) -> Budget | None:
        """How much is kept; None for everything."""
        return BUDGETS.get(self.name)

    def identity(self) -> dict[str, Any]:
        """All that decides what is kept, for a fingerprint; nothing for `full`, which keeps what there is."""
        if self.budget is None:
            return {}
        return {"profile": self.label, "budget": asdict(self.budget), "sampler": SAMPLER}


FULL = Profile(name="full")
NAMES = (*BUDGETS, FULL.name)
"""From the smallest to the largest."""


def parse(label: str) -> Profile:
    """The profile of a label.

    Args:
        label: As `full`, `nano`, or `nano-s7` for another draw of the same size.

    Raises:
        UnknownNameError: There is no such profile.
        UsageError: A seed was named for `full`, which draws nothing.
    """
    found = re.fullmatch(r"(?P<name>[a-z]+)(-s(?P<seed>\d+))?", label)
    name = found["name"] if found else label
    if found is None or name not in NAMES:
        raise UnknownNameError(
            "profile", label, NAMES, hint=f"there are {', '.join(NAMES)}; nano-s7 is another draw of nano"
        )
    seed = int(found["seed"] or 0)
    if seed and name == FULL.name:
        raise UsageError(f"{label}: the profile full keeps every row, so no seed changes it", hint="say full")
    return Profile(name=name, seed=seed)
