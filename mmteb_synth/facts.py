"""What MTEB says of its text tasks and benchmarks, without importing it.

Read from `tasks/mteb.json` and `tasks/shapes.json`, which `scripts/mteb_facts.py` and `scripts/mteb_shapes.py` make
from the pinned mteb.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from mmteb_synth import paths
from mmteb_synth.specs import TaskType
from mmteb_synth.types import Origin

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """The size of one split, as MTEB counted it."""

    samples: int
    characters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """One text task of MTEB.

    Attributes:
        name: MTEB's name.
        type: MTEB's type.
        main_score: The metric that counts.
        license: As MTEB writes it; None where it says nothing.
        splits: The splits that MTEB scores.
        dataset: The data set's id on the Hub; None for an aggregate.
        revision: The pinned revision; None for an aggregate.
        languages: Codes of the languages that some subset holds alone.
        mixed_languages: Codes that occur only beside others, in cross-lingual or mixed subsets.
        subsets: Subset to the one language that it holds, of tasks of several languages; empty for all others.
        english: The purely English subsets, the usual one first; empty where there is nothing to translate.
        sample_creation: How the texts were made, in MTEB's words.
        adapted_from: The tasks that it was made from: earlier versions of it, or sets in another language.
        superseded_by: The task that replaces this one.
        private: Whether the data can't be had by everyone.
        reference: A URL.
        parts: The tasks of an aggregate; empty for all others.
        sizes: Split to its size in the usual English subset; empty where MTEB ships no count.
        sets: What the task's own loading sets on the task object: it decides scores as the class does.
        sizes_in: Sizes in the other languages that some subset holds alone: code to split to [samples, characters].
    """

    name: str
    type: TaskType
    main_score: str
    license: str | None = None
    splits: tuple[str, ...] = ()
    dataset: str | None = None
    revision: str | None = None
    languages: tuple[str, ...] = ()
    mixed_languages: tuple[str, ...] = ()
    subsets: Mapping[str, str] = field(default_factory=dict)
    english: tuple[str, ...] = ()
    sample_creation: str | None = None
    adapted_from: tuple[str, ...] = ()
    superseded_by: str | None = None
    private: bool = False
    reference: str | None = None
    parts: tuple[str, ...] = ()
    sizes: Mapping[str, Size]
    sets: Mapping[str, Any] = field(default_factory=dict)
    sizes_in: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)

    @property
    def english_subset(self) -> str | None:
        """The English subset that is translated unless a spec names another; None where there is none."""
        return self.english[0] if self.english else None

    def size_in(self, codes: Set[str], splits: Sequence[str]) -> Size | None:
        """The size of what the task holds of one language.

        Args:
            codes: The language's codes.
            splits: The splits that count.

        Returns:
            None where MTEB ships no count.
        """
        held = [code for code in self.languages if code in codes]
        if held == ["eng-Latn"]:
            found = [self.sizes.get(split) for split in splits]
        else:
            found = [
                Size(samples=size[0], characters=size[1]) if size else None
                for code in held
                for size in (self.sizes_in.get(code, {}).get(split) for split in splits)
            ]
        counted = [size for size in found if size is not None]
        if not counted or len(counted) < len(found):
            return None
        return Size(
            samples=sum(size.samples for size in counted), characters=sum(size.characters for size in counted)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What decides how large a sample of a task is.

    Attributes:
        protocol: What decides how much of it MTEB shows a model: samples_per_label, n_experiments and train_split of a
            classification, fraction or documents of a clustering.
        splits: For each split its rows; of each column of texts how many there are, how many different ones, and their
            mean length in characters; judged documents and candidates a query; labels.
    """

    protocol: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkMember:
    """One task of a benchmark, with what the benchmark narrows.

    Attributes:
        name: The task.
        splits: The splits that the benchmark scores.
        subsets: The subsets that it scores; None for all.
    """

    name: str
    splits: tuple[str, ...]
    subsets: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkFacts:
    """One benchmark of MTEB.

    Attributes:
        name: MTEB's name, as `MTEB(eng, v2)`.
        aliases: Other names that MTEB takes.
        members: Its tasks, those of other types and languages included; none where it is not of text, or has no English.
    """

    name: str
    aliases: tuple[str, ...]
    members: tuple[BenchmarkMember, ...]


@functools.cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((paths.bundled_tasks() / "mteb.json").read_text("utf-8"))
    return content


def mteb_version() -> str:
    """The version of mteb that the facts were taken from."""
    return str(_content()["mteb_version"])


@functools.cache
def tasks() -> Mapping[str, TaskFacts]:
    """All text tasks of the eight types, by name."""
    return {name: _task(name, row) for name, row in _content()["tasks"].items()}


@functools.cache
def _shapes() -> dict[str, Any]:
    content = json.loads((paths.bundled_tasks() / "shapes.json").read_text("utf-8"))
    return dict(content["tasks"])


def shape(name: str) -> Shape | None:
    """What decides how large a sample of a task is; None where MTEB ships no counts of it."""
    row = _shapes().get(name)
    return Shape(protocol=row["protocol"], splits=row["splits"]) if row else None


def task(name: str) -> TaskFacts | None:
    """The facts of one task; None where MTEB has no text task of that name."""
    return tasks().get(name)


def other(name: str) -> str | None:
    """What an MTEB task is that is not text or of no type that can be translated, as `ImageClustering (image)`."""
    row = _content()["others"].get(name)
    return f"{row['type']} ({', '.join(row['modalities'])})" if row else None


@functools.cache
def benchmarks() -> Mapping[str, BenchmarkFacts]:
    """All benchmarks, by name (not by alias)."""
    return {
        name: BenchmarkFacts(
            name=name,
            aliases=tuple(row.get("aliases", ())),
            members=tuple(_member(member) for member in row.get("members", ())),
        )
        for name, row in _content()["benchmarks"].items()
    }


def benchmark(name: str) -> BenchmarkFacts | None:
    """The facts of the benchmark with this name or alias, or None."""
    by_name = benchmarks()
    return by_name.get(name) or next((facts for facts in by_name.values() if name in facts.aliases), None)


def origin(facts: TaskFacts) -> Origin:
    """How the texts of a task that MTEB holds in a language came to it.

    Some translations are said to be found, as SciFact-Fa: a task made from tasks of which none has a language of its own.
    """
    created = facts.sample_creation or ""
    if created.startswith("human-translated"):
        return "human-translated"
    sources = [known for name in facts.adapted_from if (known := task(name))]
    has_changed_language = sources and not any(
        set(facts.languages) & set(known.languages) for known in sources
    )
    return "translated" if has_changed_language or created.startswith("machine-translated") else "native"


def _task(name: str, row: Mapping[str, Any]) -> TaskFacts:
    sizes = {
        split: Size(samples=samples, characters=characters)
        for split, (samples, characters) in row.get("sizes", {}).items()
    }
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    return TaskFacts(**{**values, "name": name, "sizes": sizes})


def _member(row: Mapping[str, Any]) -> BenchmarkMember:
    subsets = row.get("subsets")
    return BenchmarkMember(
        name=row["name"], splits=tuple(row["splits"]), subsets=None if subsets is None else tuple(subsets)
    )
