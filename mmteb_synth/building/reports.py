"""What a build tells of its sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mmteb_synth.data.segments import Counts
from mmteb_synth.errors import SynthError
from mmteb_synth.translate.costs import Spending
from mmteb_synth.types import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """What became of one set.

    Attributes:
        name: The set's name.
        status: `built`, `translated` (a shard's texts, no set is stored), `unchanged`, `held back` (it has failures),
            `failed` (it could not be made at all) or `over budget` (what is left of `max_cost` does not pay for it).
        counts: What it holds; None where it was not loaded.
        hits: Segments that the cache answered.
        requests: Requests that were made.
        usage: Tokens that they used.
        spending: These beside what was planned; None where the translator has no tokens.
        failures: Segments without a translation and the reason.
        outcomes: Segments by outcome, as `data.ledger.Outcome` names them; empty where nothing was judged.
        findings: Segments by check and severity.
        error: Why it failed.
        warnings: What the user should know.
    """

    name: str
    status: Literal["built", "translated", "unchanged", "held back", "failed", "over budget"]
    counts: Counts | None = None
    hits: int = 0
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    spending: Spending | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    findings: Mapping[tuple[str, str], int] = field(default_factory=dict)
    error: SynthError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What became of all sets of a run."""

    sets: tuple[SetReport, ...]

    @property
    def ok(self) -> bool:
        """Whether every set is stored, or a shard's share of it translated."""
        return all(report.status in ("built", "translated", "unchanged") for report in self.sets)

    @property
    def spending(self) -> Spending:
        """What was planned for all requests of the run, and what they used."""
        return sum((report.spending for report in self.sets if report.spending), Spending())
