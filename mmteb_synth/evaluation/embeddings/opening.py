"""From a loaded model to its encoder with a memory."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mteb.models import CrossEncoderProtocol, EncoderProtocol, SearchProtocol, SparseEncoderWrapper
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from mmteb_synth.evaluation.embeddings import keys
from mmteb_synth.evaluation.embeddings.encoder import CachingEncoder
from mmteb_synth.evaluation.embeddings.store import VectorStore
from mmteb_synth.evaluation.models import LoadedModel
from mmteb_synth.hashing import json_digest


@contextlib.contextmanager
def cached(model: LoadedModel, folder: Path | None, warn: Callable[[str], None]) -> Iterator[Any]:
    """A model's encoder, with a memory.

    Args:
        model: The model.
        folder: Where embeddings are kept, in a sub-folder for each model; None for nowhere.
        warn: Called with what the user should know.

    Yields:
        The encoder with a cache; the encoder itself where it gives no vector for a text that could be kept (cross
        encoders, late interaction, sparse vectors), or where encoding costs no more than looking it up.
    """
    if folder is None or not _is_worthwhile(model.encoder):
        yield model.encoder
        return
    decides = keys.identity(model)
    sub = re.sub(r"[^A-Za-z0-9_.-]+", "__", model.name)
    store = VectorStore(folder / sub / f"{json_digest(decides)}.sqlite", decides)
    with contextlib.closing(store):
        yield CachingEncoder(model.encoder, store, paid=keys.is_paid(model), warn=warn)


def _is_worthwhile(encoder: Any) -> bool:
    if isinstance(encoder, SearchProtocol | CrossEncoderProtocol | SparseEncoderWrapper):
        return False
    if not isinstance(encoder, EncoderProtocol) or encoder.mteb_model_meta.n_parameters == 0:
        return False
    model = getattr(encoder, "model", None)
    return not (isinstance(model, SentenceTransformer) and isinstance(model[0], StaticEmbedding))
