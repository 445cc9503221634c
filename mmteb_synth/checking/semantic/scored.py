"""What all semantic checks share: the pairs they judge, and the form of what they find."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from mmteb_synth.types import Kind, Language, ProgressHook, Usage


class Pair(NamedTuple):
    """A source and its translation, as a row of the ledger has them."""

    source: str
    hypothesis: str
    kind: Kind = "sentence"


@dataclass(slots=True, kw_only=True)
class Scored:
    """What a check found of pairs, by their places.

    Attributes:
        judge: The check with its model and its prompt's version, as judgements name it.
        unit: What the scores are, in words.
        scores: Of the pairs that it could judge.
        words: What it said of them.
        flagged: The pairs that it flags.
        failures: Why it could not judge others.
        rule: When it flags a pair, or why it flags none: "flags …".
        notes: What a reader of the scores must know.
        hits: Pairs that needed no asking.
        requests: Requests that were made.
        usage: Tokens used.
    """

    judge: str
    unit: str
    scores: dict[int, float] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)
    flagged: set[int] = field(default_factory=set)
    failures: dict[int, str] = field(default_factory=dict)
    rule: str = ""
    notes: list[str] = field(default_factory=list)
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)


class Check(Protocol):
    """A semantic check, ready to judge pairs in one language."""

    def score(self, pairs: Sequence[Pair], progress: ProgressHook | None = None) -> Scored:
        """Judge pairs.

        Args:
            pairs: Sources and hypotheses.
            progress: Told how far it is, where requests are made.
        """
        ...


class Semantic(Protocol):
    """A semantic check that was asked for, before a language is chosen."""

    def into(self, language: Language) -> Check:
        """The check of translations into a language.

        Raises:
            SynthError: It can't judge translations into that language.
        """
        ...
