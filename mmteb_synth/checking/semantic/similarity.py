"""Similarity: the cosine between source and translation under a multilingual SentenceTransformer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmteb_synth import importing
from mmteb_synth.checking.semantic.scored import Pair, Scored
from mmteb_synth.checking.semantic.thresholds import partners, table, threshold
from mmteb_synth.errors import EvaluationError, SynthError, UsageError, first_line
from mmteb_synth.hashing import files_digest
from mmteb_synth.types import Language, ProgressHook

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LABSE = "sentence-transformers/LaBSE"
"""The default: 109 languages (Feng et al. 2022, arXiv 2007.01852)."""

_BATCH = 32
_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_UNPROVEN = "how well LaBSE's flags hold was not measured here: it could not be had"


@dataclass(slots=True)
class Similarity:
    """Compares meanings by one model, which is loaded when it is first needed.

    Attributes:
        model: A name on the Hub, the folder of a model, or `package.module:callable`, which returns a folder or a
            SentenceTransformer.
    """

    model: str = LABSE
    _loaded: tuple[str, SentenceTransformer] | None = None

    def into(self, language: Language) -> Similarity:
        """Itself: the model judges all languages alike, and the yardstick of each run tells whether it can."""
        return self

    def score(self, pairs: Sequence[Pair], progress: ProgressHook | None = None) -> Scored:
        """Judge pairs by their cosine, -1 to 1.

        Raises:
            EvaluationError: The model can't be loaded.
            UsageError: There is no such folder or callable.
        """
        if self._loaded is None:
            self._loaded = _load(self.model)
        name, model = self._loaded
        sources = _embed(model, [pair.source for pair in pairs])
        hypotheses = _embed(model, [pair.hypothesis for pair in pairs])
        values = (sources * hypotheses).sum(axis=1)
        wrong = [float(sources[a] @ hypotheses[b]) for a, b in partners(len(pairs), table()["wrong_pairs"])]
        line = threshold(values.tolist(), wrong)
        found = Scored(judge=f"similarity:{name}", unit="cosine", rule=line.rule)
        found.scores = {place: round(float(value), 4) for place, value in enumerate(values)}
        if line.value is not None:
            found.flagged = {place for place, value in enumerate(values) if value <= line.value}
        longest = model.max_seq_length
        if longest:
            found.notes.append(f"texts are compared by their first {longest} tokens")
        if name == LABSE:
            found.notes.append(_UNPROVEN)
        return found


def _embed(model: SentenceTransformer, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Unit vectors, one a row."""
    found = model.encode(
        list(texts),
        batch_size=_BATCH,
        normalize_embeddings=True,
        show_progress_bar=False,
        convert_to_numpy=True,
    )
    return np.asarray(found, dtype=np.float32)


def _load(model: str) -> tuple[str, SentenceTransformer]:
    """The model, and what to call it: local folders by their name and the digest of their content."""
    if _CALLABLE.fullmatch(model) and not Path(model).exists():
        _, function = importing.find(model)
        made = _called(model, function)
        return model, made if not isinstance(made, str | Path) else _from(str(made))
    folder = Path(model).expanduser()
    if folder.is_dir():
        files = [(path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()]
        return f"local/{folder.resolve().name}@{files_digest(files)[:8]}", _from(str(folder))
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise UsageError(
            f"there is no folder {model!r}", hint="--similarity takes a name on the Hub or a folder"
        )
    return model, _from(model)


def _called(reference: str, function: Any) -> Any:
    from sentence_transformers import SentenceTransformer

    try:
        made = function()
    except SynthError:
        raise
    except Exception as error:
        raise EvaluationError(f"{reference} raised {type(error).__name__}: {error}") from error
    if not isinstance(made, str | Path | SentenceTransformer):
        raise EvaluationError(
            f"{reference} returned a {type(made).__name__}, not a model",
            hint="a callable takes no argument and returns a model's folder or a SentenceTransformer",
        )
    return made


def _from(name: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    try:
        return SentenceTransformer(name)
    except Exception as error:
        raise EvaluationError(
            f"{name} could not be loaded: {first_line(error)}",
            hint=f"run `hf download {name}` where the Hub can be reached, or give a model's folder: --similarity DIR",
        ) from error
