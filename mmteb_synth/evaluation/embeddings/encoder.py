"""An encoder around an encoder that asks it for nothing twice."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from mmteb_synth.errors import CacheError, EvaluationError
from mmteb_synth.evaluation.embeddings import keys as keying
from mmteb_synth.evaluation.embeddings import vectors
from mmteb_synth.evaluation.embeddings.keys import Asked
from mmteb_synth.evaluation.embeddings.store import VectorStore

if TYPE_CHECKING:
    from mteb.models import ModelMeta
    from mteb.types import PromptType

logger = logging.getLogger(__name__)

_FREELY = {"batch_size", "show_progress_bar"}
"""Options of `encode` that change no vector."""
_MODALITIES = {"image", "audio", "video"}

_FIRST_BATCHES = 16
_SECONDS = 10.0
"""What a local model encodes between two commits: from 16 batches up, twice as many until it takes this long."""


class CachingEncoder:
    """MTEB's encoder interface around an encoder and the store of its vectors.

    Texts that a call holds several times are encoded once, longest first, so that what is encoded together is of
    like length; what the store has is not encoded at all. A model that may cost money is asked for one batch at a
    time, and each is stored before the next is asked for.

    Args:
        encoder: The encoder.
        store: Where its vectors are kept.
        paid: Whether vectors may cost money: then a store that fails stops the run. Otherwise it goes on without.
        warn: Called with what the user should know.

    Attributes:
        encoded: How many texts the encoder was asked for.
        reused: How many texts were in the store.
    """

    def __init__(self, encoder: Any, store: VectorStore, *, paid: bool, warn: Callable[[str], None]) -> None:
        self._encoder = encoder
        self._store: VectorStore | None = store
        self._paid = paid
        self._warn = warn
        self.encoded = 0
        self.reused = 0
        self._is_prepared = False

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """The encoder's."""
        meta: ModelMeta = self._encoder.mteb_model_meta
        return meta

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """The encoder's; see MTEB's `EncoderProtocol`."""
        return self._encoder.similarity(embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """The encoder's; see MTEB's `EncoderProtocol`."""
        return self._encoder.similarity_pairwise(embeddings1, embeddings2)

    def encode(
        self,
        inputs: DataLoader[Any],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        prompt_type: PromptType | None = None,
        **kwargs: Any,
    ) -> Any:
        """Embed texts; see MTEB's `EncoderProtocol` for the arguments.

        Returns:
            One vector for each text, in a numpy array or a tensor as the encoder itself returns them; tensors lie in
            main memory.

        Raises:
            EvaluationError: The encoder returned too few or too many vectors, or some of another length.
            CacheError: The store failed, and vectors may cost money.
        """
        asked = Asked(
            task_metadata=task_metadata, hf_split=hf_split, hf_subset=hf_subset, prompt_type=prompt_type
        )
        items = None if set(kwargs) - _FREELY else self._items(inputs)
        if not items:
            return self._ask(inputs, asked, kwargs)
        first: dict[bytes, int] = {}
        order = np.empty(len(items), dtype=np.int64)
        rows: list[int] = []
        for row, key in enumerate(keying.digests(self._encoder, asked, items)):
            place = order[row] = first.setdefault(key, len(first))
            if place == len(rows):
                rows.append(row)
        texts = _Texts(keys=list(first), rows=rows, lengths=[len(items[row]) for row in rows])
        self._prepare()
        try:
            found, kind = self._vectors(texts, inputs, asked, kwargs)
        except _NoMatrixError:
            return self._ask(inputs, asked, kwargs)
        return vectors.embeddings(found if len(rows) == len(items) else found[order], kind)

    def _prepare(self) -> None:
        """Find out whether the store can be written before hours, or money, are spent on what belongs there."""
        if self._store is None or self._is_prepared:
            return
        try:
            self._store.prepare()
        except CacheError as error:
            self._go_on_without(error)
        self._is_prepared = True

    def _items(self, inputs: DataLoader[Any]) -> list[str] | None:
        """What the encoder will look at of each row, as one text; None for what is not (only) text."""
        dataset = inputs.dataset
        if not isinstance(dataset, Dataset) or "text" not in dataset.column_names:
            return None
        if _MODALITIES & set(dataset.column_names):
            return None
        texts: list[str] = dataset["text"][:]
        if not all(isinstance(text, str) for text in texts):
            return None
        if keying.is_text_only(self._encoder):
            return texts
        return keying.row_texts(dataset)

    def _vectors(
        self, texts: _Texts, inputs: DataLoader[Any], asked: Asked, kwargs: dict[str, Any]
    ) -> tuple[vectors.Rows, str]:
        """The vectors of unique texts, in their order; without the store where it fails."""
        try:
            return self._assembled(texts, inputs, asked, kwargs)
        except (
            CacheError
        ) as error:  # it can't be read, or what it has doesn't go with what the model makes now
            self._go_on_without(error)
            return self._assembled(texts, inputs, asked, kwargs)

    def _assembled(
        self, texts: _Texts, inputs: DataLoader[Any], asked: Asked, kwargs: dict[str, Any]
    ) -> tuple[vectors.Rows, str]:
        """What the store has, and the rest from the encoder."""
        stored = self._store.read(texts.keys) if self._store else None
        missing = stored.missing if stored else list(range(len(texts.keys)))
        if stored and stored.damaged:
            self._warn(
                f"{stored.damaged} stored embeddings of {self.mteb_model_meta.name} were damaged; "
                "they are made again"
            )
        self.reused += len(texts.keys) - len(missing)
        logger.info("%d texts have embeddings, %d are encoded", len(texts.keys) - len(missing), len(missing))
        found, kind = (stored.rows, stored.kind) if stored else (None, "")
        missing.sort(key=lambda place: -texts.lengths[place])
        for part, rows, made in self._parts(missing, texts, inputs, asked, kwargs):
            if found is None:
                found, kind = np.empty((len(texts.keys), rows.shape[1]), dtype=rows.dtype), made
            if (made, rows.shape[1]) != (kind, found.shape[1]):
                said = (
                    f"{self.mteb_model_meta.name} returned vectors of {rows.shape[1]} x {made}, and before "
                    f"of {found.shape[1]} x {kind}"
                )
                if stored is None:
                    raise EvaluationError(said)
                raise CacheError(said, hint="give the model another revision if it was changed")
            self._keep([texts.keys[place] for place in part], rows, made)
            found[part] = rows
        assert found is not None
        return found, kind

    def _parts(
        self,
        missing: Sequence[int],
        texts: _Texts,
        inputs: DataLoader[Any],
        asked: Asked,
        kwargs: dict[str, Any],
    ) -> Iterator[tuple[list[int], vectors.Rows, str]]:
        """Let the encoder encode a part after the other."""
        size = batch = int(kwargs.get("batch_size") or inputs.batch_size or 1)
        if not self._paid:
            size *= _FIRST_BATCHES
        start = 0
        shows = bool(kwargs.get("show_progress_bar")) and len(missing) > size
        quiet = {**kwargs, "show_progress_bar": False} if shows else kwargs
        with tqdm(total=len(missing), desc="Encoding", unit="text", disable=not shows) as progress:
            while start < len(missing):
                part = list(missing[start : start + size])
                began = time.monotonic()
                returned = self._ask(_loader(inputs, [texts.rows[place] for place in part]), asked, quiet)
                taken = vectors.rows(returned)
                if taken is None:
                    raise _NoMatrixError
                rows, kind = taken
                if len(rows) != len(part):
                    raise EvaluationError(
                        f"{self.mteb_model_meta.name} returned {len(rows)} vectors for {len(part)} texts"
                    )
                self.encoded += len(part)
                yield part, rows, kind
                start += len(part)
                progress.update(len(part))
                if size > batch and time.monotonic() - began < _SECONDS / 2:
                    size *= 2

    def _keep(self, keys: list[bytes], rows: vectors.Rows, kind: str) -> None:
        """Store vectors, but for those that hold what is no number."""
        if self._store is None:
            return
        whole = vectors.finite(rows, kind)
        if not whole.all():
            keys, rows = [key for key, is_whole in zip(keys, whole, strict=True) if is_whole], rows[whole]
        try:
            self._store.add(keys, rows, kind)
        except CacheError as error:
            self._go_on_without(error)

    def _ask(self, inputs: DataLoader[Any], asked: Asked, kwargs: dict[str, Any]) -> Any:
        return self._encoder.encode(
            inputs,
            task_metadata=asked.task_metadata,
            hf_split=asked.hf_split,
            hf_subset=asked.hf_subset,
            prompt_type=asked.prompt_type,
            **kwargs,
        )

    def _go_on_without(self, error: CacheError) -> None:
        """Do without the store from here on.

        Raises:
            CacheError: Vectors may cost money, so that this is for the user to say.
        """
        if self._paid:
            raise error
        self._store = None
        self._warn(f"{error.message}; embeddings are not kept in this run ({error.hint})")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The unique texts of one call.

    Attributes:
        keys: Their digests.
        rows: Where each stands first among the inputs.
        lengths: In characters.
    """

    keys: list[bytes]
    rows: list[int]
    lengths: list[int]


class _NoMatrixError(Exception):
    """The encoder returned something else than one vector a text."""


def _loader(inputs: DataLoader[Any], rows: list[int]) -> DataLoader[Any]:
    """A loader of some of the rows, in the order given, with all that the whole one has."""
    dataset: Any = inputs.dataset
    return DataLoader(
        dataset.select(rows),
        batch_size=inputs.batch_size,
        collate_fn=inputs.collate_fn,
        num_workers=inputs.num_workers,
        shuffle=False,
    )
