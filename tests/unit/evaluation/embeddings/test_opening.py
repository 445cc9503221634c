from __future__ import annotations

from pathlib import Path
from typing import Any

import mteb
import pytest
from counting_encoder import Counting, asked, loaded, loader

from mmteb_synth.baselines import bag_of_words
from mmteb_synth.evaluation.embeddings import folder, opening
from mmteb_synth.evaluation.embeddings.encoder import CachingEncoder


class Searching(Counting):
    """An encoder that searches by itself."""

    def index(self, corpus: Any, **_: Any) -> None: ...

    def search(self, queries: Any, **_: Any) -> Any: ...


class Crossing(Counting):
    """An encoder that also scores pairs."""

    def predict(self, inputs1: Any, inputs2: Any, **_: Any) -> Any: ...


@pytest.mark.parametrize(
    "encoder",
    [
        Searching("PyTorch"),
        Crossing("PyTorch"),
        bag_of_words(),
        pytest.param(mteb.get_model("mteb/baseline-random-encoder"), id="random"),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_what_would_gain_nothing_is_left_alone(encoder: Any, tmp_path: Path) -> None:
    with opening.cached(loaded(encoder), tmp_path, pytest.fail) as opened:
        assert opened is encoder
    assert not list(tmp_path.iterdir())


def test_without_a_folder_there_is_no_memory() -> None:
    encoder = Counting("PyTorch")
    with opening.cached(loaded(encoder), None, pytest.fail) as opened:
        assert opened is encoder


def test_tasks_and_models_have_what_is_theirs(tmp_path: Path) -> None:
    one, other = Counting("PyTorch", name="test/one"), Counting("PyTorch", name="test/other")
    for encoder in (one, other, one):
        with opening.cached(loaded(encoder), tmp_path, pytest.fail) as opened:
            assert isinstance(opened, CachingEncoder)
            opened.encode(loader(["a", "b", "a"]), **asked())
    assert one.calls == other.calls == [["a", "b"]]
    assert [(kept.model, kept.vectors) for kept in folder.kept(tmp_path)] == [
        ("test/one", 2),
        ("test/other", 2),
    ]
    (removed,) = folder.clear(tmp_path, ["test/one"])
    assert removed.model == "test/one"
    assert [kept.model for kept in folder.kept(tmp_path)] == ["test/other"]
    assert [path.name for path in tmp_path.iterdir()] == ["test__other"]


def test_nothing_is_kept_where_nothing_was_encoded(tmp_path: Path) -> None:
    with opening.cached(loaded(Counting("PyTorch")), tmp_path / "none", pytest.fail):
        pass
    assert folder.kept(tmp_path / "none") == []
    assert folder.clear(tmp_path / "none") == []
