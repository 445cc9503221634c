"""An encoder around an encoder that asks it for nothing twice."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from datasets import Dataset
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from mmteb_synth.errors import CacheError, EvaluationError
from mmteb_synth.evaluation.embeddings import keys as keying
from mmteb_synth.evaluation.embeddings import vectors
from mmteb_synth.evaluation.embeddings.calls import Call, Gathered, NoMatrixError, unique
from mmteb_synth.evaluation.embeddings.keys import Asked
from mmteb_synth.evaluation.embeddings.store import Found, VectorStore

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
    time, of texts that no other process is having embedded, and each is stored before the next is asked for.

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
        self._keeps = True
        self._is_prepared = False
        self._told: set[str] = set()

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
        call, order = unique(inputs, asked, kwargs, items, keying.digests(self._encoder, asked, items))
        try:
            found, kind = self._vectors(call)
        except NoMatrixError:
            return self._ask(inputs, asked, kwargs)
        return vectors.embeddings(found if len(call.keys) == len(items) else found[order], kind)

    def _prepare(self) -> None:
        """Find out whether the store can be written before hours, or money, are spent on what belongs there."""
        if self._store is None or self._is_prepared:
            return
        try:
            self._store.prepare()
        except CacheError as error:
            self._stop_keeping(error)
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

    def _vectors(self, call: Call) -> tuple[vectors.Rows, str]:
        """The vectors of a call's texts; without the store where it fails."""
        try:
            return self._assembled(call)
        except CacheError as error:  # it can't be read, or doesn't go with what the model makes now
            self._go_on_without(error)
            return self._assembled(call)

    def _assembled(self, call: Call) -> tuple[vectors.Rows, str]:
        """What the store has, and the rest from the encoder."""
        stored = self._store.read(call.keys) if self._store else None
        missing = stored.missing if stored else list(range(len(call.keys)))
        if stored and stored.damaged:
            self._warn(
                f"{stored.damaged} stored embeddings of {self.mteb_model_meta.name} were damaged; "
                "they are made again"
            )
        self.reused += len(call.keys) - len(missing)
        logger.info("%d texts have embeddings, %d are encoded", len(call.keys) - len(missing), len(missing))
        if missing:
            self._prepare()
        gathered = Gathered(self.mteb_model_meta.name, len(call.keys), stored)
        missing.sort(key=lambda place: -call.lengths[place])
        broken = 0
        for part in self._parts(missing, call):
            with self._claimed([call.keys[place] for place in part]) as since:
                if since:
                    gathered.put(part, since.rows, since.kind)
                    self.reused += len(part) - len(since.missing)
                    part = [part[position] for position in since.missing]  # noqa: PLW2901
                if part:
                    rows, kind = self._made(part, call, alone=len(part) == len(missing))
                    gathered.put(part, rows, kind)
                    broken += self._keep([call.keys[place] for place in part], rows, kind)
        if broken:
            self._warn_once(
                f"{self.mteb_model_meta.name} returned NaN or infinity for texts of {call.asked.task_metadata.name}, "
                f"as for {broken} of {len(call.keys)}; its score there means nothing"
            )
        return gathered.whole()

    def _parts(self, missing: Sequence[int], call: Call) -> Iterator[list[int]]:
        """What is encoded between two commits: a part after the other."""
        start, size = 0, call.batch_size
        if not self._paid:
            size *= _FIRST_BATCHES
        shows = call.shows_progress and len(missing) > size
        with tqdm(total=len(missing), desc="Encoding", unit="text", disable=not shows) as progress:
            while start < len(missing):
                part = list(missing[start : start + size])
                began = time.monotonic()
                yield part
                start += len(part)
                progress.update(len(part))
                if not self._paid and time.monotonic() - began < _SECONDS / 2:
                    size *= 2

    @contextlib.contextmanager
    def _claimed(self, keys: list[bytes]) -> Iterator[Found | None]:
        """Where texts cost money: keep other processes from paying for them meanwhile, and see what these have had made."""
        if self._store is None or not self._paid:
            yield None
            return
        with self._store.claimed(keys, self._wait):
            yield self._store.read(keys)

    def _wait(self) -> None:
        self._warn_once(
            f"another process is having texts of {self.mteb_model_meta.name} embedded that are needed here; "
            "waiting for it, so that they are paid for once"
        )

    def _warn_once(self, told: str) -> None:
        if told not in self._told:
            self._told.add(told)
            self._warn(told)

    def _made(self, part: list[int], call: Call, *, alone: bool) -> tuple[vectors.Rows, str]:
        """Let the encoder encode a part.

        Raises:
            EvaluationError: It returned too few or too many vectors, or none where they cost money.
            NoMatrixError: It returned something else than one vector a text.
        """
        options = call.options if alone else {**call.options, "show_progress_bar": False}
        returned = self._ask(call.loader(part), call.asked, options)
        self.encoded += len(part)
        made = vectors.rows(returned)
        if made is None and self._paid:
            raise EvaluationError(
                f"{self.mteb_model_meta.name} returned a {type(returned).__name__} that holds no vector of numbers for "
                "each text, so nothing of it can be kept",
                hint="return a numpy array of shape (texts, dimensions), or pay for each run with --no-embedding-cache",
            )
        if made is None:
            raise NoMatrixError
        if len(made[0]) != len(part):
            raise EvaluationError(
                f"{self.mteb_model_meta.name} returned {len(made[0])} vectors for {len(part)} texts"
            )
        return made

    def _keep(self, keys: list[bytes], rows: vectors.Rows, kind: str) -> int:
        """Store vectors, but for those that hold what is no number; returns how many do."""
        whole = vectors.finite(rows, kind)
        broken = len(whole) - int(whole.sum())
        if broken:
            keys, rows = [key for key, is_whole in zip(keys, whole, strict=True) if is_whole], rows[whole]
        if self._store is not None and self._keeps:
            try:
                self._store.add(keys, rows, kind)
            except CacheError as error:
                self._stop_keeping(error)
        return broken

    def _ask(self, inputs: DataLoader[Any], asked: Asked, kwargs: dict[str, Any]) -> Any:
        return self._encoder.encode(
            inputs,
            task_metadata=asked.task_metadata,
            hf_split=asked.hf_split,
            hf_subset=asked.hf_subset,
            prompt_type=asked.prompt_type,
            **kwargs,
        )

    def _stop_keeping(self, error: CacheError) -> None:
        """Only read the store from here on.

        Raises:
            CacheError: Vectors may cost money, so that this is for the user to say.
        """
        if self._paid:
            raise error
        self._keeps = False
        self._warn(f"{error.message}; embeddings are not kept in this run ({error.hint})")

    def _go_on_without(self, error: CacheError) -> None:
        """Do without the store from here on.

        Raises:
            CacheError: As above.
        """
        self._stop_keeping(error)
        self._store = None
