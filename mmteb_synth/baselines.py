"""Models that show the floor: what a score is worth when nothing was understood."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ScoringFunction
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.types import PromptType
    from numpy.typing import NDArray

_DIMENSIONS = 2048
_WORD = re.compile(r"\w+")
# Raise it whenever an embedding changes: scores are kept under it.
_REVISION = "1"


class BagOfWords(AbsEncoder):
    """Hashed word counts: two texts are alike as far as they share words.

    A text becomes 2,048 counts of its words without regard to case, each word at the place that its MurmurHash3
    says (scikit-learn's `HashingVectorizer`), damped to 1 + ln(count), of length 1. In scripts without spaces a
    word is whatever stands between two punctuation marks.
    """

    def __init__(self) -> None:
        self.mteb_model_meta = ModelMeta.create_empty(
            overwrites={
                "name": "mmteb-synth/bag-of-words",
                "revision": _REVISION,
                "n_parameters": 0,
                "n_embedding_parameters": 0,
                "memory_usage_mb": 0,
                "embed_dim": _DIMENSIONS,
                "license": "apache-2.0",
                "open_weights": True,
                "framework": ["NumPy"],
                "similarity_fn_name": ScoringFunction.COSINE,
                "use_instructions": False,
                "training_datasets": set(),
            }
        )
        self._counts = HashingVectorizer(
            n_features=_DIMENSIONS, analyzer=_words, alternate_sign=False, norm=None, dtype=np.float32
        )

    def encode(
        self,
        inputs: Iterable[dict[str, Any]],
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        prompt_type: PromptType | None = None,
        **kwargs: Any,
    ) -> NDArray[np.float32]:
        """Embed texts; see `AbsEncoder.encode` for the arguments, of which only the texts matter.

        Returns:
            One row of length 1 for each text.
        """
        counts = self._counts.transform(text for batch in inputs for text in batch["text"])
        counts.data = 1 + np.log(counts.data)
        return np.asarray(normalize(counts, copy=False).toarray(), dtype=np.float32)


def bag_of_words() -> BagOfWords:
    """The bag of words, for `--model mmteb_synth.baselines:bag_of_words`."""
    return BagOfWords()


def _words(text: str) -> list[str]:
    """The words of a text; the whole text where it has none, so that no embedding is zero."""
    return _WORD.findall(text.casefold()) or [text]
