"""The front matter of a card, by which the Hub and `datasets` know a set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmteb_synth import languages
from mmteb_synth.data.manifest import Manifest
from mmteb_synth.data.tables import QRELS, TableKey
from mmteb_synth.licences import UNSPECIFIED, Terms

_ENGLISH = "eng-Latn"

# What the Hub calls MTEB's task types, as mteb's own cards do (TaskMetadata._hf_task_type).
_CATEGORIES = {
    "BitextMining": "translation",
    "Classification": "text-classification",
    "MultilabelClassification": "text-classification",
    "Clustering": "text-classification",
    "PairClassification": "text-classification",
    "Reranking": "text-ranking",
    "Retrieval": "text-retrieval",
    "STS": "sentence-similarity",
    "Summarization": "summarization",
    "InstructionRetrieval": "text-retrieval",
    "InstructionReranking": "text-ranking",
}
_NOT_ON_THE_HUB = {"cc-by-nd-2.1-jp", "msr-la-nc", "multiple", "openmdw-1.1"}
"""Licences that MTEB names and the Hub has no identifier of."""
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)


def front_matter(manifest: Manifest, rows: Mapping[TableKey, int], terms: Terms) -> str:
    """The lines between the two `---`, in YAML.

    Args:
        manifest: The set's record.
        rows: The number of rows of each of its tables.
        terms: What may be done with its texts; a translation keeps the licence.
    """
    from huggingface_hub import DatasetCardData

    is_english = manifest.language == _ENGLISH
    codes = [manifest.language, *([_ENGLISH] if manifest.bitext_of else [])]
    configs = [
        {
            "config_name": "default" if config == QRELS else config,
            "data_files": [
                {"split": key.split, "path": key.file} for key in sorted(rows) if key.config == config
            ],
        }
        for config in sorted({key.config for key in rows})
    ]
    data = DatasetCardData(
        pretty_name=manifest.name,
        language=[languages.bcp47(code).split("-")[0] for code in codes],
        **_licence(terms),
        task_categories=[_CATEGORIES[manifest.task_type]] if manifest.task_type in _CATEGORIES else None,
        annotations_creators=["derived"],
        language_creators=None if is_english else ["machine-generated"],
        multilinguality=["monolingual" if is_english else "translated"],
        source_datasets=None if manifest.spec else [str(manifest.source.get("dataset"))],
        size_categories=[_size(sum(rows.values()))],
        tags=["mteb", "mmteb_synth", "text"],
        configs=configs,
    )
    return str(data.to_yaml(line_break="\n"))


def _licence(terms: Terms) -> dict[str, Any]:
    if terms.licence == UNSPECIFIED:
        return {"license": "unknown"}
    if terms.link:
        name = "see-link" if terms.licence == terms.link else terms.licence
        return {"license": "other", "license_name": name, "license_link": terms.link}
    if terms.licence in _NOT_ON_THE_HUB:
        return {"license": "other", "license_name": terms.licence}
    return {"license": terms.licence}


def _size(rows: int) -> str:
    return next((name for limit, name in _SIZES if rows < limit), "n>10M")
