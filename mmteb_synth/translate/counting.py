"""What a run counts: texts, requests and tokens, and what it may spend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from mmteb_synth.types import Progress, ProgressHook, Segment, Usage


class Meter(Protocol):
    """Keeps an account of what a run may spend."""

    def admit(self, segment: Segment) -> bool:
        """Whether a text may be asked for; asked right before its first request."""
        ...

    def settle(self, segment: Segment, usage: Usage) -> None:
        """An admitted text has ended: with what was used for it, or with nothing where no answer came."""
        ...


@dataclass(slots=True, kw_only=True)
class Counters:
    """The counters of a run.

    Attributes:
        total: Texts, parts of long ones for themselves.
        hits: Texts that the cache answered.
        progress: Told of every change.
        answered: Texts that were answered with a translation.
        failed: Texts that ended without one.
        requests: Calls of the backend.
        usage: Tokens used.
        problem: What keeps the translator from answering just now.
    """

    total: int
    hits: int = 0
    failed: int = 0
    progress: ProgressHook | None = None
    answered: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    problem: str | None = None

    def report(self) -> None:
        """Tell how far the run is."""
        if self.progress is not None:
            self.progress(
                Progress(
                    total=self.total,
                    done=self.hits + self.answered + self.failed,
                    hits=self.hits,
                    failed=self.failed,
                    usage=self.usage,
                    problem=self.problem,
                )
            )
