"""Every concrete set of MTEB(eng, v1), MTEB(eng, v2) and NanoBEIR, from the rows of its source to a score.

No Hub is at hand: the rows are made up, in the schema that the data set has on the Hub, and read as a mirror of it, so
that MTEB's own loading and transform run. Nothing is patched but how often and how large MTEB repeats its draws, for
time: of the source's class as of ours.
"""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pytest
from made_up_sources import shown_texts, write_mirror
from mteb.abstasks import AbsTaskClassification, AbsTaskClustering
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder

from mmteb_synth import api, facts, selection
from mmteb_synth.data.store import Store
from mmteb_synth.evaluation import native

pytestmark = [
    pytest.mark.usefixtures("unjudged"),
    # what MTEB says of its own old sets
    pytest.mark.filterwarnings(
        "ignore:The used Evaluator is deprecated", "ignore:The task '.*' is superseded"
    ),
]

SPLITS = {
    member.spec.name: member.splits
    for member in selection.choose(suites=["mteb-eng-v1", "mteb-eng-v2", "nano-beir"]).members
}


def shout(texts: list[str], language: str) -> list[str]:
    """A translation that can be undone: large letters for small ones."""
    return [text.upper() for text in texts]


class Spy(AbsEncoder):
    """Gives each text a random vector, the same for large letters as for small ones, and remembers the text."""

    def __init__(self) -> None:
        self.mteb_model_meta = ModelMeta.create_empty(overwrites={"name": "made/spy", "revision": "1"})
        self.shown: set[str] = set()

    def encode(self, inputs: Any, **_: Any) -> np.ndarray:
        texts = [text for batch in inputs for text in batch["text"]]
        self.shown |= set(texts) - {""}
        return np.array(
            [np.random.default_rng(zlib.crc32(text.lower().encode())).random(16) for text in texts]
        )


def evaluate(task: Any) -> tuple[str, set[str]]:
    """All scores of a task, by split, as JSON, in which one NaN is like another; and what a model was shown.

    MTEB adds up queries in the order of a set, so the last digits of its means are left to chance.
    """
    spy = Spy()
    (result,) = mteb.evaluate(spy, task, cache=None, co2_tracker=False, show_progress_bar=False).task_results
    scores = {}
    for split, (entry,) in result.scores.items():  # one subset, which our own sets call "default"
        scores[split] = {
            name: round(value, 9) if isinstance(value, float) else value
            for name, value in entry.items()
            if name not in ("hf_subset", "languages")
        }
        assert math.isfinite(entry["main_score"])
        assert entry["main_score"] not in (0, 1)
    return json.dumps(scores, sort_keys=True, indent=1), spy.shown


def plain_task(name: str, mirror: Path, scratch: Path) -> Any:
    """MTEB's own task on the English of the mirror."""
    task = native.task(name, "eng-Latn", SPLITS[name], source_dir=mirror, scratch=scratch)
    subset = facts.tasks()[name].english_subset
    return task.filter_languages(None, hf_subsets=[subset])


@pytest.mark.parametrize("name", sorted(SPLITS))
def test_from_source_rows_to_a_score(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AbsTaskClustering, "max_documents_per_cluster", 96)
    monkeypatch.setattr(AbsTaskClassification, "n_experiments", 4)
    mirror = write_mirror(mteb.get_task(name), tmp_path / "mirror")
    report = api.build(
        ["en", "tr"],
        tasks=name,
        translator="test_every_set:shout",
        source_dir=mirror,
        repair=False,
        data_dir=tmp_path / "data",
        cache_dir=tmp_path / "cache",
    )
    assert [done.status for done in report.sets] == ["built"] * 2, [done.error for done in report.sets]
    store = Store(tmp_path / "data")
    found, seen = {}, set()
    for stored in store.all():
        task = api.get_task(stored.manifest.name, data_dir=tmp_path / "data")
        assert stored.manifest.instance_attributes == facts.tasks()[name].sets
        assert tuple(stored.manifest.eval_splits) == SPLITS[name] == tuple(task.eval_splits)
        found[stored.manifest.language], shown = evaluate(task)
        assert shown == shown_texts(stored.tables(), task)
        seen |= {text.lower() for text in shown}
        assert all(text.isupper() for text in shown) == (stored.manifest.language == "tur-Latn")
    plain, everything = evaluate(plain_task(name, mirror, tmp_path))
    assert seen <= everything
    assert plain == found["eng-Latn"]
    assert plain == found["tur-Latn"]
