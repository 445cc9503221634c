"""A stored data set as an MTEB task: a subclass of the source's own concrete class, made in memory.

Everything that decides a score, from the metric to the number of samples a label, is inherited. Only the
metadata that must differ and the loading of the data are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetDict
from mteb.abstasks import AbsTaskClustering
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining

from mmteb_synth.data import own, sampling, source
from mmteb_synth.data.manifest import Manifest, sample_creation
from mmteb_synth.data.store import TranslatedDataset
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TOP_RANKED, TableKey, Tables
from mmteb_synth.errors import StoreError
from mmteb_synth.specs import TaskSpec

ENGLISH = "eng-Latn"


class SynthMetadata(TaskMetadata):
    """MTEB's metadata, but for the place of statistics: MTEB would write them into its own installed package."""

    @property
    def descriptive_stat_path(self) -> Path:
        """A file in the data set's own folder."""
        return Path(self.dataset["path"]) / "descriptive_stats.json"


def task(dataset: TranslatedDataset) -> Any:
    """The MTEB task of a stored data set, ready for `mteb.evaluate`.

    Args:
        dataset: A set from the store.

    Returns:
        An instance of a subclass of the source task's class. Its data are read when MTEB asks for them.

    Raises:
        StoreError: Texts that MTEB would not have shown a model were left out, and what decides these draws has
            changed since.
    """
    made = task_class(dataset)()
    _check_protocol(made, dataset.manifest)
    return made


def task_class(dataset: TranslatedDataset) -> type[Any]:
    """The class of a stored data set's task."""
    manifest = dataset.manifest
    base = _source_class(manifest)
    if manifest.bitext_of:
        base_metadata, base = base.metadata, AbsTaskBitextMining
    else:
        base_metadata = base.metadata

    def load_data(self: Any, num_proc: int | None = None, **_: Any) -> None:
        if not self.data_loaded:
            _check_protocol(self, manifest)  # here too, because mteb.get_task makes tasks without `task`
            self.dataset = _as_mteb(manifest, dataset.tables())
            self.data_loaded = True

    def evaluate(
        self: Any, model: Any, split: str = "test", subsets_to_run: list[str] | None = None, **options: Any
    ) -> Any:
        if issubclass(base, AbsTaskClustering):
            # MTEB's generator would go on from whatever was evaluated before, and draw rows that were left empty
            self.load_data()
            tables = {TableKey(DEFAULT, name): rows.data for name, rows in self.dataset.items()}
            self.rng_state = sampling.generator_at(self, tables, manifest.eval_splits, split)
        return base.evaluate(self, model, split, subsets_to_run, **options)

    attributes = {
        **manifest.instance_attributes,
        "metadata": _metadata(base_metadata, dataset),
        "load_data": load_data,
        "evaluate": evaluate,
        # the English transform has run on what was translated
        "dataset_transform": lambda _self, num_proc=None, **_: None,
        # fast loading wants a column of languages that the store does not keep
        "fast_loading": False,
        "__module__": __name__,
        "__doc__": f"{manifest.name}, made from a stored data set.",
    }
    return type("".join(c if c.isalnum() else "_" for c in manifest.name), (base,), attributes)


def _source_class(manifest: Manifest) -> type[Any]:
    if manifest.spec is not None:
        return own.task_class(TaskSpec.model_validate(manifest.spec), str(manifest.source["revision"]))
    return source.task_class(TaskSpec(name=manifest.source_task))


def _metadata(base: TaskMetadata, dataset: TranslatedDataset) -> SynthMetadata:
    manifest = dataset.manifest
    is_english = manifest.language == ENGLISH
    how = (
        "as MTEB shows it to models"
        if is_english
        else f"translated to {manifest.language} by {manifest.translator}"
    )
    values = base.model_dump()
    values.update(
        name=manifest.name,
        description=f"{base.name}, {how}. {base.description}",
        dataset={"path": str(dataset.folder), "revision": manifest.revision},
        eval_langs=[manifest.language],
        eval_splits=list(manifest.eval_splits),
        adapted_from=[] if manifest.spec is not None else [base.name],
        superseded_by=None,
        is_beta=False,
    )
    if not is_english:
        values.update(sample_creation=sample_creation(manifest), annotations_creators="derived")
    if manifest.bitext_of:
        values.update(
            type="BitextMining",
            category="t2t",
            main_score="f1",
            task_subtypes=[],
            prompt=None,
            description=f"Pairs of {base.name}'s texts and their translations to {manifest.language} by "
            f"{manifest.translator}. It measures the translator as well as the model.",
            eval_langs={manifest.subset: [manifest.language, ENGLISH]},
        )
    made = SynthMetadata(**values)
    made._validate_metadata()  # noqa: SLF001  MTEB checks language codes only here
    return made


def _as_mteb(manifest: Manifest, tables: Tables) -> Any:
    """The shape in which MTEB holds loaded data."""
    if any(key.config == CORPUS for key in tables):
        return {"default": {split: _split_data(tables, split) for split in manifest.eval_splits}}
    splits = DatasetDict({key.split: Dataset(table) for key, table in tables.items()})
    return {manifest.subset: splits} if manifest.bitext_of else splits


def _split_data(tables: Mapping[TableKey, pa.Table], split: str) -> dict[str, Any]:
    qrels: dict[str, dict[str, int]] = {}
    for row in tables[TableKey(QRELS, split)].to_pylist():
        qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = row["score"]
    ranked = tables.get(TableKey(TOP_RANKED, split))
    return {
        "corpus": Dataset(tables[TableKey(CORPUS, split)]),
        "queries": Dataset(tables[TableKey(QUERIES, split)]),
        "relevant_docs": qrels,
        "top_ranked": None
        if ranked is None
        else {row["query-id"]: row["corpus-ids"] for row in ranked.to_pylist()},
    }


def _check_protocol(made: Any, manifest: Manifest) -> None:
    """Refuse to score where other rows would be drawn than those that were translated."""
    if not manifest.protocol:
        return
    current = {**sampling.draws(made), "mteb_version": source.mteb_version()}
    for name, recorded in manifest.protocol.items():
        if current.get(name) != recorded:
            raise StoreError(
                f"{manifest.name} holds only the rows that MTEB drew with {name}={recorded}; now it is "
                f"{current.get(name)}, and other rows would be drawn",
                hint="build it again; translations come from the cache (--all-rows builds sets that fit any draw)",
            )
