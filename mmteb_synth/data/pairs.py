"""English sentences and translations that people made of them: from a file, or from a bitext set of MTEB's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmteb_synth import facts, languages
from mmteb_synth.data import mirror, rows
from mmteb_synth.data.segments import needs_translation
from mmteb_synth.errors import SourceError, SynthError, UnknownNameError, UsageError, in_a_line
from mmteb_synth.types import Language

SHORT_NAMES = {"tatoeba": "Tatoeba", "flores": "FloresBitextMining", "ntrex": "NTREXBitextMining"}
"""What people call three of MTEB's bitext sets."""

_ENGLISH_COLUMNS = ("source", "sentence2")
_OTHER_COLUMNS = ("translation", "target", "reference", "sentence1")
"""Names of the two columns where they bear no language's. In MTEB's Tatoeba English is `sentence2`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One sentence and what a person made of it."""

    english: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs, and where they come from.

    Attributes:
        name: The file or set.
        columns: The names of the English column and of the other one.
        rows: How many rows there are; those are left out that repeat an English sentence or lack letters on a side.
        pairs: The pairs, no English sentence twice.
    """

    name: str
    columns: tuple[str, str]
    rows: int
    pairs: tuple[Pair, ...]

    def sample(self, count: int) -> tuple[Pair, ...]:
        """So many pairs at most, always the same ones whatever order they come in: the first by digest."""
        ordered = sorted(self.pairs, key=lambda pair: hashlib.blake2b(pair.english.encode()).digest())
        return tuple(ordered[:count])


def load(
    name: str,
    language: Language,
    *,
    columns: tuple[str, str] | None = None,
    source_dir: Path | None = None,
    scratch: Path,
) -> Pairs:
    """Read pairs.

    Args:
        name: A `.csv`, `.tsv`, `.jsonl` or `.parquet` file, or a bitext set of MTEB's: `tatoeba`, `flores`, `ntrex` or MTEB's
            name of it.
        language: The language of the translations.
        columns: The names of the English column and of the other one; likely names are tried by default.
        source_dir: A local mirror of the Hub.
        scratch: Where links to mirrors are kept.

    Raises:
        UsageError: No file and no set has this name, or the set lacks the language.
        SourceError: The file or set can't be read, or holds no pairs.
    """
    if Path(name).suffix.lower() in rows.SUFFIXES:
        return _from_file(Path(name).expanduser(), language, columns)
    if Path(name).expanduser().is_file():
        raise UsageError(f"{name}: a file of pairs ends in {', '.join(rows.SUFFIXES)}")
    if columns is not None:
        raise UsageError("--columns is for files: MTEB says which columns a set has")
    return _from_mteb(SHORT_NAMES.get(name.lower(), name), language, source_dir, scratch)


def _from_file(path: Path, language: Language, columns: tuple[str, str] | None) -> Pairs:
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    present = rows.column_names(path)
    english, other = columns or (None, None)
    english = english or _first(present, _ENGLISH_COLUMNS, languages.ENGLISH)
    other = other or _first([name for name in present if name != english], _OTHER_COLUMNS, language)
    if english not in present or other not in present or english == other:
        raise UsageError(
            f"{path.name} has the columns {', '.join(present)}; which of them are English and {language.name}?",
            hint="say --columns ENGLISH,OTHER, as --columns source,translation",
        )
    table = rows.read_rows(path, {english: str, other: str}, {})
    columns = (english, other)
    return _checked(path.name, columns, table.column(english).to_pylist(), table.column(other).to_pylist())


def _first(present: Sequence[str], usual: Sequence[str], language: Language) -> str | None:
    named = (name for name in present if _means(name, language))
    return next(named, None) or next((name for name in usual if name in present), None)


def _means(column: str, language: Language) -> bool:
    try:
        return languages.same(languages.parse(column).code, language.code)
    except UsageError:
        return False


def _from_mteb(name: str, language: Language, source_dir: Path | None, scratch: Path) -> Pairs:
    known = facts.task(name)
    if known is None or known.type != "BitextMining" or known.dataset is None:
        sets = [*SHORT_NAMES, *(each for each, row in facts.tasks().items() if row.type == "BitextMining")]
        raise UnknownNameError(
            "pairs",
            name,
            sets,
            hint=f"name a file ({', '.join(rows.SUFFIXES)}), or one of {', '.join(SHORT_NAMES)}",
        )
    import mteb

    cls = type(mteb.get_task(name))
    if source_dir is not None:
        files = mirror.folder(source_dir, known.dataset, known.revision)
        place = mirror.link(files, mirror.digest(files), scratch)
        moved = cls.metadata.model_copy(update={"dataset": {**cls.metadata.dataset, "path": str(place)}})
        cls = type(cls.__name__, (cls,), {"metadata": moved, "__module__": __name__})
    task: Any = cls()
    subset, english_first = _subset(task.metadata.eval_langs, name, language)
    task.hf_subsets = [subset]
    try:
        task.load_data()
    except SynthError:
        raise
    except Exception as error:  # offline, missing, gated, broken: each has another class
        cause = error.__cause__ or error
        where = "the mirror" if source_dir else "the Hub"
        raise SourceError(
            f"could not load {name} from {where} ({in_a_line(cause)})",
            hint=f"{mirror.how_to_get(known.dataset, known.revision)}; or take a file: --pairs FILE",
        ) from error
    first, second = subset.split("-", 1) if task.parallel_subsets else ("sentence1", "sentence2")
    english, other = (first, second) if english_first else (second, first)
    data = task.dataset if task.parallel_subsets else task.dataset[subset]
    split = data[next(iter(known.splits))]
    return _checked(name, (english, other), split[english][:], split[other][:])


def _subset(subsets: Mapping[str, Sequence[str]], name: str, language: Language) -> tuple[str, bool]:
    """The subset of English and a language, and whether English is its first side."""
    codes = languages.equivalents(language.code)
    for subset, sides in subsets.items():
        if len(sides) == 2 and languages.ENGLISH.code in sides and codes.intersection(sides):
            return subset, sides[0] == languages.ENGLISH.code
    raise UsageError(
        f"{name} has no pairs of English and {language.name} ({language.code})",
        hint="try another of tatoeba, flores and ntrex, or a file",
    )


def _checked(name: str, columns: tuple[str, str], english: Sequence[Any], other: Sequence[Any]) -> Pairs:
    """The pairs that can be used: both sides say something, and no English sentence comes twice."""
    found: dict[str, str] = {}
    for source, reference in zip(english, other, strict=True):
        if needs_translation(source) and reference.strip():
            found.setdefault(source, reference)
    if not found:
        raise SourceError(f"{name} holds no pair of texts with letters in {columns[0]} and {columns[1]}")
    pairs = tuple(Pair(english=source, reference=reference) for source, reference in found.items())
    return Pairs(name=name, columns=columns, rows=len(english), pairs=pairs)
