"""Bitext from a set's translations: the direction, what is left out, which pairs are taken."""

from pathlib import Path
from typing import Any

import mteb
import pytest
from datasets import Dataset, DatasetDict
from hypothesis import given, settings
from hypothesis import strategies as st
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining

from mmteb_synth.data import bitext, source
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import TableKey
from mmteb_synth.errors import SourceError
from mmteb_synth.types import Segment

KEY = TableKey("tur-eng", "test")


def segments(*texts: str) -> dict[Segment, None]:
    return dict.fromkeys(Segment(text=text) for text in texts)


def pairs(
    wanted: dict[Segment, None], translations: dict[str, str], max_pairs: int = 1000, **options: int
) -> bitext.BitextPairs:
    made = [(segment, translations.get(segment.text)) for segment in wanted]
    return bitext.pairs("Mine", made, "tur-Latn", max_pairs, **options)


def rows(found: bitext.BitextPairs) -> set[tuple[str, str]]:
    table = found.tables[KEY]
    return set(zip(table.column("sentence1").to_pylist(), table.column("sentence2").to_pylist(), strict=True))


def test_the_translation_comes_first_and_english_second_as_in_tatoeba() -> None:
    found = pairs(segments("water", "tea"), {"water": "su", "tea": "çay"})
    assert found.subset == "tur-eng"
    assert list(found.tables) == [KEY]
    assert rows(found) == {("su", "water"), ("çay", "tea")}
    assert found.counts == {"pairs": 2, "candidates": 2, "failed": 0, "duplicates": 0, "unencoded": 0}
    assert found.notes == []


def test_failed_and_duplicate_ones_are_left_out_and_counted() -> None:
    wanted = segments("water", "tea", "brew", "bread", "lost")
    wanted[Segment(text="tea", kind="title")] = None
    translations = {"water": "su", "tea": "çay", "brew": "çay", "bread": "ekmek"}
    found = pairs(wanted, translations, unencoded=7)
    assert found.counts == {"pairs": 3, "candidates": 6, "failed": 1, "duplicates": 2, "unencoded": 7}
    assert {translation for translation, _ in rows(found)} == {"su", "çay", "ekmek"}
    assert found.notes == [
        "left out of the pairs: 1 failed",
        "left out of the pairs: 2 duplicates",
        "left out of the pairs: 7 unencoded",
    ]


def test_the_first_pairs_by_digest_are_taken_whatever_the_order() -> None:
    texts = [f"text {number}" for number in range(50)]
    translations = {text: text.upper() for text in texts}
    ten = pairs(segments(*texts), translations, 10)
    assert ten.tables[KEY].equals(pairs(segments(*reversed(texts)), translations, 10).tables[KEY])
    twenty = pairs(segments(*texts), translations, 20)
    assert twenty.tables[KEY].slice(0, 10).equals(ten.tables[KEY])
    assert ten.tables[KEY].column("sentence2").to_pylist() != texts[:10]
    assert ten.counts["pairs"] == 10


@pytest.mark.parametrize("translations", [{}, {"water": "su"}, {"water": "su", "tea": "su"}])
def test_fewer_than_two_pairs_are_refused(translations: dict[str, str]) -> None:
    with pytest.raises(SourceError, match=rf"Mine has {min(len(translations), 1)} translated texts"):
        pairs(segments("water", "tea"), translations)


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=3), st.text("xy", min_size=1, max_size=2), min_size=2)
)
def test_no_text_stands_twice_on_either_side(translations: dict[str, str]) -> None:
    if len(set(translations.values())) < 2:
        return
    found = pairs(segments(*translations), translations)
    for side in ("sentence1", "sentence2"):
        values = found.tables[KEY].column(side).to_pylist()
        assert len(set(values)) == len(values)
    assert all(translations[english] == translation for translation, english in rows(found))
    assert found.counts["pairs"] + found.counts["duplicates"] == len(translations)


def test_only_texts_of_the_scored_splits_are_candidates(own_set: Any, tmp_path: Path, spool: Spool) -> None:
    train = [{"text": f"train {n}", "label": n % 2} for n in range(4)]
    spec = own_set(
        "Mine",
        "Classification",
        {"train": train, "test": [{"text": "water", "label": 0}, {"text": "42", "label": 1}]},
    )
    found = source.cut(source.read(spec, source_dir=None, scratch=tmp_path / "scratch"), spool=spool)
    wanted = bitext.candidates(found, spool)
    assert list(wanted) == [Segment(text="water", kind="labelled")]
    counts = wanted.counts
    assert (counts.rows, counts.carried, counts.unencoded) == (2, 1, 0)


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor:UserWarning")
def test_mteb_scores_the_pairs() -> None:
    translations = {f"text {number}": f"metin {number}" for number in range(8)}
    found = pairs(segments(*translations), translations)
    metadata = mteb.get_task("Tatoeba").metadata.model_copy(
        update={"name": "Mine", "eval_langs": {found.subset: ["tur-Latn", "eng-Latn"]}}
    )

    def load_data(self: Any, num_proc: int | None = None, **_: Any) -> None:
        self.dataset = {found.subset: DatasetDict(test=Dataset(found.tables[KEY]))}
        self.data_loaded = True

    task = type("Mine", (AbsTaskBitextMining,), {"metadata": metadata, "load_data": load_data})()
    model = mteb.get_model("mteb/baseline-random-encoder")
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    (score,) = result.task_results[0].scores["test"]
    assert score["hf_subset"] == "tur-eng"
    assert 0 <= score["main_score"] <= 1
