"""How much the checks find and how often they are wrong: seeded faults in clean pairs, and the clean pairs themselves.

On our own pairs always; on real data where `MMTEB_SYNTH_TEST_DATA` names it: STSBenchmark by DeepL, XQuAD and Tatoeba.
Thresholds were made from one half of that; these tests look at the other.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from seeded_faults import KINDS, OWN, Fault, Pair, seeded

from mmteb_synth import checks, languages

FOLDER = os.environ.get("MMTEB_SYNTH_TEST_DATA")
DATA = Path(FOLDER or ".")
real = pytest.mark.skipif(not FOLDER, reason="MMTEB_SYNTH_TEST_DATA names no folder with real sets")

TATOEBA = {"de": "deu", "es": "spa", "fr": "fra", "tr": "tur"}
LANGUAGES = list(TATOEBA)
COUNT = 300
LONG = 60
FALSE_ALARMS = 0.01

BOUNDS = {
    "empty": 0.99,
    "copied": 0.99,
    "wrong_language": 0.99,
    "untranslated": 0.99,
    "wrong_script": 0.99,
    "doubled": 0.97,
    "runaway": 0.97,
    "replacement": 0.97,
    "half_word": 0.92,
    "half_character": 0.92,
    "preamble": 0.97,
    "note": 0.97,
    "alternatives": 0.97,
    "quotes": 0.97,
    "delimiters": 0.97,
    "entities": 0.97,
    "refusal": 0.97,
    "lost_url": 0.97,
    "lost_placeholder": 0.97,
    "numbers": 0.95,
}
LONG_BOUNDS = {"half_word": 0.97, "half_character": 0.97}


def errors(source: str, hypothesis: str, language: str) -> set[str]:
    verdicts = checks.judge(source, hypothesis, languages.parse(language))
    return {verdict.check for verdict in verdicts if verdict.severity == "error"}


def found(faults: list[Fault], language: str, which: Callable[[Fault], bool] = lambda fault: True) -> float:
    chosen = [fault for fault in faults if which(fault)]
    return sum(bool(errors(fault.source, fault.hypothesis, language)) for fault in chosen) / len(chosen)


def rows(path: str, source: str, translation: str) -> list[Pair]:
    return [(row[source], row[translation]) for row in pq.read_table(DATA / path).to_pylist()]


@cache
def sets(language: str) -> dict[str, list[Pair]]:
    """The reporting half of the pairs of each data set."""
    pairs = {"Tatoeba": rows(f"tatoeba/{TATOEBA[language]}-eng.parquet", "sentence2", "sentence1")}
    if language != "tr":
        pairs["STSBenchmark"] = rows(
            f"translations/stsbenchmark.deepl.{language}.parquet", "source", "translation"
        )
    for part in ("corpus", "queries") if language != "fr" else ():
        english = dict(rows(f"xquad/en.{part}.parquet", "_id", "text"))
        texts = rows(f"xquad/{language}.{part}.parquet", "_id", "text")
        pairs[f"XQuAD {part}"] = [(english[key], text) for key, text in texts]
    return {name: list(filter(reports, each)) for name, each in pairs.items()}


def reports(pair: Pair) -> bool:
    """Whether a pair is in the half that scripts/length_bands.py leaves alone."""
    return hashlib.blake2b(pair[0].encode()).digest()[0] % 2 == 1


def pairs(language: str) -> list[Pair]:
    return [pair for each in sets(language).values() for pair in each]


@real
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", BOUNDS)
def test_seeded_faults_are_found(kind: str, language: str) -> None:
    foreign = [text for other in LANGUAGES if other != language for _, text in pairs(other)]
    faults = seeded(pairs(language), language, kind, COUNT, seed=4, foreign=foreign)
    assert len(faults) > 100
    assert found(faults, language) >= BOUNDS[kind]
    if kind in LONG_BOUNDS:
        assert found(faults, language, lambda fault: len(fault.source) >= LONG) >= LONG_BOUNDS[kind]


@real
@pytest.mark.parametrize("language", LANGUAGES)
def test_clean_translations_are_seldom_errors(language: str) -> None:
    clean = pairs(language)
    alarms = [pair for pair in clean if errors(*pair, language)]
    assert len(alarms) < FALSE_ALARMS * len(clean)


@pytest.mark.parametrize("language", LANGUAGES)
def test_our_own_pairs_are_clean(language: str) -> None:
    assert [pair for pair in OWN[language] if errors(*pair, language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", BOUNDS)
def test_faults_in_our_own_pairs_are_found(kind: str, language: str) -> None:
    foreign = [text for other in LANGUAGES if other != language for _, text in OWN[other]]
    faults = [
        fault
        for seed in range(5)
        for fault in seeded(OWN[language], language, kind, 8, seed=seed, foreign=foreign)
    ]
    assert len(faults) >= 10
    assert found(faults, language) >= 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_decide_the_faults(kind: str) -> None:
    first, again, other = (seeded(OWN["de"], "de", kind, 8, seed=seed) for seed in (1, 1, 2))
    assert first
    assert first == again
    assert first != other
    assert all(fault.hypothesis != fault.clean for fault in first)
