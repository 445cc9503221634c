"""The card says what manifest and ledger know, in the Hub's form, and claims nothing else."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pytest
import yaml
from datasets import load_dataset
from mteb.abstasks.task_metadata import SampleCreationMethod

from mmteb_synth import api
from mmteb_synth.data import card, ledger
from mmteb_synth.data.card import sections
from mmteb_synth.data.manifest import Manifest, sample_creation
from mmteb_synth.data.store import Store
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TableKey
from mmteb_synth.errors import StoreError

TEST = TableKey(DEFAULT, "test")
ROWS = {TEST: pa.table({"sentence1": ["a", "b"], "sentence2": ["c", "d"], "score": [1.0, 2.0]})}
REVIEW = {
    "reviewers": ["Ayşe Yılmaz"],
    "rows": 120,
    "errors": 6,
    "error_rate": [0.05, 0.023, 0.105],
    "label_survival": [0.975, 0.929, 0.991],
    "alpha": 0.714,
    "date": "2026-03-01",
    "judge_agreement": {"judge": "gpt-4.1", "grades": 120, "tau": 0.41},
}


def a_manifest(**values: Any) -> Manifest:
    made = Manifest(
        name="STS12.tur-Latn.gpt-4.1-mini",
        source_task="STS12",
        task_type="STS",
        language="tur-Latn",
        translator="gpt-4.1-mini",
        translator_identity={
            "translator": "gpt-4.1-mini",
            "model": "gpt-4.1-mini-2025-04-14",
            "weights": {"revision": None, "quantization": "none"},
            "prompt": 3,
        },
        prompt_version=3,
        decoding="t0",
        checks_version=2,
        eval_splits=["test"],
        source={"dataset": "mteb/sts12", "revision": "a0d554a6", "mirror": None, "mteb_version": "2.26.24"},
        counts={"rows": 2, "texts": 4, "segments": 4, "unencoded": 0},
        coverage=1.0,
        licence="cc-by-4.0",
        fingerprint="f",
        created="2026-01-01T00:00:00+00:00",
    )
    return dataclasses.replace(made, **values)


def a_ledger(*rows: dict[str, Any]) -> pa.Table:
    filled = [
        {"source_hash": f"{number:032x}", "outcome": "translated", "translator": "gpt-4.1-mini", **row}
        for number, row in enumerate(rows)
    ]
    columns = {name: [row.get(name) for row in filled] for name in ledger.SCHEMA.names}
    return ledger.stamped(pa.table(columns, schema=ledger.SCHEMA), checks_version=5)


LEDGER = a_ledger(
    {"source": "A dog runs.", "hypothesis": "Bir köpek koşuyor.", "model": "gpt-4.1-mini-2025-04-14"},
    {
        "source": "7 cats",
        "hypothesis": "Kediler",
        "outcome": "flagged",
        "verdicts": [{"check": "numbers", "severity": "error", "reason": "lost: 7", "score": None}],
        "judgements": [{"judge": "labse", "score": 0.5, "severity": "error", "words": None}],
    },
    {"source": "no", "hypothesis": None, "outcome": "failed", "reason": "refused"},
)


def a_card(manifest: Manifest | None = None, table: pa.Table | None = LEDGER, **scores: float) -> str:
    return card.text(manifest or a_manifest(), {TEST: 2}, table, scores=scores)


def front(text: str) -> dict[str, Any]:
    _, lines, _ = text.split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(lines)
    return found


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def cells(text: str) -> list[list[str]]:
    """The cells of all table rows but headings."""
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_front_matter_is_the_hubs() -> None:
    assert front(a_card()) == {
        "pretty_name": "STS12.tur-Latn.gpt-4.1-mini",
        "language": ["tr"],
        "license": "cc-by-4.0",
        "task_categories": ["sentence-similarity"],
        "annotations_creators": ["derived"],
        "language_creators": ["machine-generated"],
        "multilinguality": ["translated"],
        "source_datasets": ["mteb/sts12"],
        "size_categories": ["n<1K"],
        "tags": ["mteb", "mmteb_synth", "text"],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "test", "path": "default/test.parquet"}]}
        ],
    }


@pytest.mark.parametrize(
    ("licence", "named"),
    [
        (None, {"license": "unknown"}),
        ("not specified", {"license": "unknown"}),
        ("apache-2.0", {"license": "apache-2.0"}),
        ("multiple", {"license": "other", "license_name": "multiple"}),
        (
            "https://example.org/terms",
            {"license": "other", "license_name": "see-link", "license_link": "https://example.org/terms"},
        ),
    ],
)
def test_licences_are_those_that_the_hub_knows(licence: str | None, named: dict[str, str]) -> None:
    found = front(a_card(a_manifest(licence=licence)))
    assert {key: value for key, value in found.items() if key.startswith("license")} == named


@pytest.mark.parametrize(
    ("language", "codes"),
    [("deu-Latn", ["de"]), ("swa-Latn", ["sw"]), ("cmn-Hans", ["cmn"]), ("srp-Cyrl", ["sr"])],
)
def test_languages_are_iso_639(language: str, codes: list[str]) -> None:
    assert front(a_card(a_manifest(language=language)))["language"] == codes
    assert front(a_card(a_manifest(language=language, bitext_of="STS12")))["language"] == [*codes, "en"]


@pytest.mark.parametrize(
    ("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (57_638, "10K<n<100K"), (10**7, "n>10M")]
)
def test_sizes(rows: int, size: str) -> None:
    assert front(card.text(a_manifest(), {TEST: rows}, None))["size_categories"] == [size]


def test_the_tables_are_what_the_ledger_says() -> None:
    checks = section(a_card(), "Checks")
    assert "version 5" in checks
    assert ["flagged", "1", "33.33 %"] in cells(checks)
    assert ["numbers", "error", "1", "33.33 %"] in cells(checks)
    assert ["labse", "1", "0.500", "1"] in cells(checks)
    whom = cells(section(a_card(), "Translation"))
    assert ["gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "1"] in whom
    assert ["Prompt version", "3"] in whom
    assert ["weights quantization", "none"] in whom


def test_a_set_without_faults_and_one_without_a_ledger_say_so() -> None:
    clean = a_ledger({"source": "a", "hypothesis": "b"})
    assert "No check finds fault with a translation." in a_card(table=clean)
    older = a_card(table=None)
    assert "There is no ledger: the set was built by an older version." in older
    assert "There is no ledger to take them from." in section(older, "Samples")


def test_review_facts_are_shown_or_said_to_be_missing() -> None:
    assert "Not reviewed." in section(a_card(), "Review by people")
    assert "nobody who speaks the language has reviewed it" in section(a_card(), "Known faults")
    reviewed = a_card(a_manifest(review=REVIEW))
    found = cells(section(reviewed, "Review by people"))
    assert ["Reviewers", "Ayşe Yılmaz"] in found
    assert ["Error rate", "5.0 % (95 % interval 2.3 to 10.5 %)"] in found
    assert ["Label survival", "97.5 % (95 % interval 92.9 to 99.1 %)"] in found
    assert ["A judge's agreement with people", "gpt-4.1: tau 0.41 on 120 grades"] in found
    assert "nobody who speaks" not in reviewed


@pytest.mark.parametrize(
    ("review", "how"),
    [
        ({}, "machine-translated"),
        (REVIEW, "machine-translated and verified"),
        ({**REVIEW, "rows": 100}, "machine-translated and verified"),
        ({**REVIEW, "rows": 99}, "machine-translated and LM verified"),
        ({**REVIEW, "reviewers": [" "]}, "machine-translated and LM verified"),
        ({**REVIEW, "reviewers": [], "judge_agreement": None}, "machine-translated"),
        ({**REVIEW, "rows": 99, "judge_agreement": {"judge": "x", "grades": 99}}, "machine-translated"),
        ({"judge_agreement": {"judge": "x", "grades": 100}}, "machine-translated and LM verified"),
        ({"reviewers": None, "rows": None, "judge_agreement": {}}, "machine-translated"),
    ],
)
def test_it_calls_itself_no_more_than_was_done(review: dict[str, Any], how: str) -> None:
    manifest = a_manifest(review=review)
    assert sample_creation(manifest) == how
    assert how in get_args(SampleCreationMethod)
    assert ["How the texts came to be", how] in cells(a_card(manifest))


@pytest.mark.parametrize(
    ("licence", "note"),
    [
        (None, "unspecified"),
        ("not specified", "unspecified"),
        ("multiple", "multiple (unspecified)"),
        ("cc-by-nd-4.0", "cc-by-nd-4.0 (no-derivatives)"),
        ("cc-by-nc-nd-4.0", "cc-by-nc-nd-4.0 (non-commercial, no-derivatives)"),
    ],
)
def test_texts_are_quoted_only_where_the_licence_lets_them(licence: str | None, note: str) -> None:
    text = a_card(a_manifest(licence=licence))
    assert "köpek" not in text
    assert f"the source's licence is {note}." in section(text, "Samples")
    assert ("keep this set to yourself" in section(text, "Licences")) == ("-nd" in str(licence))
    assert ["Licence", note] in cells(text)


@pytest.mark.parametrize(
    ("task", "licence", "said"),
    [
        ("STS12", "cc0-1.0", "It may be handed on freely."),
        ("STS12", "mit", "Who hands it on must: name the source's authors."),
        (
            "SICK-R",
            "cc-by-nc-sa-3.0",
            "name the source's authors, keep it under cc-by-nc-sa-3.0, make no commercial use of it.",
        ),
        (
            "EmotionClassification",
            "not specified",
            "make no commercial use of it, ask whoever owns the texts",
        ),
        ("STSBenchmark", "not specified", "keep the licences that are share-alike, ask whoever owns"),
        (
            "AmazonReviewsClassification",
            "https://docs.opendata.aws/amazon-reviews-ml/license.txt",
            "not be handed on",
        ),
    ],
)
def test_the_card_says_what_may_be_done_with_the_translation(task: str, licence: str, said: str) -> None:
    assert said in section(a_card(a_manifest(source_task=task, licence=licence)), "Licences")


def test_what_is_known_beyond_mtebs_field_decides_and_is_told_with_its_source() -> None:
    text = a_card(a_manifest(source_task="CQADupstackTexRetrieval", licence="apache-2.0"))
    assert front(text)["license"] == "cc-by-sa-3.0"
    told = section(text, "Licences")
    assert "Source: cc-by-sa-3.0; MTEB's field says apache-2.0." in told
    assert "posts of Stack Exchange" in told
    assert "read on 2026-" in told
    assert "keep it under cc-by-sa-3.0" in told


def test_samples_are_few_short_and_break_nothing() -> None:
    hostile = "| a <script>alert(1)</script> `x` [l](u)\n## Origin\n" + "ab " * 300
    rows = [{"source": hostile, "hypothesis": hostile} for _ in range(9)]
    samples = section(a_card(table=a_ledger(*rows)), "Samples")
    lines = samples.strip().splitlines()
    assert len(lines) == 2 + 5
    assert all(len(line) < 700 for line in lines)
    assert "<script>" not in samples
    assert r"\| a &lt;script&gt;" in lines[2]
    assert "…" in lines[2]


def test_a_citation_is_quoted_whole_and_can_not_end_its_block() -> None:
    assert "https://" in section(a_card(), "Citation")
    bibtex = "@article{a,\n title={```x```}\n}"
    assert f"````bibtex\n{bibtex}\n````\n" in section(a_card(a_manifest(citation=bibtex)), "Citation")
    own = a_manifest(source_task="Mine", spec={"citation": bibtex, "reference": "https://example.org"})
    assert bibtex in a_card(own)
    assert "https://example.org" in section(a_card(own), "Origin")


def test_scores_and_size_are_on_mtebs_list() -> None:
    assert ["Score of mteb/baseline-random-encoder (a random model)", "not run"] in cells(a_card())
    scored = card.text(
        a_manifest(limit=2),
        {TEST: 5000},
        LEDGER,
        scores={sections.RANDOM: 1.234, sections.SMALL: 70.0, "org/x": 5.5},
    )
    found = cells(section(scored, "MTEB's list for contributions"))
    assert ["Score of mteb/baseline-random-encoder (a random model)", "1.23"] in found
    assert ["Score of intfloat/multilingual-e5-small (a small multilingual model)", "70.00"] in found
    assert ["Score of org/x", "5.50"] in found
    assert ["Size", "5,000 rows in the splits that are scored; MTEB finds 2,048 mostly enough"] in found
    assert ["A trial only", "yes: the first 2 rows"] in found
    assert "**A trial:** the first 2 rows only." in scored


def test_known_faults_come_from_the_manifest() -> None:
    manifest = a_manifest(
        notes=["3 of 4 | segments failed"],
        source={**a_manifest().source, "differences": ["rows: 3, MTEB counts 4"]},
        outcomes={"flagged": 2},
        counts={"unencoded": 4},
        grade="demonstration",
    )
    faults = section(a_card(manifest), "Known faults")
    assert r"- 3 of 4 \| segments failed" in faults
    assert "- rows: 3, MTEB counts 4" in faults
    assert "- 2 translations are kept although a check finds an error in them" in faults
    assert "- texts that MTEB shows no model are empty" in faults
    assert "**For demonstration only:**" in a_card(manifest)


def test_what_a_note_says_of_faulty_translations_is_not_said_twice() -> None:
    told = a_manifest(notes=["2 of 9 translations have faults"], outcomes={"flagged": 2})
    assert "are kept although" not in section(a_card(told), "Known faults")
    since = a_manifest(notes=["3 of 9 translations have faults"], outcomes={"flagged": 2})
    assert "2 translations are kept although" in section(a_card(since), "Known faults")


def test_a_built_set_is_cited_as_its_source_is(own_set: Any, tmp_path: Path) -> None:
    rows = [{"sentence1": "A cat sleeps.", "sentence2": "A dog barks.", "score": 1.0}] * 2
    spec = own_set("Mine", "STS", {"test": rows}, 'citation = "@misc{mine}"')
    done = api.build("en", tasks=str(spec.path), data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    assert done.ok, done
    found = Store(tmp_path / "data").get("Mine.eng-Latn.source")
    assert found.manifest.citation == "@misc{mine}"
    assert "```bibtex\n@misc{mine}\n```" in (found.folder / "README.md").read_text("utf-8")


def test_english_is_said_to_be_no_translation() -> None:
    english = a_manifest(name="STS12.eng-Latn.source", language="eng-Latn", translator="source")
    text = a_card(english, None)
    assert front(text)["multilinguality"] == ["monolingual"]
    assert "language_creators" not in front(text)
    for title in ("Translation", "Checks", "Review by people", "Samples", "MTEB's list"):
        assert f"## {title}" not in text
    assert "None are known." in text


@pytest.mark.parametrize(
    ("translator", "prompt", "how"),
    [
        ("authored", None, "written for this project"),
        ("import:deepl", None, "imported"),
        ("vllm:mixtral-8x7b", 3, "ran in process"),
        ("apertium", None, "by rules"),
        ("gpt-4.1-mini", 3, "OpenAI's chat API"),
        ("my.module:translate", None, "the builder's own"),
    ],
)
def test_who_was_asked(translator: str, prompt: int | None, how: str) -> None:
    made = a_card(a_manifest(translator=translator, prompt_version=prompt))
    assert any(row[0] == "Asked" and how in row[1] for row in cells(made))


def test_a_stored_set_has_one_and_it_loads(tmp_path: Path) -> None:
    tables = {
        TableKey(CORPUS, "test"): pa.table({"id": ["d"], "title": [""], "text": ["a"]}),
        TableKey(QUERIES, "test"): pa.table({"id": ["q"], "text": ["b"]}),
        TableKey(QRELS, "test"): pa.table({"query-id": ["q"], "corpus-id": ["d"], "score": [1]}),
    }
    found = Store(tmp_path).save(a_manifest(task_type="Retrieval"), tables, LEDGER)
    text = (found.folder / "README.md").read_text("utf-8")
    assert 'datasets.load_dataset("PATH_OR_REPOSITORY", "corpus")' in text
    assert load_dataset(str(found.folder), "corpus", split="test").num_rows == 1
    assert load_dataset(str(found.folder), "default", split="test").column_names == [
        "query-id",
        "corpus-id",
        "score",
    ]
    card.write(found)
    assert (found.folder / "README.md").read_text("utf-8") == text
    card.write(found, scores={sections.RANDOM: 3.0})
    scored = cells((found.folder / "README.md").read_text("utf-8"))
    assert ["Score of mteb/baseline-random-encoder (a random model)", "3.00"] in scored


def test_a_damaged_set_gets_no_card(tmp_path: Path) -> None:
    found = Store(tmp_path).save(a_manifest(), ROWS, LEDGER)
    before = (found.folder / "README.md").read_text("utf-8")
    (found.folder / TEST.file).write_bytes(b"PAR1")
    with pytest.raises(StoreError, match="is damaged"):
        card.write(found)
    assert (found.folder / "README.md").read_text("utf-8") == before
