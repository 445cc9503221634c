"""How a text came to its translation: what was tried, what was said of it, and which attempt is served."""

from __future__ import annotations

from dataclasses import dataclass

from mmteb_synth.types import Step, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way in which a translation was sought.

    Attributes:
        step: The way.
        translator: Who was asked.
        keys: The cache keys of the answers; several where the text was in parts.
        hypothesis: What came of it; None where no answer may be served.
        reason: Why it was rejected, in words; empty where it wasn't.
        verdicts: What the checks said of the hypothesis.
    """

    step: Step
    translator: str
    keys: tuple[bytes, ...]
    hypothesis: str | None
    reason: str = ""
    verdicts: tuple[Verdict, ...] = ()

    @property
    def errors(self) -> int:
        """How many errors the checks found."""
        return sum(verdict.severity == "error" for verdict in self.verdicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How a segment came to its translation, where there is more to tell than one question and its answer.

    Attributes:
        served: The attempt whose hypothesis is the translation; None where there is none.
        rejected: The other attempts, in their order.
    """

    served: Attempt | None
    rejected: tuple[Attempt, ...] = ()


@dataclass(slots=True, kw_only=True)
class Settled:
    """What became of all texts, by cache key.

    Attributes:
        translations: Of those that have one, faulty ones among them; and of parts.
        failures: Why others have none.
        verdicts: What the checks say of translations, where they say something.
        histories: Of texts with more to tell than one question and its answer.
    """

    translations: dict[bytes, str]
    failures: dict[bytes, str]
    verdicts: dict[bytes, tuple[Verdict, ...]]
    histories: dict[bytes, History]
