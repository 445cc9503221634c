"""Judging stored ledgers anew. The texts lie in them, so neither the cache, the source nor a translator is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth import checks, languages
from mmteb_synth.checking.report import CheckedSet, CheckReport
from mmteb_synth.checks import CHECKS_VERSION, across
from mmteb_synth.data import card, reviews
from mmteb_synth.data import ledger as ledgers
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import StoreError, SynthError
from mmteb_synth.stopping import Stop
from mmteb_synth.stored import StoredSet
from mmteb_synth.types import Kind, Language, Progress, ProgressHook, Verdict

if TYPE_CHECKING:
    from mmteb_synth.checking.semantic import Report, SemanticChecks

ProgressFactory = Callable[[str], ProgressHook]
"""Called with a set's name before it is judged; its result is called as the work proceeds."""

_STEP = 1000


def check(
    store: Store,
    sets: Iterable[StoredSet],
    *,
    semantic: SemanticChecks | None = None,
    scores: Mapping[str, Mapping[str, float]] | None = None,
    progress: ProgressFactory | None = None,
    stop: Stop | None = None,
) -> CheckReport:
    """Judge the ledgers of sets with the checks of today, and keep what they say.

    What differs from what was stored takes its place in ledger, manifest and card; a folder that can't be written
    keeps the old ones.

    Args:
        store: Where the sets lie.
        sets: The sets.
        semantic: Semantic checks to run too; None for those that need no model alone.
        scores: For the cards: main scores times 100, by the set's and the model's name.
        progress: Makes a progress hook for a set.
        stop: Says when the run should end.

    Returns:
        The report; a set without a readable ledger is in it with the problem.

    Raises:
        TranslatorError: A semantic check's translator or judge can't be used.
        EvaluationError: A semantic check's model can't be loaded.
        CacheError: The cache of a semantic check can't be used.
        Stopped: `stop` asked for it; what was found of the sets before is recorded.
    """
    return CheckReport(
        sets=tuple(
            _check(store, one, semantic, (scores or {}).get(one.name, {}), progress, stop) for one in sets
        )
    )


def _check(
    store: Store,
    one: StoredSet,
    semantic: SemanticChecks | None,
    scores: Mapping[str, float],
    progress: ProgressFactory | None,
    stop: Stop | None,
) -> CheckedSet:
    if one.dataset is None:
        return CheckedSet(name=one.name, problem=one.problem)
    try:
        stored = one.dataset.ledger()
        grades = reviews.read(store, one.name) if semantic else None
    except StoreError as error:
        return CheckedSet(name=one.name, dataset=one.dataset, problem=error)
    language = languages.parse(one.language)
    judged = judge(stored, language, progress(one.name) if progress else None, stop)
    meanings: list[Report] = []
    if semantic:
        hook = progress(f"{one.name}, meaning") if progress else None
        judged, meanings = semantic.run(judged, language, grades=grades, progress=hook)
        judged = ledgers.stamped(judged, checks_version=CHECKS_VERSION)
    dataset, notes = one.dataset, []
    if dataset.manifest.checks_version != CHECKS_VERSION:
        notes.append(
            f"{one.name} was built by checks {dataset.manifest.checks_version} and is judged by checks {CHECKS_VERSION} "
            "here: build it again to have repaired what can be"
        )
    is_new = not judged.equals(stored) or ledgers.checks_version(stored) != CHECKS_VERSION
    try:
        dataset = _record(store, dataset, judged if is_new else None, meanings, scores)
    except SynthError as error:
        notes.append(f"what was found is not recorded with the set: {error.message}")
    return CheckedSet(
        name=one.name, dataset=dataset, ledger=judged, semantic=tuple(meanings), notes=tuple(notes)
    )


def _record(
    store: Store,
    dataset: TranslatedDataset,
    ledger: pa.Table | None,
    meanings: Sequence[Report],
    scores: Mapping[str, float],
) -> TranslatedDataset:
    """Keep a new ledger, a judge's agreement with people, and a card that says both."""
    if ledger is not None:
        dataset = dataset.record(ledger)
    if dataset.is_held_back:
        return dataset
    if meanings:
        from mmteb_synth.checking.semantic import judge_agreement

        if agreement := judge_agreement(meanings):
            facts = {"judge": agreement["judge"], "grades": agreement["segments"], "tau": agreement["tau"]}
            review = {**dataset.manifest.review, "judge_agreement": facts}
            dataset = store.annotate(dataset.manifest.name, review=review)
    card.write(dataset, scores=scores)
    return dataset


def judge(
    ledger: pa.Table, target: Language, hook: ProgressHook | None = None, stop: Stop | None = None
) -> pa.Table:
    """A ledger with the verdicts of today's checks on each translation, and on all of them together.

    Args:
        ledger: The ledger.
        target: The language of its translations.
        hook: Called as the work proceeds.
        stop: Says when the run should end.

    Raises:
        Stopped: `stop` asked for it.
    """
    names = ("source", "hypothesis", "kind", "outcome", "prompt_version")
    sources, hypotheses, kinds, outcomes, prompts = (ledger.column(name).to_pylist() for name in names)
    present = [place for place, hypothesis in enumerate(hypotheses) if hypothesis is not None]
    found: list[tuple[Verdict, ...]] = [()] * len(hypotheses)
    for done, place in enumerate(present):
        if done % _STEP == 0:
            if stop:
                stop.check()
            if hook:
                hook(Progress(total=len(present), done=done))
        # Where one translation serves every kind it was judged without one, and so it is here.
        kind: Kind = kinds[place] if prompts[place] is not None else "sentence"
        found[place] = checks.judge(sources[place], hypotheses[place], target, kind)
    together = across.judge(
        [sources[place] for place in present], [hypotheses[place] for place in present], target
    )
    for number, verdicts in together.items():
        place = present[number]
        found[place] = tuple(sorted((*found[place], *verdicts), key=lambda verdict: verdict.severity))
    attempts = pc.list_value_length(ledger.column("rejected")).to_pylist()
    for place, hypothesis in enumerate(hypotheses):
        if hypothesis is None:
            found[place] = _of_failed(ledger, place)
        else:
            outcomes[place] = _outcome(outcomes[place], found[place], was_repaired=bool(attempts[place]))
    if hook:
        hook(Progress(total=len(present), done=len(present)))
    return ledgers.rejudged(ledger, found, outcomes, checks_version=CHECKS_VERSION)


def _of_failed(ledger: pa.Table, place: int) -> tuple[Verdict, ...]:
    """Without a translation there is nothing to judge: what was said of it stays."""
    said = ledgers.as_verdicts(ledger.column("verdicts")[place].as_py())
    reason = ledger.column("reason")[place].as_py() or "it has no translation"
    return said or (Verdict(check="failed", severity="error", reason=reason),)


def _outcome(before: str, verdicts: Sequence[Verdict], *, was_repaired: bool) -> str:
    """What became of a segment, now that it is judged otherwise, or as before."""
    if any(verdict.severity == "error" for verdict in verdicts):
        return "flagged"
    if before == "flagged":
        return "repaired" if was_repaired else "translated"
    return before
