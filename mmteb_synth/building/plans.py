"""What a plan says: how much there is to do, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mmteb_synth.errors import SynthError
from mmteb_synth.types import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How much there is to do.

    Attributes:
        segments: Unique segments.
        cached: Those that the cache answers.
        failed: Those that were asked for in vain before and are not asked again.
        gaps: Those that nobody can be asked for.
        to_ask: Texts to ask for; one that is too long for the translator counts as its parts.
        characters: Characters of all segments.
        whole: Characters of the source's texts, those that occur again or that MTEB never embeds among them.
        usage: The tokens that asking will probably take, prompts among them.
    """

    segments: int = 0
    cached: int = 0
    failed: int = 0
    gaps: int = 0
    to_ask: int = 0
    characters: int = 0
    whole: int = 0
    usage: Usage = field(default_factory=Usage)

    def __add__(self, other: Volume) -> Volume:
        """The sum of both."""
        return Volume(
            segments=self.segments + other.segments,
            cached=self.cached + other.cached,
            failed=self.failed + other.failed,
            gaps=self.gaps + other.gaps,
            to_ask=self.to_ask + other.to_ask,
            characters=self.characters + other.characters,
            whole=self.whole + other.whole,
            usage=self.usage + other.usage,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something costs.

    Attributes:
        dollars: US dollars, asked live; None where nobody knows.
        batch_dollars: The same by the Batch API; None where there is none.
        gpu_hours: Hours of one GPU at the tokens a second that were named; None where none were.
        seconds: Time at the translator's limits of requests and tokens a minute; None where none are known.
    """

    dollars: float | None = None
    batch_dollars: float | None = None
    gpu_hours: float | None = None
    seconds: float | None = None


def total_cost(costs: Iterable[Cost]) -> Cost:
    """The sum of costs; unknown where one of them is."""
    every = list(costs)
    return Cost(
        dollars=_sum(cost.dollars for cost in every),
        batch_dollars=_sum(cost.batch_dollars for cost in every),
        gpu_hours=_sum(cost.gpu_hours for cost in every),
        seconds=_sum(cost.seconds for cost in every),
    )


def _sum(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlan:
    """What one set takes.

    Attributes:
        name: The set's name.
        language: The target language.
        exact: Whether its source was read; otherwise all numbers are estimates from MTEB's statistics.
        unchanged: Whether it is stored already and a build would leave it alone.
        volume: How much there is to do; None where nothing is known.
        cost: What that costs.
        error: Why its source could not be read.
    """

    name: str
    language: str
    exact: bool = True
    unchanged: bool = False
    volume: Volume | None = None
    cost: Cost = field(default_factory=Cost)
    error: SynthError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingPlan:
    """What an embedding model behind an API will cost for all sets of a plan.

    Attributes:
        model: Its name.
        tokens: Tokens of the texts in their target languages.
        dollars: What they cost; None where nobody wrote the price down.
        price: US dollars for a million tokens.
        date: When that was read.
    """

    model: str
    tokens: int
    dollars: float | None
    price: float | None
    date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePlan:
    """What all sets of a plan hold together under a profile.

    Attributes:
        profile: The profile's label.
        total: How much there is to do.
        cost: What that costs.
        exact: Whether every set was read.
        complete: Whether something is known of every set.
    """

    profile: str
    total: Volume
    cost: Cost
    exact: bool
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would do.

    Attributes:
        sets: Set by set, each as if it were built alone.
        total: All of them together: what several sets share is asked once.
        cost: What the total costs.
        embeddings: What embedding models will cost.
        notes: What the numbers rest on.
        profiles: The same sets under each profile, where they are compared.
    """

    sets: tuple[SetPlan, ...]
    total: Volume
    cost: Cost
    embeddings: tuple[EmbeddingPlan, ...] = ()
    notes: tuple[str, ...] = ()
    profiles: tuple[ProfilePlan, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether every set was read."""
        return all(one.exact for one in self.sets)

    @property
    def complete(self) -> bool:
        """Whether something is known of every set."""
        return all(one.volume is not None for one in self.sets)
