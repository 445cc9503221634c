"""The values that travel between the parts. Frozen, and without any input or output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["sentence", "labelled", "query", "document", "title", "summary", "instruction"]
"""What a text is in its data set; prompts differ by it. `labelled` is a text that a class label belongs to."""

Origin = Literal["translated", "human-translated", "native"]
"""How the text of a score came to its language. Means are taken within one origin."""

OnFailure = Literal["stop", "source", "drop"]

Severity = Literal["error", "warning"]

Step = Literal["asked", "again", "parts", "fallback"]
"""How a translation was had: asked for as every text is, again with the reason, in parts, or of another translator."""


class Segment(NamedTuple):
    """One text sent to the translator. A tuple, as hundreds of thousands are made, hashed and compared.

    Attributes:
        text: The exact code points of the source, never stripped.
        kind: What the text is in its data set.
        register: The tone the spec asks for, as `neutral` or `informal`.
        note: Why an earlier translation was rejected; the translator is told. Empty when it is first asked for.
    """

    text: str
    kind: Kind = "sentence"
    register: str = "neutral"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that were used, as the server reported them."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a translator answered to one segment.

    Attributes:
        translation: The hypothesis, or None where there is none that may be served.
        finish_reason: Why the answer ended: `stop`, `length`, `content_filter`, `refusal`, or `empty`.
        model: The model that answered, as the server names it; None where there is no such thing.
        usage: Tokens used.
        raw: The answer as it came, where it differs from the translation.
        wait: Seconds in which the server wants no further request: its headers say that nothing remains.
    """

    translation: str | None
    finish_reason: str = "stop"
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    raw: str | None = None
    wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check says of one translation.

    Attributes:
        check: The check's name.
        severity: `error` asks for a repair; `warning` is only reported.
        reason: The reason in words, with what was found; a translator that is asked again is told it.
        score: What the check measured, in its own unit; None where it only finds or doesn't.
    """

    check: str
    severity: Severity
    reason: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language as MTEB writes it.

    Attributes:
        code: ISO 639-3 and ISO 15924, as `tur-Latn`.
        name: Its English name for prompts and tables, as `Turkish`.
    """

    code: str
    name: str

    @property
    def iso639_3(self) -> str:
        """The code without its script, as `tur`."""
        return self.code.split("-", 1)[0]

    @property
    def script(self) -> str:
        """The ISO 15924 code, as `Latn`."""
        return self.code.split("-", 1)[1]


class Languages(NamedTuple):
    """From which language into which."""

    source: Language
    target: Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a translation run stands.

    Attributes:
        total: Segments to do.
        done: Segments that are finished, the hits included.
        hits: Segments that the cache answered.
        failed: Segments that have no translation.
        usage: Tokens used so far in this run.
        problem: What keeps the translator from answering just now, in its own words; None while it answers.
    """

    total: int
    done: int = 0
    hits: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)
    problem: str | None = None


ProgressHook = Callable[[Progress], None]
