"""The record of a data set: what was translated, by whom, how, from what, and what is known of the result."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mmteb_synth import facts, licences
from mmteb_synth.data.profiles import FULL
from mmteb_synth.errors import StoreError
from mmteb_synth.paths import write_text

SCHEMA = 1
FILE = "manifest.json"
"""The file's name in a set's folder."""

VERIFIED_ROWS = 100
"""So many rows, or grades, must people have looked at before a set calls itself verified."""

OUTDATED = "the set was built anew with other content since, so the verdict no longer holds; run mmteb-synth validate again"
"""What stands in the place of a certificate's verdict."""

_REBUILD = "delete it and build the set again; translations come from the cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The record of one translated data set.

    Attributes:
        name: `<Source>.<lang>.<translator>[.<profile>][.limit<N>]`.
        source_task: The English task.
        task_type: MTEB's task type.
        language: The target, as `tur-Latn`.
        translator: The translator's name, `source` for English.
        translator_identity: What decides the translator's output.
        grade: `demonstration` for translators whose scores only demonstrate.
        prompt_version: The prompt's, None where there is no prompt.
        decoding: The decoding in short, as `t0`.
        checks_version: The checks' version that judged the translations.
        profile: How much of the source is kept: the profile's label, as `full`, `nano` or `nano-s7`.
        sample: What the profile kept: its name, seed and sampler version, of each table the rows kept and the rows
            there are, and the digest of the list that lies beside it; empty for `full`.
        limit: The trial's limit, None for whole sets.
        all_rows: Whether rows that MTEB never shows a model were translated too.
        eval_splits: The splits that are scored.
        subset: MTEB's subset of the stored task.
        source: Where the English data come from: dataset, revision, mirror, mteb_version.
        protocol: What decided which rows MTEB shows a model; empty where every row is stored.
        instance_attributes: What the source's transform set on its task object.
        counts: Rows, texts, segments and so on.
        coverage: The share of segments that have a translation, 0 to 1.
        failures: Segments without a translation: their source text and the reason.
        on_failure: What was done with them.
        kept: For each table the rows that keep English texts because of them, by id or number.
        dropped: For each table the rows of the English set that were left out because of them, in the same way.
        notes: What a reader of a score must know, in words.
        licence: The source's licence, as MTEB or the spec of a set of one's own writes it.
        terms: What may be done with the texts as far as was known, as `mmteb_synth.licences.Terms` has it; of a set that
            was handed on, with what was `accepted`.
        citation: The source's BibTeX.
        bitext_of: For a bitext set, the source whose translations it pairs.
        usage: Tokens that building it used.
        fingerprint: Of all that decides the content; equal means unchanged.
        changes: The cache's change counters for the translator and language when it was built.
        revision: The digest of the content.
        created: When it was built, UTC.
        spec: The spec of a set of one's own, so that the stored set needs no file of the user's; None for MTEB's sets.
        outcomes: Segments by outcome, as `mmteb_synth.data.ledger` names them.
        findings: What the checks found: check, severity and number of segments.
        review: What people found: reviewers, rows, errors, error_rate and label_survival (each the rate and its
            interval's ends), alpha, date, judge_agreement; empty where nobody looked.
        validity: What certificates say of boards made on this set: suite, text, created and file; where the content
            changed since, the text is `OUTDATED`.
    """

    name: str
    source_task: str
    task_type: str
    language: str
    translator: str
    translator_identity: dict[str, Any] = field(default_factory=dict)
    grade: str | None = None
    prompt_version: int | None = None
    decoding: str = "-"
    checks_version: int
    profile: str = FULL.label
    sample: dict[str, Any] = field(default_factory=dict)
    limit: int | None = None
    all_rows: bool = False
    eval_splits: list[str]
    subset: str = "default"
    source: dict[str, Any]
    protocol: dict[str, Any] = field(default_factory=dict)
    instance_attributes: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int]
    coverage: float
    failures: list[dict[str, str]] = field(default_factory=list)
    on_failure: str = "stop"
    kept: dict[str, list[int | str]] = field(default_factory=dict)
    dropped: dict[str, list[int | str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    licence: str | None
    terms: dict[str, Any] = field(default_factory=dict)
    citation: str | None = None
    bitext_of: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    fingerprint: str
    changes: list[int] = field(default_factory=list)
    revision: str = ""
    created: str
    spec: dict[str, Any] | None = None
    outcomes: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)
    review: dict[str, Any] = field(default_factory=dict)
    validity: list[dict[str, str]] = field(default_factory=list)
    schema: int = SCHEMA


def sample_creation(manifest: Manifest) -> str:
    """How the texts came to be, in MTEB's words for `TaskMetadata.sample_creation`.

    Verified is only what a named speaker reviewed enough rows of, or a judge whose agreement with enough grades of
    people in the language is on record.

    Args:
        manifest: The record of a translated set.
    """
    review = manifest.review
    if (
        any(name.strip() for name in review.get("reviewers") or ())
        and (review.get("rows") or 0) >= VERIFIED_ROWS
    ):
        return "machine-translated and verified"
    if ((review.get("judge_agreement") or {}).get("grades") or 0) >= VERIFIED_ROWS:
        return "machine-translated and LM verified"
    return "machine-translated"


def with_terms_of_today(manifest: Manifest) -> Manifest:
    """A set's record with what is known now of its source's licence; nothing else of it changes.

    Args:
        manifest: The record as it was written, which may be long ago.

    Returns:
        The very same where nothing else is known now. Of the licences that were `accepted` those stay that still count.
    """
    known = None if manifest.spec is not None else facts.task(manifest.source_task)
    licence = known.license if known else manifest.licence
    terms = licences.terms(manifest.source_task, licence).record()
    if "accepted" in manifest.terms:
        terms["accepted"] = [name for name in manifest.terms["accepted"] if name in terms["to_accept"]]
    return dataclasses.replace(manifest, licence=licence, terms=terms)


def built_anew(manifest: Manifest, previous: Manifest) -> Manifest:
    """A set's new record, with what was found out about the set after it was built before.

    Where the content is the same, that is the review and what certificates say. Where it is another, nothing of it holds,
    and certificates are said to be outdated.

    Args:
        manifest: The new record; what it says itself goes before.
        previous: The record in whose place it comes.
    """
    is_same = manifest.revision == previous.revision
    return dataclasses.replace(
        manifest,
        review=manifest.review or (previous.review if is_same else {}),
        validity=manifest.validity
        or [one if is_same else {**one, "text": OUTDATED} for one in previous.validity],
    )


def write(folder: Path, manifest: Manifest) -> None:
    """Write a set's record into its folder, in place of the one that is there.

    Raises:
        SynthError: It can't be written.
    """
    record = json.dumps(dataclasses.asdict(manifest), ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    write_text(folder / FILE, record)


def read(folder: Path, name: str) -> Manifest:
    """The record in a set's folder.

    Args:
        folder: Where the set lies.
        name: The set's name.

    Raises:
        StoreError: It is damaged, of a later version or of another set.
    """
    path = folder / FILE
    values = read_json(path)
    try:
        manifest: Manifest = TypeAdapter(Manifest).validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise StoreError(f"{path} is damaged: {place}: {problem['msg']}", hint=_REBUILD) from error
    if manifest.name != name:
        raise StoreError(f"{path} is the record of {manifest.name}, not of {name}")
    return manifest


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object with a schema number.

    Raises:
        StoreError: It is damaged, or of a later version.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} is damaged: {error}", hint=_REBUILD) from error
    if not isinstance(values, dict) or not isinstance(values.get("schema"), int):
        raise StoreError(f"{path} is damaged: it has no schema number", hint=_REBUILD)
    if values["schema"] > SCHEMA:
        raise StoreError(
            f"{path} was written by a newer mmteb-synth", hint="pip install --upgrade mmteb-synth"
        )
    return values
