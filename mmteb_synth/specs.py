"""The files that users may write: what a task needs beyond MTEB, and suites of tasks.

A set that MTEB describes needs no file. Extra keys are errors, and a broken file is never skipped.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmteb_synth.errors import SpecError, near_names

TaskType = Literal[
    "BitextMining",
    "Classification",
    "Clustering",
    "PairClassification",
    "Reranking",
    "Retrieval",
    "STS",
    "Summarization",
]
TASK_TYPES: tuple[TaskType, ...] = (
    "BitextMining",
    "Classification",
    "Clustering",
    "PairClassification",
    "Reranking",
    "Retrieval",
    "STS",
    "Summarization",
)
MAIN_SCORES: dict[TaskType, str] = {
    "BitextMining": "f1",
    "Classification": "accuracy",
    "Clustering": "v_measure",
    "PairClassification": "max_ap",
    "Reranking": "map_at_1000",
    "Retrieval": "ndcg_at_10",
    "STS": "cosine_spearman",
    "Summarization": "cosine_spearman",
}
"""The main score that MTEB's own tasks of a type usually have."""
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$"

BITEXT_SUFFIX = "Bitext"
SPEC_SUFFIX = ".toml"

_WITH_CORPUS = ("Retrieval", "Reranking")
_RETRIEVAL_FILES = {"corpus", "queries", "qrels"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Protocol(_Strict):
    """The MTEB attributes that an own set may set; MTEB's defaults hold otherwise. "none" means None."""

    samples_per_label: int | None = Field(default=None, ge=1)
    n_experiments: int | None = Field(default=None, ge=1)
    max_fraction_of_documents_to_embed: Annotated[float, Field(gt=0, le=1)] | Literal["none"] | None = None
    max_document_to_embed: int | None = Field(default=None, ge=1)
    max_documents_per_cluster: int | None = Field(default=None, ge=1)
    min_score: float | None = None
    max_score: float | None = None
    ignore_identical_ids: bool | None = None

    def attributes(self) -> dict[str, Any]:
        """The attributes to set on the MTEB class."""
        return {
            name: None if value == "none" else value
            for name, value in self.model_dump().items()
            if value is not None
        }


class TaskSpec(_Strict):
    """What must be said of one English set that MTEB does not say.

    With `files` it describes a set of one's own; without, it adds to the MTEB task of the same name.

    Attributes:
        name: The task's name; the file's stem.
        path: The file it was read from; None for a task that needs none.
        register: The tone for the translator, as `neutral` or `informal`.
        subset: Which English subset of an MTEB task with several.
        eval_splits: Which splits to score.
        columns: Other names of the columns that the type expects, as `{text = "headline"}`.
        type: The MTEB task type (own sets).
        description: One sentence (own sets).
        license: As MTEB writes it, in small letters (own sets).
        reference: A URL (own sets).
        citation: BibTeX (own sets).
        main_score: The metric that counts; the type's usual one by default (own sets).
        files: Split or table name to file, relative to the spec (own sets).
        protocol: MTEB attributes (own sets).
    """

    name: str = Field(pattern=NAME_PATTERN)
    path: Path | None = None
    register_: str = Field(default="neutral", alias="register", pattern=r"^[a-z][a-z -]*$")
    subset: str | None = None
    eval_splits: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    type: TaskType | None = None
    description: str | None = None
    license: str | None = None
    reference: str | None = None
    citation: str | None = None
    main_score: str | None = None
    files: dict[str, str] = Field(default_factory=dict)
    protocol: Protocol = Field(default_factory=Protocol)

    @property
    def is_own(self) -> bool:
        """Whether the English text comes from files of the user's rather than from MTEB."""
        return bool(self.files)

    @property
    def own_splits(self) -> tuple[str, ...]:
        """The splits that a set of one's own scores: those it names, or all of its files but the training rows."""
        if self.type in _WITH_CORPUS:
            return self.eval_splits or ("test",)
        return self.eval_splits or tuple(name for name in self.files if name != "train")

    @property
    def register(self) -> str:
        """The tone for the translator."""
        return self.register_

    @model_validator(mode="after")
    def _check_own(self) -> TaskSpec:
        if not self.is_own:
            extra = self.model_fields_set & {
                "type",
                "description",
                "license",
                "reference",
                "citation",
                "main_score",
                "protocol",
            }
            if extra:
                raise ValueError(
                    f"{', '.join(sorted(extra))} may only be set together with [files]; MTEB says them for its own tasks"
                )
            return self
        missing = [key for key in ("type", "description", "license") if getattr(self, key) is None]
        if missing:
            raise ValueError(f"a set of one's own needs {', '.join(missing)}")
        if self.type == "BitextMining":
            raise ValueError(
                "bitext is made from another set's translations: name it in a suite as [[bitext]]"
            )
        if self.type in _WITH_CORPUS:
            needed = _RETRIEVAL_FILES | ({"top_ranked"} if self.type == "Reranking" else set())
            if not needed <= set(self.files):
                raise ValueError(f"[files] of a {self.type} set needs {', '.join(sorted(needed))}")
            return self
        if self.type == "Classification" and "train" not in self.files:
            raise ValueError("[files] of a Classification set needs train and a split to score, as test")
        absent = [split for split in self.own_splits if split not in self.files]
        if absent or not self.own_splits:
            raise ValueError(f"[files] needs a file for the split {(*absent, 'test')[0]}")
        if self.type == "Summarization" and None in (self.protocol.min_score, self.protocol.max_score):
            raise ValueError("[protocol] of a Summarization set needs min_score and max_score")
        return self


class BitextSpec(_Strict):
    """Bitext mining between the translations of a named set and their English.

    Attributes:
        name: `<Source>Bitext`.
        source: The set whose translations are paired.
        max_pairs: How many pairs to take at most.
    """

    name: str = Field(pattern=NAME_PATTERN)
    source: str
    max_pairs: int = Field(default=1000, ge=2)

    @property
    def type(self) -> TaskType:
        """Always BitextMining."""
        return "BitextMining"


class SuiteTask(_Strict):
    """One set of a suite.

    Attributes:
        name: What `registry.get_task` takes; a path ending in .toml is relative to the suite's file.
        splits: The splits to score, where not all that the task scores.
    """

    name: str
    splits: tuple[str, ...] = ()


class NativeQuery(_Strict):
    """Which of MTEB's own tasks are scored in a language as they are, found rather than listed.

    Attributes:
        origins: How their texts came to the language. What machines translated or wrote is never among them.
        types: Their MTEB types; empty for all but bitext.
    """

    origins: tuple[Literal["native", "human-translated"], ...] = ("native", "human-translated")
    types: tuple[TaskType, ...] = ()


class SuiteBitext(_Strict):
    """A bitext mining set made from the translations of a named set.

    Attributes:
        source: What `registry.get_task` takes; a path ending in .toml is relative to the suite's file.
        max_pairs: How many pairs to take at most.
    """

    source: str
    max_pairs: int = Field(default=1000, ge=2)

    @property
    def name(self) -> str:
        """The name of the set: `<Source>Bitext`."""
        return (Path(self.source).stem if self.source.endswith(SPEC_SUFFIX) else self.source) + BITEXT_SUFFIX

    @property
    def spec(self) -> BitextSpec:
        """The set itself."""
        return BitextSpec(name=self.name, source=self.source, max_pairs=self.max_pairs)


class Suite(_Strict):
    """A named list of sets.

    Attributes:
        name: The file's stem.
        path: The file it was read from.
        description: One sentence.
        demo: Whether its board is titled a demo, not a benchmark.
        benchmark: An MTEB benchmark whose English tasks are taken in.
        tasks: Sets to translate.
        native: MTEB tasks that already hold the language, scored as they are.
        native_query: Finds more of them, in each language others.
        bitext: Bitext sets made from the translations.
    """

    name: str
    path: Path | None = None
    description: str
    demo: bool = False
    benchmark: str | None = None
    tasks: tuple[SuiteTask, ...] = ()
    native: tuple[SuiteTask, ...] = ()
    native_query: NativeQuery | None = None
    bitext: tuple[SuiteBitext, ...] = ()

    @model_validator(mode="after")
    def _check_names(self) -> Suite:
        names = [task.name for task in (*self.tasks, *self.native)] + [pairs.name for pairs in self.bitext]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"listed twice: {', '.join(twice)}")
        if not (names or self.benchmark or self.native_query):
            raise ValueError(
                "a suite needs at least one entry in [[tasks]], [[native]] or [[bitext]], a benchmark or a [native_query]"
            )
        return self


def read_task(path: Path) -> TaskSpec:
    """Read a task's TOML file.

    Raises:
        SpecError: The file is missing, is not TOML, or says something that can't be.
    """
    return _read(path, TaskSpec)


def read_suite(path: Path) -> Suite:
    """Read a suite's TOML file.

    Raises:
        SpecError: The file is missing, is not TOML, or says something that can't be.
    """
    return _read(path, Suite)


_Model = TypeVar("_Model", bound=BaseModel)
_GIVEN = ("name", "path")
"""What the file's place says, so that the file must not."""
_TABLES: dict[int | str, type[BaseModel]] = {
    "protocol": Protocol,
    "tasks": SuiteTask,
    "native": SuiteTask,
    "native_query": NativeQuery,
    "bitext": SuiteBitext,
}


def _read(path: Path, model: type[_Model]) -> _Model:
    values = read_toml(path)
    for given in _GIVEN:
        if given in values:
            raise SpecError(f"{path}: {given!r} is taken from the file's name and must not be set")
    return parse(model, {"name": path.stem, "path": path.resolve(), **values}, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        SpecError: The file can't be read or is not TOML; the message has the line.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise SpecError(
            f"no such file: {path}", hint="a name ending in .toml is a path; others are looked up by name"
        ) from error
    except OSError as error:
        raise SpecError(f"could not read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{path} is not UTF-8 text: {error.reason} at byte {error.start}", hint="save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SpecError(
            f"{path} is not valid TOML: {error}", hint="mend that line; toml.io has the form"
        ) from error


def parse(model: type[_Model], values: dict[str, Any], where: str) -> _Model:
    """Validate values against a model.

    Args:
        model: The pydantic model.
        values: What the file said.
        where: The file, for the message.

    Raises:
        SpecError: With one line for each thing that is wrong.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            place = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                near = near_names(str(problem["loc"][-1]), _keys(model, problem["loc"][:-1]))
                message = "is not a known key" + (f"; did you mean {near[0]}?" if near else "")
            lines.append(f"{place}: {message}" if place else message)
        raise SpecError(f"{where}: " + "; ".join(lines)) from error


def _keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys that a file may set at a place."""
    fields = _TABLES.get(place[0], model).model_fields if place else model.model_fields
    names = (field.alias or name for name, field in fields.items())
    return [name for name in names if place or name not in _GIVEN]
