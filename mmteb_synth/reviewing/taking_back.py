"""`mmteb-synth review import`: what people filled in becomes grades of stored sets and corrections in the cache."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmteb_synth.data import reviews
from mmteb_synth.data.reviews import Merged
from mmteb_synth.data.store import Store
from mmteb_synth.errors import ReviewError, UsageError
from mmteb_synth.reviewing import extra, spreadsheet, xliff
from mmteb_synth.reviewing.believing import CHANGED, Believer, Grade
from mmteb_synth.reviewing.form import Answered
from mmteb_synth.reviewing.statistics import Facts, of_set, of_sets
from mmteb_synth.translate import post_edited
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.post_edited import Correction, Kept

_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What was taken in.

    Attributes:
        merged: For each set what became of its grades.
        corrections: What became of the corrections.
        blank: Rows that nobody filled in.
        skipped: Rows left out since the set's translation has changed after the export.
        messages: What the user should know: whose grades or corrections were replaced by whose.
        sets: What is known of each set now.
        total: The same of all these sets together.
    """

    merged: dict[str, Merged]
    corrections: Kept
    blank: int
    skipped: int
    messages: tuple[str, ...]
    sets: tuple[Facts, ...]
    total: Facts


@dataclass(slots=True)
class _Intake:
    """What the files hold, row by row, and what is wrong with it."""

    believer: Believer
    grades: dict[tuple[str, ...], Grade] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    blank: int = 0

    def add(self, answered: Answered, rater: str) -> None:
        grade, problems = self.believer.grade(answered, rater)
        self.problems += problems
        if grade is None:
            self.blank += not problems
            return
        known = self.grades.setdefault(grade.identity, grade)
        if known.said() != grade.said():
            self.problems.append(
                f"{grade.place}: {rater} says something else at {known.place} of the same segment"
            )


def take_back(
    store: Store,
    cache_file: Path,
    files: Sequence[Path],
    *,
    raters: Sequence[str],
    skill: str | None,
    skip_changed: bool,
) -> ImportReport:
    """Take filled files in: all of them, or nothing where anything is wrong.

    Args:
        store: Where the sets lie.
        cache_file: The translation cache, which keeps corrections.
        files: The filled files, XLSX or XLIFF.
        raters: Who filled them in: one name for all, or one for each file.
        skill: How well they know the language; None where nobody said.
        skip_changed: Leave out rows whose translation the set no longer holds.

    Raises:
        UsageError: A file is missing or of another format, or the names don't fit the files.
        ReviewError: A file can't be taken as it stands; every problem is named by file, row and column.
        StoreError: A set or its grades are damaged.
        CacheError: The cache can't be written. Nothing was imported then.
        MissingExtraError: A library is not installed.
    """
    extra.check()
    names = _raters(raters, files)
    intake = _Intake(Believer(store=store, skip_changed=skip_changed))
    for file, rater in zip(files, names, strict=True):
        for answered in _read(file):
            intake.add(answered, rater)
    _refuse(intake.problems)
    grades = list(intake.grades.values())
    corrections, messages = _corrections(grades)
    fresh: dict[str, list[dict[str, Any]]] = defaultdict(list)
    date = datetime.now(UTC).isoformat(timespec="seconds")
    for grade in grades:
        fresh[grade.set_name].append(grade.row(skill, date))
    kept = Kept()
    with reviews.merging(store, fresh) as merged:
        if corrections:
            with Cache(cache_file) as cache:
                kept = post_edited.keep(cache, corrections)
    for name, done in merged.items():
        if done.replaced:
            messages.append(
                f"{name}: {done.replaced} earlier grades of {', '.join(dict.fromkeys(names))} replaced"
            )
    if kept.replaced:
        messages.append(f"{kept.replaced} earlier corrections replaced")
    sets, total = _known(store, list(fresh))
    return ImportReport(
        merged=merged,
        corrections=kept,
        blank=intake.blank,
        skipped=intake.believer.skipped,
        messages=tuple(messages),
        sets=sets,
        total=total,
    )


def refresh(store: Store, name: str) -> Facts:
    """Put into a set's manifest what people said of the translations that it holds now.

    To be called when a set was built again: some of its texts may be new.

    Args:
        store: Where the set lies.
        name: Its name.

    Raises:
        UnknownNameError: There is no such set.
        StoreError: The set or its grades are damaged.
    """
    ((facts,), _) = _known(store, [name])
    return facts


def _known(store: Store, names: Sequence[str]) -> tuple[tuple[Facts, ...], Facts]:
    """What is known of sets now, each and together; the manifests are brought up to date."""
    found = {}
    facts = []
    for name in names:
        dataset = store.get(name)
        ledger = dataset.ledger()
        held = ledger.filter(ledger.column("hypothesis").is_valid())
        found[name] = (
            reviews.current(reviews.read(store, name), ledger),
            Counter(held.column("kind").to_pylist()),
        )
        facts.append(of_set(name, *found[name]))
        record = facts[-1].record(dataset.manifest.review)
        if record != dataset.manifest.review:
            store.annotate(name, review=record)
    return tuple(facts), of_sets("total", found)


def _raters(raters: Sequence[str], files: Sequence[Path]) -> list[str]:
    names = [" ".join(name.split()) for name in raters]
    if not names or not all(names):
        raise UsageError("a review needs the name of who made it", hint='add --rater "First Last"')
    if len(names) not in (1, len(files)):
        raise UsageError(
            f"{len(names)} raters were named for {len(files)} files",
            hint="name one for all files, or one for each in the order of the files",
        )
    return names * (len(files) if len(names) == 1 else 1)


def _read(file: Path) -> Iterator[Answered]:
    if not file.is_file():
        raise UsageError(f"no such file: {file}")
    suffix = file.suffix.lower()
    if suffix == ".xlsx":
        return spreadsheet.read(file)
    if suffix in (".xlf", ".xliff"):
        return xliff.read(file)
    raise UsageError(
        f"{file.name} is neither .xlsx nor .xlf", hint="save it in the format in which it was handed out"
    )


def _refuse(problems: Sequence[str]) -> None:
    if not problems:
        return
    shown = "\n".join(problems[:_SHOWN_PROBLEMS])
    more = f"\n… and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
    raise ReviewError(
        f"nothing was imported, for {len(problems)} problems:\n{shown}{more}"
        if len(problems) > 1
        else f"{shown}; nothing was imported",
        hint="--skip-changed leaves out rows whose translation has changed"
        if any(CHANGED in problem for problem in problems)
        else "put it right in the file and import it again",
    )


def _corrections(grades: Sequence[Grade]) -> tuple[list[Correction], list[str]]:
    """One correction for each text and language, and where people differ."""
    found: dict[tuple[str, str], tuple[Grade, Correction]] = {}
    messages = []
    for grade in grades:
        if grade.correction is None:
            continue
        fresh = Correction(
            language=grade.language,
            source=grade.source,
            translation=grade.correction,
            by=grade.rater,
            hypothesis=grade.hypothesis,
        )
        known = found.get((grade.language, grade.source))
        if known is not None and known[1].translation != fresh.translation:
            messages.append(
                f"{grade.place}: the correction takes the place of another of the same text, at {known[0].place}"
            )
        found[grade.language, grade.source] = (grade, fresh)
    return [correction for _, correction in found.values()], messages
