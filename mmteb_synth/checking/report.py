"""What checking found. The ledgers hold the facts; everything here is read from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data import ledger as ledgers
from mmteb_synth.data.store import TranslatedDataset
from mmteb_synth.errors import SynthError
from mmteb_synth.types import Verdict

if TYPE_CHECKING:
    from mmteb_synth.checking.semantic import Report

_PIECE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A translation that was rejected before the one that the set holds.

    Attributes:
        step: `asked`, `again`, `parts` or `fallback`.
        translator: Who made it.
        hypothesis: The translation; None where there was none.
        verdicts: Why it was rejected.
    """

    step: str | None
    translator: str | None
    hypothesis: str | None
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """A segment that some check finds fault with, or that has failed.

    Attributes:
        task: The English set.
        source: The English text.
        hypothesis: Its translation; None where it has failed.
        kind: What the text is in its data set.
        outcome: What became of it.
        verdicts: What the checks say, errors first.
        rejected: The attempts before, in their order.
        judgements: What semantic checks say: judge, score, severity and words.
    """

    task: str
    source: str
    hypothesis: str | None
    kind: str
    outcome: str
    verdicts: tuple[Verdict, ...]
    rejected: tuple[Attempt, ...] = ()
    judgements: tuple[Mapping[str, Any], ...] = ()

    def findings(self) -> tuple[Verdict, ...]:
        """The verdicts, and after them what semantic checks find fault with."""
        doubts = (
            Verdict(
                check=said["judge"],
                severity=said["severity"],
                reason=said["words"] or f"its score is {said['score']:.3g}",
                score=said["score"],
            )
            for said in self.judgements
            if said["severity"]
        )
        return (*self.verdicts, *doubts)

    def as_json(self) -> dict[str, Any]:
        """The form of `mmteb-synth check --json`."""
        return {
            "task": self.task,
            "source": self.source,
            "hypothesis": self.hypothesis,
            "checks": [
                {"name": one.check, "severity": one.severity, "reason": one.reason} for one in self.findings()
            ],
            "outcome": self.outcome,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSet:
    """What the checks say of one set.

    Attributes:
        name: The set's name.
        dataset: The set; None where it can't be read.
        ledger: Its ledger with the verdicts of today; None where it can't be read.
        semantic: What each semantic check says of the whole set; empty where none was asked for.
        problem: Why there is no ledger.
        notes: What the user should know.
    """

    name: str
    dataset: TranslatedDataset | None = None
    ledger: pa.Table | None = None
    semantic: tuple[Report, ...] = ()
    problem: SynthError | None = None
    notes: tuple[str, ...] = ()

    @property
    def outcomes(self) -> dict[str, int]:
        """Segments by outcome."""
        return {} if self.ledger is None else ledgers.count_outcomes(self.ledger)

    @property
    def findings(self) -> dict[tuple[str, str], int]:
        """Segments by check and severity."""
        return {} if self.ledger is None else ledgers.count_findings(self.ledger)

    def flagged(self) -> Iterator[Flagged]:
        """The segments that some check finds fault with, and those that have failed, in the ledger's order."""
        if self.ledger is None or self.dataset is None:
            return
        task = self.dataset.manifest.source_task
        for batch in self.ledger.to_batches(_PIECE):
            for row in batch.filter(_has_finding(batch)).to_pylist():
                yield _flagged(task, row)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What the checks say of all sets of a call, in the order of their names."""

    sets: tuple[CheckedSet, ...]

    @property
    def ok(self) -> bool:
        """Whether every set could be judged."""
        return all(one.problem is None for one in self.sets)

    @property
    def errors(self) -> int:
        """Segments with an error, or without a translation."""
        return sum(one.outcomes.get("flagged", 0) + one.outcomes.get("failed", 0) for one in self.sets)


def _has_finding(batch: pa.RecordBatch) -> pa.Array:
    """Whether a check or a judge finds fault with a row, or it has failed."""
    judgements = batch.column("judgements")
    doubted = pc.is_valid(pc.struct_field(pc.list_flatten(judgements), "severity"))
    rows = np.zeros(len(batch), dtype=bool)
    rows[pc.list_parent_indices(judgements).to_numpy()[doubted.to_numpy(zero_copy_only=False)]] = True
    rows |= pc.list_value_length(batch.column("verdicts")).fill_null(0).to_numpy() > 0
    rows |= pc.equal(batch.column("outcome"), "failed").fill_null(False).to_numpy(zero_copy_only=False)
    return pa.array(rows)


def _flagged(task: str, row: Mapping[str, Any]) -> Flagged:
    return Flagged(
        task=task,
        source=row["source"],
        hypothesis=row["hypothesis"],
        kind=row["kind"],
        outcome=row["outcome"],
        verdicts=ledgers.as_verdicts(row["verdicts"]),
        rejected=tuple(
            Attempt(
                step=one["step"],
                translator=one["translator"],
                hypothesis=one["hypothesis"],
                verdicts=ledgers.as_verdicts(one["verdicts"]),
            )
            for one in row["rejected"] or ()
        ),
        judgements=tuple(row["judgements"] or ()),
    )
