"""The parts of a card: tables and lines of Markdown, made from manifest and ledger. What is unknown is empty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth import facts, languages, licences
from mmteb_synth.data import ledger as ledgers
from mmteb_synth.data.manifest import VERIFIED_ROWS, Manifest, sample_creation
from mmteb_synth.data.profiles import FULL, sample
from mmteb_synth.data.tables import QRELS, TableKey
from mmteb_synth.licences import Terms
from mmteb_synth.markdown import Column, escape, table

RANDOM = "mteb/baseline-random-encoder"
SMALL = "intfloat/multilingual-e5-small"
"""The two models that MTEB asks contributors to score."""

_ENGLISH = "eng-Latn"
_SAMPLES = 5
_SAMPLE_CHARACTERS = 240
_ENOUGH_ROWS = 2_048
"""What MTEB's guide to adding a data set calls typically large enough."""


def licence(manifest: Manifest, terms: Terms) -> list[str]:
    """Under which licence the texts are, who says so, and what may be done with the set."""
    named = manifest.licence or "not specified"
    written = "" if named == terms.licence else f"; MTEB's field says {named}" if not manifest.spec else ""
    lines = [f"Source: {terms.licence}{written}."]
    lines += [f"{fact.task}: {fact.words} ({fact.source}, read on {fact.checked})." for fact in terms.known]
    if manifest.language == _ENGLISH:
        lines.append("The texts are the source's own.")
    else:
        lines.append(
            "Translation: it is derived from the source, so the source's licence holds for it too, and the translator's "
            "terms of use beside it."
        )
    return [*lines, _what_may_be_done(terms)]


def _what_may_be_done(terms: Terms) -> str:
    if terms.forbids_redistribution:
        return "It may not be handed on: keep this set to yourself."
    if terms.no_derivatives:
        return "Derivatives may not be handed on: keep this set to yourself."
    keeps = "share-alike" in licences.shipped().licences.get(terms.licence, ())
    asked = {
        "attribution": "name the source's authors",
        "share-alike": f"keep it under {terms.licence}"
        if keeps
        else "keep the licences that are share-alike",
        "non-commercial": "make no commercial use of it",
        "unspecified": "ask whoever owns the texts, as no grant is on record for all of them",
    }
    wanted = [words for condition, words in asked.items() if condition in terms.conditions]
    return f"Who hands it on must: {', '.join(wanted)}." if wanted else "It may be handed on freely."


def summary(manifest: Manifest) -> str:
    """What the set is, in a sentence."""
    language = languages.parse(manifest.language).name
    source = escape(manifest.bitext_of or manifest.source_task)
    if manifest.language == _ENGLISH:
        return f"{source} as MTEB shows it to models: the English counterpart of its translations."
    if manifest.bitext_of:
        return (
            f"Pairs of {source}'s texts and their translations to {language} by {escape(manifest.translator)}. It measures "
            "the translator as well as the model."
        )
    return f"{source}, translated to {language} by {escape(manifest.translator)}."


def origin(manifest: Manifest) -> str:
    """Where the English texts come from."""
    source = manifest.source
    known = facts.task(manifest.source_task)
    reference = (manifest.spec or {}).get("reference") or (known.reference if known else None)
    dataset = str(source.get("dataset"))
    lines = {
        "Source set": manifest.bitext_of or manifest.source_task,
        "Its data": f"{dataset}, revision {source.get('revision')}",
        "Read from a mirror": source.get("mirror"),
        "Reference": reference,
        "Task type": manifest.task_type,
        "Splits that are scored": ", ".join(manifest.eval_splits),
        "Language": f"{languages.parse(manifest.language).name} ({manifest.language})",
        "MTEB": source.get("mteb_version"),
        "Revision of this set": manifest.revision,
        "Built": manifest.created,
    }
    return _pairs(lines)


def translator(manifest: Manifest) -> str:
    """Who translates, and how."""
    identity = {
        name: value
        for name, value in _flat(manifest.translator_identity)
        if name not in ("translator", "prompt", "decoding")
    }
    return _pairs(
        {
            "Translator": manifest.translator,
            "Asked": _how_asked(manifest),
            "Prompt version": manifest.prompt_version,
            "Decoding": None if manifest.decoding == "-" else manifest.decoding,
            **identity,
            "Input tokens": manifest.usage.get("input_tokens") or None,
            "Output tokens": manifest.usage.get("output_tokens") or None,
        }
    )


def _how_asked(manifest: Manifest) -> str:
    name = manifest.translator
    if name == "authored":
        return "nobody: the translations were written for this project"
    if name.startswith("import:"):
        return "nobody: the translations were imported"
    if name.startswith("vllm:"):
        return "a model that ran in process, through vLLM"
    if name.startswith("apertium"):
        return "Apertium, a translator by rules that ran on the same machine"
    if manifest.prompt_version is not None:
        return "a model behind an endpoint that speaks OpenAI's chat API"
    return "a translator of the builder's own"


def _flat(values: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield before + name, value


def by_whom(ledger: pa.Table | None) -> str:
    """Who made how many of the translations; a repair may be another translator's."""
    if ledger is None:
        return ""
    named = ledger.group_by(["translator", "model"]).aggregate([([], "count_all")]).to_pylist()
    by_number = sorted(named, key=lambda row: -row["count_all"])
    counted = [((row["translator"], row["model"]), row["count_all"]) for row in by_number]
    counted = [(who, count) for who, count in counted if any(who)]
    if not counted:
        return ""
    return table(
        [
            _texts("Translator", [who[0] for who, _ in counted]),
            _texts("Model as it answered", [who[1] for who, _ in counted]),
            _numbers("Segments", [count for _, count in counted]),
        ]
    )


def coverage(manifest: Manifest) -> str:
    """How much has a translation, and what becomes of the rest."""
    policy = {
        "stop": "so few are tolerated, English is kept",
        "source": "English is kept",
        "drop": "their rows are left out where that is safe, otherwise English is kept",
    }
    return _pairs(
        {
            "Segments with a translation": f"{100 * manifest.coverage:.2f} %",
            "Segments without": len(manifest.failures),
            "What became of those": policy.get(manifest.on_failure) if manifest.failures else None,
            "Rows that keep English": sum(map(len, manifest.kept.values())),
            "Rows that were left out": sum(map(len, manifest.dropped.values())),
            "Texts left empty that MTEB shows no model": manifest.counts.get("unencoded"),
        }
    )


def outcomes(ledger: pa.Table | None) -> str:
    """How many segments were translated, repaired, flagged and failed."""
    if ledger is None:
        return ""
    outcomes = ledgers.count_outcomes(ledger)
    return table(
        [
            _texts("Outcome", list(outcomes)),
            _numbers("Segments", list(outcomes.values())),
            _numbers("Share", [_share(count, len(ledger)) for count in outcomes.values()]),
        ]
    )


def findings(ledger: pa.Table | None) -> str:
    """How many segments each check finds fault with."""
    findings = ledgers.count_findings(ledger) if ledger is not None else {}
    if ledger is None or not findings:
        return ""
    return table(
        [
            _texts("Check", [check for check, _ in findings]),
            _texts("Severity", [severity for _, severity in findings]),
            _numbers("Segments", list(findings.values())),
            _numbers("Share", [_share(count, len(ledger)) for count in findings.values()]),
        ]
    )


def judgements(ledger: pa.Table | None) -> str:
    """For each judge how many segments it judged, its mean score, and how many it doubts."""
    if ledger is None:
        return ""
    by_judge: dict[str, list[Mapping[str, Any]]] = {}
    for judgement in pc.list_flatten(ledger.column("judgements")).to_pylist():
        by_judge.setdefault(judgement["judge"], []).append(judgement)
    if not by_judge:
        return ""
    scores = [[one["score"] for one in said if one["score"] is not None] for said in by_judge.values()]
    return table(
        [
            _texts("Judge", list(by_judge)),
            _numbers("Segments", [len(said) for said in by_judge.values()]),
            _numbers("Mean score", [f"{sum(found) / len(found):.3f}" if found else None for found in scores]),
            _numbers("Doubted", [sum(bool(one["severity"]) for one in said) for said in by_judge.values()]),
        ]
    )


def review(manifest: Manifest) -> str:
    """What people found."""
    review = manifest.review
    if not review:
        return ""
    agreement = review.get("judge_agreement")
    return _pairs(
        {
            "Reviewers": ", ".join(review.get("reviewers") or ()),
            "Rows": review.get("rows"),
            "Errors": review.get("errors"),
            "Error rate": _rate(review.get("error_rate")),
            "Label survival": _rate(review.get("label_survival")),
            "Agreement between raters (Krippendorff's alpha)": _rounded(review.get("alpha")),
            "A judge's agreement with people": agreement
            and f"{agreement.get('judge')}: tau {_rounded(agreement.get('tau'))} on {agreement.get('grades')} grades",
            "Date": review.get("date"),
        }
    )


def samples(terms: Terms, ledger: pa.Table | None) -> str:
    """A few translations beside their sources, where the licence lets them be quoted."""
    if ledger is None or not _may_quote(terms):
        return ""
    held = np.flatnonzero(pc.is_valid(ledger.column("hypothesis")).to_numpy())
    hashes = pa.table({"row": held, "hash": ledger.column("source_hash").take(pa.array(held))})
    rows = hashes.take(pc.select_k_unstable(hashes, _SAMPLES, [("hash", "ascending")])).column("row")
    if not len(rows):
        return ""
    shown = pa.concat_tables(ledger.slice(row, 1) for row in rows.to_pylist())  # all else stays on the disk
    return table(
        [
            _texts(title, [_cut(value) for value in shown.column(name).to_pylist()])
            for title, name in (("Source", "source"), ("Translation", "hypothesis"))
        ]
    )


def _may_quote(terms: Terms) -> bool:
    return terms.may_be_handed_on and not terms.unspecified


def no_samples(terms: Terms) -> str:
    """Why there are no samples."""
    if _may_quote(terms):
        return "There is no ledger to take them from."
    return f"None are shown: the source's licence is {escape(terms.note())}."


def faults(manifest: Manifest) -> list[str]:
    """What a user must know."""
    faults = [*manifest.notes, *manifest.source.get("differences", ())]
    flagged = manifest.outcomes.get("flagged", 0)
    if flagged and not any(note.startswith(f"{flagged} of ") for note in manifest.notes):
        faults.append(f"{flagged} translations are kept although a check finds an error in them")
    if manifest.language != _ENGLISH and not manifest.review.get("rows"):
        faults.append("nobody who speaks the language has reviewed it")
    if manifest.bitext_of is None and manifest.counts.get("unencoded"):
        faults.append("texts that MTEB shows no model are empty, so the set is made for MTEB alone")
    return faults


def statistics(manifest: Manifest, rows: Mapping[TableKey, int], ledger: pa.Table | None) -> str:
    """Sizes, as they were counted."""
    lines: dict[str, Any] = {f"Rows of {key.config}/{key.split}": rows[key] for key in sorted(rows)}
    lines |= {name.capitalize(): count for name, count in manifest.counts.items() if name != "rows"}
    if ledger is not None:
        done = pc.is_valid(ledger.column("hypothesis"))
        lengths = (pc.utf8_length(ledger.column(name)) for name in ("source", "hypothesis"))
        before, after = (pc.sum(pc.if_else(done, length, 0)).as_py() or 0 for length in lengths)
        if before:
            lines |= {
                "Characters of the segments, English": before,
                "Characters of the segments, translated": after,
                "Translated to English characters": f"{after / before:.2f}",
            }
    return _pairs({name: f"{value:,}" if isinstance(value, int) else value for name, value in lines.items()})


def checklist(
    manifest: Manifest, terms: Terms, rows: Mapping[TableKey, int], scores: Mapping[str, float]
) -> str:
    """What MTEB asks of a contribution, and how this set stands."""
    asked = {RANDOM: "a random model", SMALL: "a small multilingual model"}
    lines: dict[str, Any] = {
        f"Score of {name} ({what})": f"{scores[name]:.2f}" if name in scores else "not run"
        for name, what in asked.items()
    }
    lines |= {
        f"Score of {name}": f"{score:.2f}" for name, score in sorted(scores.items()) if name not in asked
    }
    size = sum(count for key, count in rows.items() if key.split in manifest.eval_splits)
    enough = "" if size <= _ENOUGH_ROWS else f"; MTEB finds {_ENOUGH_ROWS:,} mostly enough"
    review = manifest.review
    names = ", ".join(review.get("reviewers") or ()) or "nobody named"
    reviewed = f"{review['rows']} rows by {names}" if review.get("rows") else "not reviewed"
    lines |= {
        "Size": f"{size:,} rows in the splits that are scored{enough}",
        "Statistics": "above",
        "Licence": terms.note(),
        "How the texts came to be": sample_creation(manifest),
        "Review by speakers": f"{reviewed}; verified takes {VERIFIED_ROWS} rows",
        "All rows translated": "yes"
        if manifest.all_rows or not manifest.counts.get("unencoded")
        else "no: --all-rows",
        "Profile": "full: all rows"
        if manifest.profile == FULL.label
        else f"{manifest.profile}: a sample, listed in {sample.FILE}",
        "A trial only": "no" if manifest.limit is None else f"yes: the first {manifest.limit} rows",
    }
    return _pairs(lines)


def config_argument(rows: Mapping[TableKey, int]) -> str:
    """What `load_dataset` must be told where a set has several tables."""
    configs = sorted({key.config for key in rows})
    return "" if len(configs) == 1 else f', "{next(name for name in configs if name != QRELS)}"'


def uncited(manifest: Manifest) -> str:
    """What to cite where no BibTeX is known."""
    known = facts.task(manifest.source_task)
    where = f": {known.reference}" if known and known.reference else ""
    return f"Please cite the source set{where}."


def fence(content: str) -> str:
    """Backticks that nothing in a text can end."""
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    return "`" * max(3, longest + 1)


def _pairs(lines: Mapping[str, Any]) -> str:
    """A table of what is known; what is missing is left out."""
    known = {name: value for name, value in lines.items() if value not in (None, "")}
    return table([_texts("", list(known)), _texts("", list(known.values()))])


def _texts(title: str, cells: Sequence[Any]) -> Column:
    return Column(title=title, cells=["" if cell is None else escape(str(cell)) for cell in cells], text=True)


def _numbers(title: str, cells: Sequence[Any]) -> Column:
    return Column(
        title=title,
        cells=["" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells],
    )


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.2f} %" if total else ""


def _rate(values: Sequence[float] | None) -> str | None:
    if not values:
        return None
    rate, low, high = (f"{100 * value:.1f}" for value in values)
    return f"{rate} % (95 % interval {low} to {high} %)"


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _cut(value: str) -> str:
    return value if len(value) <= _SAMPLE_CHARACTERS else value[: _SAMPLE_CHARACTERS - 1] + "…"
