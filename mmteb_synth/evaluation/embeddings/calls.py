"""One call of `encode`: its texts, each once, and the vectors that come together for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from mmteb_synth.errors import CacheError, EvaluationError
from mmteb_synth.evaluation.embeddings.keys import Asked
from mmteb_synth.evaluation.embeddings.store import Found
from mmteb_synth.evaluation.embeddings.vectors import Rows


class NoMatrixError(Exception):
    """The encoder returned something else than one vector a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an encoder was asked, with each text once.

    Attributes:
        inputs: The texts as they were given.
        asked: What was told beside them.
        options: The other options, as `batch_size`.
        keys: The digests of the unique texts.
        rows: Where each of these stands first among the inputs.
        lengths: In characters.
    """

    inputs: DataLoader[Any]
    asked: Asked
    options: dict[str, Any]
    keys: list[bytes]
    rows: list[int]
    lengths: list[int]

    @property
    def batch_size(self) -> int:
        """Texts a batch."""
        return int(self.options.get("batch_size") or self.inputs.batch_size or 1)

    @property
    def shows_progress(self) -> bool:
        """Whether progress is to be shown."""
        return bool(self.options.get("show_progress_bar"))

    def loader(self, places: Sequence[int]) -> DataLoader[Any]:
        """A loader of some of the unique texts, in the order given, with all that the whole one has."""
        dataset: Any = self.inputs.dataset
        return DataLoader(
            dataset.select([self.rows[place] for place in places]),
            batch_size=self.inputs.batch_size,
            collate_fn=self.inputs.collate_fn,
            num_workers=self.inputs.num_workers,
            shuffle=False,
        )


def unique(
    inputs: DataLoader[Any],
    asked: Asked,
    options: dict[str, Any],
    items: Sequence[str],
    keys: Sequence[bytes],
) -> tuple[Call, NDArray[np.int64]]:
    """A call with each text once.

    Args:
        inputs: The texts as they were given.
        asked: What was told beside them.
        options: The other options.
        items: What the encoder looks at of each.
        keys: Their digests.

    Returns:
        The call, and for each input the place of its text among the unique ones, of shape (inputs,).
    """
    first: dict[bytes, int] = {}
    rows: list[int] = []
    order = np.empty(len(keys), dtype=np.int64)
    for row, key in enumerate(keys):
        place = order[row] = first.setdefault(key, len(first))
        if place == len(rows):
            rows.append(row)
    lengths = [len(items[row]) for row in rows]
    call = Call(inputs=inputs, asked=asked, options=options, keys=list(first), rows=rows, lengths=lengths)
    return call, order


class Gathered:
    """The vectors of a call's texts, as they come.

    Args:
        model: The name of the model, for messages.
        count: How many texts there are.
        stored: What the store has of them, which is taken over as it is; None for nothing.
    """

    def __init__(self, model: str | None, count: int, stored: Found | None) -> None:
        self._model = model
        self._count = count
        self._stored = stored is not None
        self._rows: Rows | None = stored.rows if stored else None
        self._kind = stored.kind if stored else ""

    def put(self, places: Sequence[int], rows: Rows, kind: str) -> None:
        """Put vectors into their places.

        Raises:
            EvaluationError: They are of another kind or length than those before.
            CacheError: The same, where those before were stored.
        """
        if self._rows is None:
            self._rows, self._kind = np.empty((self._count, rows.shape[1]), dtype=rows.dtype), kind
        if (kind, rows.shape[1]) != (self._kind, self._rows.shape[1]):
            said = (
                f"{self._model} returned vectors of {rows.shape[1]} x {kind}, and before "
                f"of {self._rows.shape[1]} x {self._kind}"
            )
            if not self._stored:
                raise EvaluationError(said)
            raise CacheError(said, hint="give the model another revision if it was changed")
        self._rows[places] = rows

    def whole(self) -> tuple[Rows, str]:
        """All vectors, of shape (texts, dimensions), and their kind."""
        assert self._rows is not None
        return self._rows, self._kind
