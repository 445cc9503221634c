"""The tables of a leaderboard: a group for each suite, profile, limit and translator, a table for each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mmteb_synth.ranking.apart import Place
from mmteb_synth.ranking.results import Model, Score
from mmteb_synth.ranking.uncertainty import Estimate

BITEXT = "BitextMining"


MEANS = (
    "mean_task",
    "mean_type",
    "mean_language",
    "mean_task_unflagged",
    "english_mean_task",
    "delta_english",
)
"""The means of a row over all its types, as they are called in leaderboard.csv."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model in one table. Scores are MTEB's `main_score` times 100; None is a missing one.

    Attributes:
        model: Who.
        n_tasks: How many sets a mean covers.
        n_scored: How many of these have a score.
        missing: Names of those that have none, with their language in a table over several.
        borda_rank: MTEB's rank; None for a model without any score that counts.
        place: Its rank group, and how sure its rank is.
        means: Each of `MEANS`: over the sets; over the types' means; over the languages' means, which is told over
            several languages only; over the sets whose type carries a rank signal (`ranking.flagged`); of English over
            the same tasks; and the mean less the English mean, both over the tasks that have both.
        n_common: How many sets have both.
        types: Task type -> mean.
        languages: Language code -> mean; empty in the table of one language.
        zero_shot: MTEB's mark, per cent of the suite's tasks that the model was not trained on.
    """

    model: Model
    n_tasks: int
    n_scored: int
    missing: tuple[str, ...]
    borda_rank: int | None
    place: Place
    means: Mapping[str, Estimate]
    n_common: int
    types: Mapping[str, Estimate]
    languages: Mapping[str, Estimate] = field(default_factory=dict)
    zero_shot: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The models in one language, or over all languages.

    Attributes:
        language: Its code; None over all.
        scores: What the table is made of.
        rows: By rank, mean and name.
        drawn: What tells models apart: `tasks`, `examples`, or None where nothing does.
    """

    language: str | None
    scores: tuple[Score, ...]
    rows: tuple[Row, ...]
    drawn: str | None = None

    @property
    def origin(self) -> str:
        """How the text came to its language; several joined by `+` where the user asked for means across."""
        return "+".join(sorted({score.signed.origin for score in self.scores}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Tables whose scores may be compared.

    Attributes:
        suite: Name of the suite.
        demo: Whether it is a demo, not a benchmark.
        profile: How much of each set was scored, as `full`.
        limit: Rows of a trial; None for whole sets.
        label: The translator, or the origin of sets that nobody translated here.
        overall: The table over all languages but English; None where there is one at most.
        languages: A table for each language, in the order of their codes.
    """

    suite: str
    demo: bool
    profile: str
    limit: int | None
    label: str
    overall: Table | None
    languages: tuple[Table, ...]
