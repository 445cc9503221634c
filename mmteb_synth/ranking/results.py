"""Scores on disk -> scores in memory: MTEB's result files, joined with the signatures beside them.

A folder `results/<org__name>/<revision>/` holds one JSON file a task in MTEB's own format, `model_meta.json` and
`signatures.jsonl`, which says of each score what MTEB's format has no place for. A score counts only when its
signature, its result file and the data it was made on all name the same data revision.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmteb_synth import aggregates
from mmteb_synth.errors import SynthError
from mmteb_synth.specs import BITEXT_SUFFIX
from mmteb_synth.types import Origin

SIGNATURES = "signatures.jsonl"
META = "model_meta.json"
PREDICTIONS = "predictions"
"""The folder beside a model's results in which its predictions are, where they were kept."""
SOURCE = "source"
"""The translator of English sets: identity."""
ENGLISH = "eng-Latn"
OVERRIDES = r"(\.[0-9a-f]{8})(?=\.|$)"
"""How a translator's settings are marked in the name of a set where they are not its preset's."""


class Signed(BaseModel):
    """One line of `signatures.jsonl`. Keys that a later version adds are ignored."""

    model_config = ConfigDict(frozen=True)

    schema_: Literal[1] = Field(alias="schema")
    task: str = Field(pattern=r"^[^./\\\x00][^/\\\x00]*$")
    dataset_revision: str
    signature: str
    source_task: str
    task_type: str
    origin: Origin
    translator: str | None
    language: str
    profile: str
    limit: int | None
    split: str
    subset: str
    main_score: str
    coverage: float | None = None
    bitext: bool = False
    grade: str | None = None
    notes: tuple[str, ...] = ()
    zero_shot: bool | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as its results know it.

    Attributes:
        name: As `org/name`.
        revision: Its revision; `<revision>/<experiment>` where MTEB kept an experiment apart.
        parameters: Number of parameters, where known.
        dimensions: Number of dimensions of an embedding, where known; the largest where there are several.
    """

    name: str
    revision: str
    parameters: int | None = None
    dimensions: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One `main_score` of one model.

    Attributes:
        model: Who was scored.
        signed: What is known of the score.
        value: The score on MTEB's own scale, mostly 0 to 1.
        folder: Where its result file lies.
    """

    model: Model
    signed: Signed
    value: float
    folder: Path

    @property
    def label(self) -> str:
        """What tables are told apart by: the translator, or the origin of text that nobody translated here.

        Where a preset's settings were overridden, only the set's name says so: `gpt-4.1-mini.1a2b3c4d`.
        """
        signed = self.signed
        if signed.translator is None:
            return signed.origin
        before = re.escape(f".{signed.language}.{plain_name(signed.translator)}")
        overrides = re.search(before + OVERRIDES, signed.task)
        return signed.translator + (overrides[1] if overrides else "")

    @property
    def cell(self) -> tuple[str, str]:
        """(language, name of the source): what a score is a score of.

        A bitext set is named after the set whose translations it pairs, so that both may be in one suite.
        """
        name = self.signed.source_task
        if self.signed.bitext and not name.endswith(BITEXT_SUFFIX):
            name += BITEXT_SUFFIX
        return self.signed.language, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All scores that count, and what was left out.

    Attributes:
        scores: In the order of model, revision, task, language, split and subset.
        stale: Names of sets whose data changed after they were scored, sorted.
    """

    scores: tuple[Score, ...]
    stale: tuple[str, ...]


def plain_name(translator: str) -> str:
    """A translator's name as it stands in the names of sets: import:deepl is import-deepl there."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", translator)


def read_results(results_dir: Path, data_dir: Path, native_revision: Callable[[str], str | None]) -> Results:
    """Read every signed score.

    Args:
        results_dir: What `mteb.ResultCache` takes.
        data_dir: The store of built sets; its pointer files name their current revisions.
        native_revision: The revision that MTEB now pins for a task scored as it is, or None if it knows none.

    Returns:
        The scores whose revisions agree.

    Raises:
        SynthError: A file is damaged; the message names it.
    """
    current: dict[str, str | None] = {}
    scores: list[Score] = []
    stale: set[str] = set()
    for folder, revision in _revision_folders(results_dir / "results"):
        model = _read_model(folder, revision)
        opened: dict[str, dict[str, Any]] = {}
        for signed in _read_signatures(folder / SIGNATURES):
            if signed.task not in opened:
                opened[signed.task] = _read_result(folder / f"{signed.task}.json")
            result = opened[signed.task]
            if signed.dataset_revision != result.get("dataset_revision"):
                continue  # the signature of an earlier run, or a result that was removed
            if signed.task not in current:
                native = signed.translator is None
                current[signed.task] = (
                    native_revision(signed.task) if native else _built_revision(data_dir, signed.task)
                )
            if current[signed.task] not in (None, signed.dataset_revision):
                stale.add(signed.task)
                continue
            value = _main_score(result, signed, folder / f"{signed.task}.json")
            if value is not None:
                scores.append(Score(model=model, signed=signed, value=value, folder=folder))
    return Results(scores=tuple(sorted(scores, key=_order)), stale=tuple(sorted(stale)))


def by_set(scores: Iterable[Score]) -> dict[str, dict[str, float]]:
    """The scores of built sets for their data cards: set -> model -> the mean over splits and subsets, times 100.

    Args:
        scores: Scores of any tasks. Of several revisions of a model the last one's count.
    """
    values: dict[str, dict[Model, list[float]]] = {}
    for score in scores:
        if score.signed.translator is not None:
            values.setdefault(score.signed.task, {}).setdefault(score.model, []).append(100 * score.value)
    return {
        name: {model.name: math.fsum(found) / len(found) for model, found in of_set.items()}
        for name, of_set in values.items()
    }


def _order(score: Score) -> tuple[str, ...]:
    signed = score.signed
    return (score.model.name, score.model.revision, signed.task, signed.language, signed.split, signed.subset)


def _revision_folders(root: Path) -> Iterator[tuple[Path, str]]:
    """Every folder with signatures, and the revision it stands for; MTEB keeps experiments below a revision."""
    for path in sorted(root.glob(f"*/*/{SIGNATURES}")):
        yield path.parent, path.parent.name
    for path in sorted(root.glob(f"*/*/experiments/*/{SIGNATURES}")):
        yield path.parent, f"{path.parents[2].name}/{path.parent.name}"


def _damaged(path: Path, what: str) -> SynthError:
    return SynthError(
        f"{path} is damaged: {what}",
        hint="delete the file and score the model again with mmteb-synth evaluate",
    )


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is no file.

    Raises:
        SynthError: The file is damaged, or can't be read.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SynthError(f"could not read {path}: {error.strerror}") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise _damaged(path, str(error)) from error
    if not isinstance(value, dict):
        raise _damaged(path, "it holds no JSON object")
    return value


def _read_model(folder: Path, revision: str) -> Model:
    in_experiment = folder.parent.name == "experiments"
    holder = folder.parents[1] if in_experiment else folder
    meta = read_object(folder / META) or read_object(holder / META)
    dimensions = meta.get("embed_dim")
    if isinstance(dimensions, list):
        dimensions = max((size for size in dimensions if isinstance(size, int)), default=None)
    parameters = meta.get("n_parameters")
    name = meta.get("name")
    return Model(
        name=name if isinstance(name, str) and name else holder.parent.name.replace("__", "/", 1),
        revision=revision,
        parameters=parameters if isinstance(parameters, int) else None,
        dimensions=dimensions if isinstance(dimensions, int) else None,
    )


def _read_signatures(path: Path) -> list[Signed]:
    """The lines that hold: a later one replaces an earlier one of the same score."""
    latest: dict[tuple[str, ...], Signed] = {}
    try:
        lines = path.read_text("utf-8").split("\n")
    except OSError as error:
        raise SynthError(f"could not read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _damaged(path, str(error)) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            signed = Signed.model_validate_json(line)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(str(part) for part in problem["loc"])
            raise _damaged(path, f"line {number}: {f'{place}: ' if place else ''}{problem['msg']}") from error
        key = (signed.task, signed.dataset_revision, signed.language, signed.split, signed.subset)
        latest[key] = signed
    return list(latest.values())


def _read_result(path: Path) -> dict[str, Any]:
    result = read_object(path)
    if result and not isinstance(result.get("scores"), dict):
        raise _damaged(path, "it has no scores")
    return result


def _main_score(result: dict[str, Any], signed: Signed, path: Path) -> float | None:
    """The score that a signature is about; None where it was never made or is not a number."""
    entries = result["scores"].get(signed.split, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _damaged(path, f"the scores of split {signed.split!r} are not a list of objects")
    for entry in entries:
        if entry.get("hf_subset") == signed.subset:
            value = entry.get("main_score")
            if value is None:
                return None
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _damaged(path, f"the main_score of subset {signed.subset!r} is {value!r}, not a number")
            return float(value) if math.isfinite(value) else None
    return None


def _built_revision(data_dir: Path, name: str) -> str | None:
    """The current revision of a built set, or of an aggregate of several; None where not all is in the store."""
    made_of = aggregates.sets(name)
    if made_of is None:
        return _stored_revision(data_dir, name)
    revisions = {part: _stored_revision(data_dir, of_part) for part, of_part in made_of[1].items()}
    known = {part: revision for part, revision in revisions.items() if revision is not None}
    return aggregates.revision(known) if known.keys() == revisions.keys() else None


def _stored_revision(data_dir: Path, name: str) -> str | None:
    """The revision that a set's pointer names; None where there is none."""
    path = data_dir / f"{name}.json"
    pointer = read_object(path)
    if not pointer:
        return None
    revision = pointer.get("revision")
    if not isinstance(revision, str):
        raise SynthError(
            f"{path} is damaged: it names no revision",
            hint="delete the file and build the set again with mmteb-synth build",
        )
    return revision
