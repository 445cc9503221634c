"""`mmteb-synth review export`: a sample of stored translations, as one file for each person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mmteb_synth import languages
from mmteb_synth.data.store import Store, TranslatedDataset
from mmteb_synth.errors import StoreError, SynthError, UsageError
from mmteb_synth.paths import writing
from mmteb_synth.reviewing import extra, sampling, spreadsheet, xliff
from mmteb_synth.reviewing.context import contexts
from mmteb_synth.reviewing.form import Context, Drawn, Item, question
from mmteb_synth.reviewing.statistics import VERIFIED_ROWS
from mmteb_synth.selection import Choice
from mmteb_synth.stored import chosen, nothing_chosen
from mmteb_synth.types import Language

Format = Literal["xlsx", "xliff", "both"]
_COLUMNS = ["source_hash", "kind", "source", "hypothesis", "outcome"]
_SUFFIXES = {"xlsx": (".xlsx",), "xliff": (".xlf",), "both": (".xlsx", ".xlf")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was handed out.

    Attributes:
        files: The files.
        sampled: For each set the segments that were drawn at random.
        flagged: For each set the flagged segments besides.
        overlap: Segments that all raters were given.
        too_long: Segments that a spreadsheet's cell can't hold.
    """

    files: tuple[Path, ...]
    sampled: dict[str, int]
    flagged: dict[str, int]
    overlap: int
    too_long: int

    def short_of_verified(self) -> dict[str, int]:
        """The sets whose sample is too small for the name `verified`, and how many rows each lacks."""
        return {name: VERIFIED_ROWS - count for name, count in self.sampled.items() if count < VERIFIED_ROWS}


@dataclass(frozen=True, slots=True)
class _Set:
    """A set to draw from: its ledger's rows that have a translation."""

    dataset: TranslatedDataset
    rows: list[dict[str, Any]]

    def by_kind(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows:
            found[row["kind"]].append(row)
        return {kind: found[kind] for kind in sorted(found)}


def export(
    store: Store,
    language: Language,
    *,
    choice: Choice | None,
    translators: Sequence[str],
    profiles: Sequence[str] = (),
    sample: int,
    flagged: int,
    raters: int,
    overlap: int | None,
    form: Format,
    seed: int,
    out: Path,
    warn: Callable[[str], None],
) -> ExportReport:
    """Draw a sample and write it out.

    Args:
        store: Where the sets lie.
        language: The target language.
        choice: The sets; None for all that are stored.
        translators: Narrows the sets.
        profiles: Narrows the sets to labels of profiles.
        sample: How many segments to draw at random, over all sets.
        flagged: How many flagged segments to add, which count in no rate.
        raters: How many people there are.
        overlap: How many segments all of them are given; None for 50, or all where there are fewer.
        form: Which files to write.
        seed: Another seed draws another sample.
        out: The folder for the files.
        warn: Told of sets that can't be reviewed, and why.

    Raises:
        UsageError: The numbers can't be meant so, or a file is there already.
        StoreError: There is nothing to review.
        MissingExtraError: A library is not installed.
        SynthError: A file can't be written.
    """
    extra.check()
    if raters == 1 and overlap:
        raise UsageError("--overlap needs --raters 2 or more", hint="say --raters 2, or leave out --overlap")
    files = _files(out, language, raters, form)
    sets = _sets(store, language, choice, translators, profiles, warn)
    drawn = _draw(sets, sample, flagged, seed)
    sampled = {name: sum(kind == "sample" for _, kind in rows) for name, rows in drawn.items()}
    total = sum(map(len, drawn.values()))
    common = 0 if raters == 1 else min(50 if overlap is None else overlap, total)
    items = {name: _items(sets[name].dataset, rows) for name, rows in drawn.items()}
    for share, paths in zip(sampling.share_out(items, raters, common), files, strict=True):
        _write(paths, share, language)
    every = [item for found in items.values() for item in found]
    return ExportReport(
        files=tuple(path for paths in files for path in paths),
        sampled=sampled,
        flagged={name: len(rows) - sampled[name] for name, rows in drawn.items()},
        overlap=common,
        too_long=sum(
            spreadsheet.is_too_long(item.source) or spreadsheet.is_too_long(item.hypothesis) for item in every
        ),
    )


def _files(out: Path, language: Language, raters: int, form: Format) -> list[list[Path]]:
    """The paths for each person; none of them may be there, since it may hold somebody's work."""
    files = [
        [out / f"review.{language.code}.rater{number}{suffix}" for suffix in _SUFFIXES[form]]
        for number in range(1, raters + 1)
    ]
    for path in (path for paths in files for path in paths):
        if path.exists():
            raise UsageError(
                f"{path} is there already, and may hold somebody's work",
                hint="choose another folder with --out, or move it away",
            )
    return files


def _sets(
    store: Store,
    language: Language,
    choice: Choice | None,
    translators: Sequence[str],
    profiles: Sequence[str],
    warn: Callable[[str], None],
) -> dict[str, _Set]:
    """The chosen sets that have translations of their own."""
    found: dict[str, _Set] = {}
    problem: SynthError | None = None
    for one in chosen(store, choice=choice, wanted=[language], translators=translators, profiles=profiles):
        if one.dataset is None or one.dataset.manifest.bitext_of is not None:
            problem = problem or one.problem
            continue  # what a bitext set holds is reviewed in the set it was made of
        try:
            ledger = one.dataset.ledger().select(_COLUMNS)
        except StoreError as error:
            warn(f"{one.name} can't be reviewed: {error.message}")
            problem = problem or error
            continue
        rows = [row for row in ledger.to_pylist() if row["hypothesis"]]
        if rows:
            found[one.name] = _Set(one.dataset, rows)
    if not found:
        raise problem or nothing_chosen(store, [language])
    return found


def _draw(
    sets: dict[str, _Set], sample: int, flagged: int, seed: int
) -> dict[str, list[tuple[dict[str, Any], Drawn]]]:
    """The rows of the sample and the flagged ones besides, of each set in random order."""
    strata = {name: one.by_kind() for name, one in sets.items()}
    drawn = sampling.draw(strata, sample, identity=_identity, seed=seed)
    taken = {name: {_identity(row) for row in rows} for name, rows in drawn.items()}
    others = {
        name: {
            kind: [row for row in rows if row["outcome"] == "flagged" and _identity(row) not in taken[name]]
            for kind, rows in kinds.items()
        }
        for name, kinds in strata.items()
    }
    besides = sampling.draw(others, flagged, identity=_identity, seed=seed)
    return {
        name: [(row, "sample") for row in rows] + [(row, "flagged") for row in besides[name]]
        for name, rows in drawn.items()
    }


def _identity(row: dict[str, Any]) -> str:
    return f"{row['kind']}/{row['source_hash']}"


def _items(dataset: TranslatedDataset, rows: Sequence[tuple[dict[str, Any], Drawn]]) -> list[Item]:
    task_type = dataset.manifest.task_type
    keys = [(row["kind"], row["hypothesis"]) for row, _ in rows]
    beside = contexts(task_type, dataset.tables(), dataset.ledger(), keys)
    items = []
    for row, why in rows:
        context = beside.get((row["kind"], row["hypothesis"]), Context())
        items.append(
            Item(
                set_name=dataset.manifest.name,
                kind=row["kind"],
                source=row["source"],
                hypothesis=row["hypothesis"],
                context=context,
                question=question(task_type, row["kind"], context.gold),
                drawn=why,
            )
        )
    return items


def _write(paths: Sequence[Path], items: Sequence[Item], language: Language) -> None:
    for path in paths:
        with writing(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            # the name ends as it will, since it tells the format
            temporary = path.with_name(f".{path.name}.part{path.suffix}")
            try:
                if path.suffix == ".xlsx":
                    is_right = languages.is_right_to_left(language.code)
                    spreadsheet.write(temporary, items, language=language.name, right_to_left=is_right)
                else:
                    code = languages.bcp47(language.code)
                    xliff.write(temporary, items, language=language.name, code=code)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
