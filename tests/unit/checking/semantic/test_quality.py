"""Quality estimates against a stand-in with COMET's interface, version 2.2.7: a real model could not be had."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from mmteb_synth import languages
from mmteb_synth.checking.semantic.quality import AFRICOMET, COMET_KIWI, Quality, model_for
from mmteb_synth.checking.semantic.scored import Pair
from mmteb_synth.errors import EvaluationError, MissingExtraError
from mmteb_synth.translate import judgements
from mmteb_synth.translate.database import Database
from mmteb_synth.translate.judgements import Judgement
from mmteb_synth.types import Language

TURKISH = Language(code="tur-Latn", name="Turkish")
PAIRS = [Pair(f"Source {number}", f"SOURCE {number}") for number in range(40)]

COMET = '''
"""What this project calls of unbabel-comet 2.2.7, with its signatures; scores are made up."""
from pathlib import Path

calls = []
needs_references = False

class Prediction(dict):
    __getattr__ = dict.__getitem__

class Model:
    def requires_references(self):
        return needs_references

    def predict(self, samples, batch_size=16, gpus=1, devices=None, mc_dropout=0, progress_bar=True,
                accelerator="auto", num_workers=None, length_batching=True):
        calls.append((len(samples), gpus, progress_bar))
        assert all(set(sample) == {"src", "mt"} for sample in samples)
        scores = [0.85 if sample["src"].lower() == sample["mt"].lower() else 0.3 for sample in samples]
        return Prediction(scores=scores, system_score=sum(scores) / len(scores))

def download_model(model, saving_directory=None, local_files_only=False):
    if local_files_only:
        raise KeyError(f"Model '{model}' not supported by COMET.")
    calls.append(model)
    return f"/models/{model}/checkpoints/model.ckpt"

def load_from_checkpoint(checkpoint_path, reload_hparams=False, strict=False, local_files_only=False):
    calls.append(checkpoint_path)
    return Model()
'''


@pytest.fixture
def comet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    folder = tmp_path / "site" / "comet"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(COMET, "utf-8")
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.delitem(sys.modules, "comet", raising=False)
    importlib.invalidate_caches()
    module = importlib.import_module("comet")
    yield module
    sys.modules.pop("comet", None)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "cache.sqlite")


def test_its_absence_gives_the_command_that_installs_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingExtraError) as failed:
        Quality("auto", database)
    assert failed.value.hint == "pip install 'mmteb-synth[quality]'"


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("sw", AFRICOMET),
        ("swh-Latn", AFRICOMET),
        ("yo", AFRICOMET),
        ("twi-Latn", AFRICOMET),
        ("arz-Arab", AFRICOMET),
        ("zu", AFRICOMET),
        ("ar", COMET_KIWI),
        ("tr", COMET_KIWI),
        ("fr", COMET_KIWI),
    ],
)
def test_african_languages_have_a_model_of_their_own(name: str, model: str) -> None:
    assert model_for(languages.parse(name)) == model


def test_pairs_are_scored_and_odd_ones_flagged(comet: object, database: Database) -> None:
    odd = Pair("Source", "Something else")
    found = Quality("auto", database).into(TURKISH).score([*PAIRS, odd])
    assert found.judge == f"quality:{COMET_KIWI}"
    assert (found.scores[0], found.scores[40]) == (0.85, 0.3)
    assert found.flagged == {40}
    assert comet.calls[:2] == [COMET_KIWI, f"/models/{COMET_KIWI}/checkpoints/model.ckpt"]  # type: ignore[attr-defined]
    assert comet.calls[2] == (41 + 41, 0, False)  # type: ignore[attr-defined]
    assert any("never run here on a real model" in note for note in found.notes)


def test_what_was_estimated_before_is_looked_up(comet: object, database: Database) -> None:
    known = [
        (judgements.key(*pair[:2], "tur-Latn"), Judgement(judge=f"quality:{COMET_KIWI}", score=0.9))
        for pair in PAIRS
    ]
    judgements.keep(database, known)
    found = Quality("auto", database).into(TURKISH).score(PAIRS)
    assert set(found.scores.values()) == {0.9}
    assert found.hits == 40
    assert comet.calls[-1][0] == 40  # type: ignore[attr-defined]  # the yardstick only


def test_a_model_that_wants_references_is_refused(comet: object, database: Database) -> None:
    comet.needs_references = True  # type: ignore[attr-defined]
    with pytest.raises(EvaluationError, match="compares with reference translations"):
        Quality("Unbabel/wmt22-comet-da", database).into(TURKISH).score(PAIRS)


def test_a_model_that_can_not_be_had_is_told_with_what_to_do(comet: object, database: Database) -> None:
    with pytest.raises(EvaluationError, match="not supported by COMET") as failed:
        Quality("auto", database, offline=True).into(TURKISH).score(PAIRS)
    assert f"https://huggingface.co/{COMET_KIWI}" in str(failed.value.hint)


def test_a_folder_is_named_by_its_content(comet: object, database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "model.ckpt").write_bytes(b"weights")
    found = Quality(str(folder), database).into(TURKISH).score(PAIRS)
    assert found.judge.startswith("quality:local/mine@")
    assert str(folder / "checkpoints" / "model.ckpt") in comet.calls  # type: ignore[attr-defined]
