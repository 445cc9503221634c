"""Write tasks/shapes.json from the statistics that the installed mteb ships.

They are what the size of a set under a profile can be estimated from without loading it. Run it after every change of
the pinned mteb; a contract test compares the file with what it would write:

    python scripts/mteb_shapes.py
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmteb_synth import facts, paths


def gather() -> str:
    """The content of shapes.json for the installed mteb."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # beta tasks warn when they are made
        import mteb

        classes = {
            task.metadata.name: type(task)
            for task in mteb.get_tasks(exclude_superseded=False, exclude_private=False, exclude_beta=False)
        }
    rows = {}
    for name, known in facts.tasks().items():
        if known.english and not known.parts and name in classes:
            shapes = _shapes(classes[name], known)
            if shapes:
                rows[name] = shapes
    lines = [f"{json.dumps(name)}: {json.dumps(row, sort_keys=True)}" for name, row in sorted(rows.items())]
    header = f'"mteb_version": {json.dumps(mteb.__version__)},\n"schema": 1,\n'
    return "{\n" + header + '"tasks": {\n' + ",\n".join(lines) + "\n}\n}\n"


def _shapes(cls: Any, known: facts.TaskFacts) -> dict[str, Any] | None:
    """What decides how much of a task a model is shown, and for each split what it holds."""
    families = {base.__name__ for base in cls.__mro__}
    protocol: dict[str, Any] = {}
    if "AbsTaskClassification" in families:
        protocol = {"samples_per_label": cls.samples_per_label, "n_experiments": cls.n_experiments}
        protocol |= {"train_split": cls.train_split} if not cls.is_cross_validation else {}
    elif "AbsTaskClustering" in families and cls.max_fraction_of_documents_to_embed is not None:
        protocol = {"fraction": cls.max_fraction_of_documents_to_embed}
    elif "AbsTaskClustering" in families and cls.max_document_to_embed is not None:
        protocol = {"documents": cls.max_document_to_embed}
    splits = {}
    for split, whole in (cls.metadata.descriptive_stats or {}).items():
        by_subset = whole.get("hf_subset_descriptive_stats") or {}
        counts = by_subset.get(known.english_subset, whole if not by_subset else None)
        if counts and (split in known.splits or split == protocol.get("train_split")):
            splits[split] = _split(counts)
    return {"protocol": protocol, "splits": splits} if splits else None


def _split(counts: Mapping[str, Any]) -> dict[str, float]:
    """One split in numbers."""
    texts = {
        name.removesuffix("_statistics").removesuffix("_text"): part
        for name, part in counts.items()
        if isinstance(part, Mapping) and part.get("unique_texts")
    }
    found: dict[str, float] = {"rows": counts["num_samples"]}
    for name, part in texts.items():
        average = part["average_text_length"]
        found[name] = round(part["total_text_length"] / average) if average else 0
        found[f"{name}_unique"] = part["unique_texts"]
        found[f"{name}_characters"] = round(average, 1)
    judged, ranked = counts.get("relevant_docs_statistics"), counts.get("top_ranked_statistics")
    if judged:
        found["judged"] = round(judged["average_relevant_docs_per_query"], 2)
        found["judged_unique"] = judged["unique_relevant_docs"]
    if ranked:
        found["candidates"] = round(ranked["average_top_ranked_per_query"], 2)
    labels = counts.get("label_statistics") or counts.get("labels_statistics")
    if labels and "unique_labels" in labels:
        found["labels"] = labels["unique_labels"]
    return found


def main() -> None:
    """Write the file into the checkout's tasks folder."""
    path: Path = paths.bundled_tasks() / "shapes.json"
    paths.write_text(path, gather())
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
