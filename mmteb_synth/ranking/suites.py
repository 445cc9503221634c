"""What a suite expects: which tasks can have a score in which language."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import get_args

from mmteb_synth import aggregates, facts, natives, registry
from mmteb_synth.ranking.results import ENGLISH, SOURCE, Model, Score
from mmteb_synth.specs import Suite
from mmteb_synth.types import Origin

AS_THEY_ARE: frozenset[str] = frozenset(get_args(Origin))
"""The labels of scores of MTEB's own tasks: no translator of ours, so their origin is what tells them apart."""

_WORTH_SHOWING = 0.5
"""So much of a benchmark must be scored for a table that nobody asked for: its means are empty until it is whole."""

UNLISTED = "(no suite)"
"""Where scores stand that belong to no suite. No suite file can be called so by accident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The tasks of one suite.

    Attributes:
        name: The suite's name.
        demo: Whether its board is a demo, not a benchmark.
        translated: Source -> task type, of the sets to translate.
        native: MTEB task -> task type, of those scored as they are.
        listed: Those of them that the suite names; the others were found.
        native_in: Language code -> the native tasks that hold it.
        origin: (Native task, language code) -> origin.
        bitext: Names of the bitext sets.
        splits: Task -> the splits that the suite scores, where it narrows them.
        whole: Whether it is a whole benchmark of MTEB, or whatever MTEB holds, rather than a choice of somebody's.
    """

    name: str
    demo: bool = False
    translated: Mapping[str, str]
    native: Mapping[str, str] = field(default_factory=dict)
    listed: Set[str] = frozenset()
    native_in: Callable[[str], Iterable[str]] = lambda _language: ()
    origin: Callable[[str, str], str] = lambda _task, _language: "native"
    bitext: Set[str] = frozenset()
    splits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    whole: bool = False

    def holds(self, score: Score) -> bool:
        """Whether a score belongs to this suite."""
        name = score.cell[1]
        if score.signed.bitext:
            return name in self.bitext
        if name in self.splits and score.signed.split not in self.splits[name]:
            return False
        if score.label in AS_THEY_ARE:
            return name in self.native
        return name in self.translated or (score.label == SOURCE and name in self.listed)

    def tasks(self, labels: Set[str], language: str) -> dict[str, str]:
        """The tasks that can have a score.

        Args:
            labels: Translators and origins whose scores stand in one table.
            language: A code.

        Returns:
            Name -> task type: all translated sets where there is a translator, native ones where they hold the
            language and have one of the origins. Without bitext.
        """
        expected = dict(self.translated) if labels - AS_THEY_ARE else {}
        if labels & AS_THEY_ARE:
            expected |= {
                name: self.native[name]
                for name in self.native_in(language)
                if self.origin(name, language) in labels
            }
        return expected

    def share(self, scores: Iterable[Score]) -> float:
        """The largest share of its tasks that have a score in one language by one translator or origin, 0 to 1."""
        runs: dict[tuple[str, str, str, int | None], set[str]] = {}
        for score in scores:
            signed = score.signed
            run = (score.label, signed.language, signed.profile, signed.limit)
            runs.setdefault(run, set()).add(score.cell[1])
        return max(
            (
                len(found & tasks.keys()) / len(tasks)
                for (label, language, *_), found in runs.items()
                if (tasks := self.tasks({label}, language))
            ),
            default=0.0,
        )

    def english_tasks(self) -> frozenset[str]:
        """The tasks that can have a score in English, whatever its origin."""
        return frozenset(self.translated) | frozenset(self.native_in(ENGLISH))

    def bitext_tasks(self, labels: Set[str], language: str) -> frozenset[str]:
        """The bitext sets that can have a score: those of translations, never of English."""
        return frozenset(self.bitext) if labels - AS_THEY_ARE and language != ENGLISH else frozenset()


def expected(suite: Suite, scores: Sequence[Score]) -> Expected:
    """What a suite expects.

    Args:
        suite: From `mmteb_synth.suites.get_suite`.
        scores: All scores: a score says the origin of its own text best, MTEB's facts the origin of all others.

    Raises:
        UsageError: The suite names what can't be.
    """
    tasks = [(_name_and_type(entry.name), entry.splits) for entry in suite.tasks]
    codes = sorted({score.signed.language for score in scores})

    @functools.cache
    def native_in(language: str) -> list[str]:
        return [entry.name for entry in natives.entries(suite, language, beside=codes)]

    observed = {
        (score.cell[1], score.signed.language): score.signed.origin
        for score in scores
        if score.signed.translator is None
    }
    return Expected(
        name=suite.name,
        demo=suite.demo,
        translated={name: task_type for (name, task_type), _ in tasks},
        native={name: facts.tasks()[name].type for code in {*codes, ENGLISH} for name in native_in(code)}
        | {entry.name: facts.tasks()[entry.name].type for entry in suite.native},
        listed=frozenset(entry.name for entry in suite.native),
        native_in=native_in,
        origin=lambda name, language: observed.get((name, language)) or facts.origin(facts.tasks()[name]),
        bitext=frozenset(entry.name for entry in suite.bitext),
        splits={name: splits for (name, _), splits in tasks if splits}
        | {entry.name: entry.splits for entry in suite.native if entry.splits},
        whole=suite.benchmark is not None or suite.native_query is not None,
    )


def _name_and_type(entry: str) -> tuple[str, str]:
    """The name and the type of what a suite lists: a set's, or an aggregate's."""
    if aggregates.parts(entry):
        return entry, facts.tasks()[entry].type
    spec = registry.get_task(entry)
    return spec.name, spec.type or facts.tasks()[spec.name].type


def worth_showing(held: Sequence[tuple[Expected, list[Score]]]) -> list[tuple[Expected, list[Score]]]:
    """The suites that have a table although nobody asked for them by name.

    Suites have sets in common, so the fullest go first, and one that is not whole goes without a table when those before
    tell all of its scores. A benchmark of MTEB's needs half of its scores for one.

    Args:
        held: Suites and the scores that belong to each.
    """
    shares = {suite.name: suite.share(scores) for suite, scores in held}
    shown: set[str] = set()
    told: set[Score] = set()
    for suite, scores in sorted(held, key=lambda pair: (-shares[pair[0].name], pair[0].whole)):
        enough = shares[suite.name] >= _WORTH_SHOWING if suite.whole else bool(scores)
        is_full = shares[suite.name] == 1 and not suite.whole
        if enough and (is_full or not told.issuperset(scores)):
            shown.add(suite.name)
            told.update(scores)
    return [(suite, scores) for suite, scores in held if suite.name in shown]


def without_parts(scores: Iterable[Score], among: Iterable[Score]) -> list[Score]:
    """Scores but for those that an aggregate's score is made of, which would tell the same twice.

    Args:
        scores: Those that no suite lists.
        among: All scores.
    """
    told = {_run(score, part) for score in among for part in aggregates.parts(score.signed.source_task)}
    return [score for score in scores if _run(score, score.signed.source_task) not in told]


def _run(score: Score, source: str) -> tuple[Model, str, str, str, str, int | None]:
    """Whose score of which English task, in what."""
    signed = score.signed
    return score.model, source, signed.language, score.label, signed.profile, signed.limit


def unlisted(scores: Iterable[Score]) -> Expected:
    """A stand-in for the suite of scores that belong to none: it expects what has been scored by anybody."""
    translated: dict[str, str] = {}
    native: dict[str, str] = {}
    bitext: set[str] = set()
    origins: dict[tuple[str, str], str] = {}
    languages: dict[str, set[str]] = {}
    demo = True
    for score in scores:
        demo = demo and score.signed.demo
        language, name = score.cell
        if score.signed.bitext:
            bitext.add(name)
        elif score.label in AS_THEY_ARE:
            native[name] = score.signed.task_type
            origins[name, language] = score.signed.origin
            languages.setdefault(language, set()).add(name)
        else:
            translated[name] = score.signed.task_type
    return Expected(
        name=UNLISTED,
        demo=demo,
        translated=translated,
        native=native,
        native_in=lambda language: languages.get(language, ()),
        origin=lambda name, language: origins[name, language],
        bitext=bitext,
    )
