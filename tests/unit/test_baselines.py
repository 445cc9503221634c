from __future__ import annotations

import subprocess
import sys

import mteb
import numpy as np
import pytest
from datasets import Dataset
from mteb.abstasks.sts import AbsTaskSTS
from mteb.mocks.mock_tasks import MockSTSTask

from mmteb_synth.baselines import bag_of_words


def embed(texts: list[str]) -> np.ndarray:
    metadata = MockSTSTask.metadata
    return bag_of_words().encode(
        [{"text": texts}], task_metadata=metadata, hf_split="test", hf_subset="default"
    )


def test_each_text_is_one_row_of_length_one() -> None:
    rows = embed(["A cat sat on a mat.", "Bir kedi", "", "…", "猫が座った"])
    assert rows.shape == (5, 2048)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1)


def test_texts_are_alike_as_far_as_they_share_words() -> None:
    base, same, near, far = embed(
        ["The cat sat.", "the CAT, sat!", "The cat slept.", "Shares fell sharply today"]
    )
    assert base @ same == pytest.approx(1)
    assert base @ near == pytest.approx(2 / 3)
    assert base @ far < 0.5 < base @ near


def test_case_is_folded_beyond_ascii() -> None:
    left, right = embed(["STRASSE ΟΔΟΣ", "straße οδος"])
    assert left @ right == pytest.approx(1)


def test_repeated_words_count_less_than_twice() -> None:
    once, thrice = embed(["rain wind", "rain rain rain wind"])
    assert once @ thrice == pytest.approx((2 + np.log(3)) / np.sqrt(2 * (1 + (1 + np.log(3)) ** 2)), abs=1e-6)


def test_embeddings_do_not_change_between_processes() -> None:
    program = (
        "from mmteb_synth.baselines import bag_of_words\n"
        "rows = bag_of_words().encode([{'text': ['kar yağıyor']}], task_metadata=None, hf_split='', hf_subset='')\n"
        "print(rows.nonzero()[1].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # Golden: when this changes, so must the revision, or old scores stand beside new ones.
    assert done.stdout.strip() == str(embed(["kar yağıyor"]).nonzero()[1].tolist()) == "[181, 1225]"
    assert bag_of_words().mteb_model_meta.revision == "1"


def test_mteb_scores_it_and_knows_it() -> None:
    class Pairs(MockSTSTask):
        def load_data(self, **_: object) -> None:
            self.dataset = {
                "test": Dataset.from_dict(
                    {
                        "sentence1": ["a red car", "a red car", "a red car"],
                        "sentence2": ["a red car", "a red bus", "two old men"],
                        "score": [1.0, 0.5, 0.0],
                    }
                )
            }
            self.data_loaded = True

    assert issubclass(Pairs, AbsTaskSTS)
    result = mteb.evaluate(bag_of_words(), Pairs(), cache=None, co2_tracker=False, show_progress_bar=False)
    assert result.model_name == "mmteb-synth/bag-of-words"
    assert result.task_results[0].get_score() == pytest.approx(1)
    assert bag_of_words().mteb_model_meta.is_zero_shot_on(["STS12"]) is True
