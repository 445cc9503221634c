"""The data card: README.md of a set's folder, in the Hub's form. Manifest and ledger hold the facts, this is a view."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mmteb_synth import licences
from mmteb_synth.data import ledger as ledgers
from mmteb_synth.data.card import sections
from mmteb_synth.data.card.front import front_matter
from mmteb_synth.data.manifest import Manifest, sample_creation
from mmteb_synth.data.tables import TableKey
from mmteb_synth.errors import StoreError
from mmteb_synth.markdown import fill_in
from mmteb_synth.paths import write_text

if TYPE_CHECKING:
    from mmteb_synth.data.store import TranslatedDataset

FILE = "README.md"
"""The file's name in a set's folder."""

_ENGLISH = "eng-Latn"


def write(dataset: TranslatedDataset, *, scores: Mapping[str, float] | None = None) -> None:
    """Write a stored set's card anew from its manifest and ledger.

    Args:
        dataset: The set.
        scores: Main scores times 100 of models that were scored on it, by the model's name.

    Raises:
        StoreError: The set is damaged.
        SynthError: The card can't be written.
    """
    try:
        rows = _rows(dataset.folder)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"the data set {dataset.manifest.name} in {dataset.folder} is damaged: {error}",
            hint=f"delete {dataset.folder} and run the build again; translations come from the cache",
        ) from error
    ledger = dataset.ledger() if (dataset.folder / ledgers.FILE).exists() else None
    write_text(dataset.folder / FILE, text(dataset.manifest, rows, ledger, scores=scores))


def text(
    manifest: Manifest,
    rows: Mapping[TableKey, int],
    ledger: pa.Table | None,
    *,
    scores: Mapping[str, float] | None = None,
) -> str:
    """A set's card.

    Args:
        manifest: The set's record.
        rows: The number of rows of each of its tables.
        ledger: Its ledger; None where it has none.
        scores: Main scores times 100, by the model's name.

    Returns:
        Markdown with the front matter with which `datasets`, and so MTEB, reads the folder as it is.
    """
    is_english = manifest.language == _ENGLISH
    terms = licences.terms(manifest.source_task, manifest.licence)
    citation = (manifest.citation or (manifest.spec or {}).get("citation") or "").strip()
    values: dict[str, Any] = {
        "manifest": manifest,
        "front": front_matter(manifest, rows, terms),
        "is_english": is_english,
        "summary": sections.summary(manifest),
        "origin": sections.origin(manifest),
        "licence": sections.licence(manifest, terms),
        "faults": sections.faults(manifest),
        "statistics": sections.statistics(manifest, rows, ledger),
        "name_literal": f'"{manifest.name}"',
        "config_argument": sections.config_argument(rows),
        "citation": citation,
        "fence": sections.fence(citation),
        "uncited": sections.uncited(manifest),
    }
    if not is_english:
        values |= {
            "translator": sections.translator(manifest),
            "by_whom": sections.by_whom(ledger),
            "sample_creation": sample_creation(manifest),
            "coverage": sections.coverage(manifest),
            "has_ledger": ledger is not None,
            "checks_version": ledgers.checks_version(ledger)
            if ledger is not None
            else manifest.checks_version,
            "outcomes": sections.outcomes(ledger),
            "findings": sections.findings(ledger),
            "judgements": sections.judgements(ledger),
            "review": sections.review(manifest),
            "samples": sections.samples(terms, ledger),
            "no_samples": sections.no_samples(terms),
            "checklist": sections.checklist(manifest, terms, rows, scores or {}),
        }
    return fill_in(Path(__file__).with_name("card.md.j2"), values)


def _rows(folder: Path) -> dict[TableKey, int]:
    found = {}
    for path in sorted(folder.glob("*/*.parquet")):
        with pq.ParquetFile(path) as file:
            found[TableKey(path.parent.name, path.stem)] = file.metadata.num_rows
    return found
