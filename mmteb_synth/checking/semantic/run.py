"""Runs the semantic checks that were asked for over a stored set's ledger."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mmteb_synth.checking.semantic.agreement import Agreement, agreement, esa_of
from mmteb_synth.checking.semantic.asking import Way
from mmteb_synth.checking.semantic.back_translation import back_translation
from mmteb_synth.checking.semantic.judge import judge
from mmteb_synth.checking.semantic.quality import Quality
from mmteb_synth.checking.semantic.scored import Pair, Scored, Semantic
from mmteb_synth.checking.semantic.similarity import Similarity
from mmteb_synth.data import reviews
from mmteb_synth.data.ledger import JUDGEMENT
from mmteb_synth.errors import UsageError
from mmteb_synth.translate import judgements
from mmteb_synth.translate.judgements import Judgement
from mmteb_synth.types import Language, ProgressHook, Usage

JUDGE_GRADES = 100
"""Grades that a judge's agreement must rest on before a set may call itself verified by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Which semantic checks to run.

    Attributes:
        similarity: The model to compare meanings by; none where not asked for.
        back_translation: The translator to translate back with.
        judge: The model that judges.
        quality: The COMET model, or "auto" for the one that fits the language.
        sample: Segments of each set to judge at most, to limit what it costs; graded ones first.
        base_url: The endpoint of the translator and of the judge, instead of their presets'.
    """

    similarity: str | None = None
    back_translation: str | None = None
    judge: str | None = None
    quality: str | None = None
    sample: int | None = None
    base_url: str | None = None

    @property
    def any(self) -> bool:
        """Whether any check was asked for."""
        return any((self.similarity, self.back_translation, self.judge, self.quality))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one check found in one set.

    Attributes:
        judge: The check with its model and its prompt's version.
        unit: What its scores are.
        segments: Segments that it was to judge.
        judged: Segments that it could judge.
        mean: Their mean score; None where there is none.
        quartiles: The scores that a quarter, half and three quarters of them lie below.
        flagged: Segments that it flags, as warnings.
        rule: When it flags a segment, or why it flags none: "flags …".
        agreement: How well it agrees with people, or that this is unknown.
        notes: What a reader of the scores must know.
        failures: Segments that it could not judge, by source text, and why.
        hits: Segments that needed no asking.
        requests: Requests that were made.
        usage: Tokens used.
    """

    judge: str
    unit: str
    segments: int
    judged: int
    mean: float | None
    quartiles: tuple[float, ...]
    flagged: int
    rule: str
    agreement: Agreement
    notes: tuple[str, ...]
    failures: dict[str, str]
    hits: int
    requests: int
    usage: Usage

    def lines(self) -> list[str]:
        """The report in words: what was measured, what is flagged, whom it agrees with, what to know."""
        measured = f"{self.judge}: {self.judged} of {self.segments} segments judged ({self.unit})"
        if self.mean is not None:
            measured += f", mean {self.mean:.3g}"
        if self.quartiles:
            measured += f", quartiles {' '.join(f'{value:.3g}' for value in self.quartiles)}"
        flagged = f"{self.flagged} flagged; it {self.rule}"
        failed = [f"{len(self.failures)} could not be judged"] if self.failures else []
        return [measured, flagged, *failed, str(self.agreement), *self.notes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticChecks:
    """The semantic checks of one call, for any number of sets; models are loaded once.

    Attributes:
        options: What was asked for.
        way: How translators and judges are asked; its cache also keeps the judgements.
        checks: The checks.
    """

    options: Options
    way: Way
    checks: tuple[Semantic, ...] = field(default=())

    @classmethod
    def of(cls, options: Options, way: Way) -> SemanticChecks:
        """The checks that were asked for; nothing is loaded or asked yet.

        Args:
            options: What was asked for.
            way: How translators and judges are asked.

        Raises:
            UsageError: A name or the endpoint can't be meant so.
            TranslatorError: A translator can't be used here.
            MissingExtraError: A package is missing.
        """
        if options.sample is not None and not options.any:
            raise UsageError(
                "--sample is for semantic checks, and none is asked for",
                hint="ask for one: --similarity, --back-translation, --judge or --quality",
            )
        url = options.base_url
        if url is not None and not (options.judge or options.back_translation):
            raise UsageError("--base-url is for --judge and --back-translation, and neither is given")
        checks: list[Semantic] = []
        if options.similarity:
            checks.append(Similarity(options.similarity))
        if options.back_translation:
            checks.append(back_translation(options.back_translation, way, base_url=url))
        if options.quality:
            checks.append(Quality(options.quality, way.cache.database, way.offline))
        if options.judge:
            checks.append(judge(options.judge, way, base_url=url))
        return cls(options=options, way=way, checks=tuple(checks))

    def run(
        self,
        ledger: pa.Table,
        language: Language,
        *,
        grades: pa.Table | None = None,
        progress: ProgressHook | None = None,
    ) -> tuple[pa.Table, list[Report]]:
        """Judge a set.

        Args:
            ledger: Its ledger.
            language: The language of its hypotheses.
            grades: All grades of the set, as `data.reviews.read` has them.
            progress: Told how far each check is that makes requests.

        Returns:
            The ledger with the judgements, newer ones in place of the same judge's older ones, and a report of each
            check. The judgements are in the cache too.

        Raises:
            TranslatorError: A translator or judge can't be used, or stopped answering anything.
            EvaluationError: A model can't be loaded.
            CacheError: The cache can't be read or written.
            Stopped: The run was asked to end; what was answered is in the cache.
        """
        esa = esa_of(reviews.current(grades, ledger)) if grades is not None else {}
        rows = ledger.select(["source_hash", "kind", "source", "hypothesis"]).to_pylist()
        chosen = _chosen(rows, esa, self.options.sample)
        pairs = [Pair(rows[at]["source"], rows[at]["hypothesis"], rows[at]["kind"]) for at in chosen]
        said: dict[int, list[Judgement]] = {at: [] for at in chosen}
        found = []
        for check in self.checks:
            scored = check.into(language).score(pairs, progress) if pairs else None
            if scored is None:
                continue
            own = _judgements(scored)
            for place, judgement in own.items():
                said[chosen[place]].append(judgement)
            judgements.keep(
                self.way.cache.database,
                [(_key(pairs[place], language), judgement) for place, judgement in own.items()],
            )
            scores = {_identity(rows[chosen[place]]): score for place, score in scored.scores.items()}
            found.append(_report(scored, pairs, agreement(scores, esa)))
        return with_judgements(ledger, said), found


def judge_agreement(reports: Sequence[Report]) -> dict[str, Any] | None:
    """The judge's agreement with people for the manifest; None where it rests on fewer than a hundred grades.

    Args:
        reports: Of one set.
    """
    for report in reports:
        is_judge = report.judge.startswith("judge:")
        if is_judge and report.agreement.tau is not None and report.agreement.segments >= JUDGE_GRADES:
            return {"judge": report.judge, **report.agreement.as_record()}
    return None


def with_judgements(ledger: pa.Table, said: Mapping[int, Sequence[Judgement]]) -> pa.Table:
    """A ledger with further judgements; they replace those that the same judges gave of the same rows.

    Args:
        ledger: The ledger.
        said: Judgements by row.
    """
    column = ledger["judgements"].to_pylist()
    for place, fresh in said.items():
        if fresh:
            renewed = {judgement.judge for judgement in fresh}
            kept = [old for old in column[place] or () if old["judge"] not in renewed]
            column[place] = kept + [
                {"judge": new.judge, "score": new.score, "severity": new.severity, "words": new.words}
                for new in fresh
            ]
    place = ledger.schema.get_field_index("judgements")
    return ledger.set_column(place, "judgements", pa.array(column, type=pa.list_(JUDGEMENT)))


def _chosen(
    rows: Sequence[Mapping[str, Any]], esa: Mapping[tuple[str, str], float], sample: int | None
) -> list[int]:
    """The rows to judge, in their order: all with a hypothesis, or graded ones and then the first by hash."""
    candidates = [place for place, row in enumerate(rows) if row["hypothesis"] is not None]
    if sample is None or sample >= len(candidates):
        return candidates

    def rank(place: int) -> tuple[bool, bytes]:
        row = rows[place]
        drawn = hashlib.blake2b(f"{row['kind']}:{row['source_hash']}".encode(), digest_size=8).digest()
        return _identity(row) not in esa, drawn

    return sorted(sorted(candidates, key=rank)[:sample])


def _identity(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["source_hash"], row["kind"]


def _key(pair: Pair, language: Language) -> bytes:
    return judgements.key(pair.source, pair.hypothesis, language.code)


def _judgements(scored: Scored) -> dict[int, Judgement]:
    return {
        place: Judgement(
            judge=scored.judge,
            score=score,
            severity="warning" if place in scored.flagged else None,
            words=scored.words.get(place),
        )
        for place, score in scored.scores.items()
    }


def _report(scored: Scored, pairs: Sequence[Pair], people: Agreement) -> Report:
    values = list(scored.scores.values())
    return Report(
        judge=scored.judge,
        unit=scored.unit,
        segments=len(pairs),
        judged=len(values),
        mean=statistics.fmean(values) if values else None,
        quartiles=tuple(statistics.quantiles(values, n=4, method="inclusive")) if len(values) > 1 else (),
        flagged=len(scored.flagged),
        rule=scored.rule,
        agreement=people,
        notes=tuple(scored.notes),
        failures={pairs[place].source: reason for place, reason in scored.failures.items()},
        hits=scored.hits,
        requests=scored.requests,
        usage=scored.usage,
    )
