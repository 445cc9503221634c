"""Quality estimates: a COMET model that needs no reference (Rei et al. 2022, aclanthology.org/2022.wmt-1.60).

It runs where `unbabel-comet` is installed, which wants older versions of numpy and transformers than everything else
here: a virtual environment of its own can check the same stored sets. Written for its version 2.2.7:
`download_model(model, local_files_only)`, `load_from_checkpoint(path, local_files_only)`, and the model's
`requires_references()` and `predict(samples, batch_size, gpus, progress_bar)`, which returns an object with `scores`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any

from mmteb_synth import languages
from mmteb_synth.checking.semantic.scored import Pair, Scored
from mmteb_synth.checking.semantic.thresholds import partners, table, threshold
from mmteb_synth.errors import EvaluationError, MissingExtraError, first_line
from mmteb_synth.hashing import files_digest
from mmteb_synth.translate import judgements
from mmteb_synth.translate.database import Database
from mmteb_synth.types import Language, ProgressHook

INSTALL = "pip install 'mmteb-synth[quality]'"
AUTOMATIC = "auto"
"""Instead of a model's name: the one for the language."""

COMET_KIWI = "Unbabel/wmt22-cometkiwi-da"
"""For all other languages; its licence (CC BY-NC-SA 4.0) must be accepted on the Hub first."""

AFRICOMET = "masakhane/africomet-qe-stl"
"""For African languages (Wang et al. 2024, aclanthology.org/2024.naacl-long.334)."""

AFRICAN = frozenset(
    # From English, graded by people in AfriMTE, on which it was tried.
    {"arz", "hau", "ibo", "kik", "luo", "som", "swa", "aka", "xho", "yor"}
    # The further African languages that its encoder was adapted to (Alabi et al. 2022, arXiv 2204.06487).
    | {"afr", "amh", "kin", "mlg", "nya", "orm", "pcm", "run", "sna", "sot", "zul"}
)
"""ISO 639-3 codes, macro-languages standing for their members (`swa` for Swahili, `aka` for Twi)."""

_BATCH = 16


@dataclass(slots=True)
class Quality:
    """Estimates quality by COMET models, which are loaded when they are first needed.

    Attributes:
        model: A name on the Hub, the folder of a model, or "auto" for the one that fits the language.
        database: Where scores are kept: an estimate costs far more than a look-up.
        offline: Whether only models that are here already may be loaded.
    """

    model: str
    database: Database
    offline: bool = False
    _loaded: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if util.find_spec("comet") is None:
            raise MissingExtraError("estimating quality (--quality)", INSTALL)

    def into(self, language: Language) -> QualityIn:
        """The estimates of translations into a language."""
        model = model_for(language) if self.model == AUTOMATIC else self.model
        return QualityIn(quality=self, model=model, language=language)

    def estimate(self, model: str, pairs: Sequence[Pair]) -> list[float]:
        """The scores of pairs, mostly 0 to 1.

        Raises:
            EvaluationError: The model can't be had, or wants references.
        """
        if model not in self._loaded:
            self._loaded[model] = _load(model, self.offline)
        samples = [{"src": pair.source, "mt": pair.hypothesis} for pair in pairs]
        found = self._loaded[model].predict(samples, batch_size=_BATCH, gpus=_gpus(), progress_bar=False)
        return [float(score) for score in found.scores]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityIn:
    """Quality estimates of translations into one language.

    Attributes:
        quality: Estimates.
        model: The model.
        language: The language.
    """

    quality: Quality
    model: str
    language: Language

    def score(self, pairs: Sequence[Pair], progress: ProgressHook | None = None) -> Scored:
        """Judge pairs; those that this model has judged before are looked up.

        Raises:
            EvaluationError: The model can't be had, or wants references.
            CacheError: The cache can't be read.
        """
        found = Scored(judge=f"quality:{_title(self.model)}", unit="COMET")
        keys = [judgements.key(pair.source, pair.hypothesis, self.language.code) for pair in pairs]
        known = judgements.find(self.quality.database, keys)
        for place, key in enumerate(keys):
            for said in known.get(key, ()):
                if said.judge == found.judge and said.score is not None:
                    found.scores[place] = said.score
        found.hits = len(found.scores)
        missing = [place for place in range(len(pairs)) if place not in found.scores]
        wrong = partners(len(pairs), table()["wrong_pairs_for_quality"])
        asked = [pairs[place] for place in missing]
        asked += [pairs[a]._replace(hypothesis=pairs[b].hypothesis) for a, b in wrong]
        values = self.quality.estimate(self.model, asked) if asked else []
        found.scores |= {
            place: round(value, 4) for place, value in zip(missing, values[: len(missing)], strict=True)
        }
        line = threshold(list(found.scores.values()), values[len(missing) :])
        found.rule = line.rule
        if line.value is not None:
            found.flagged = {place for place, score in found.scores.items() if score <= line.value}
        found.notes.append("quality estimates were never run here on a real model: theirs could not be had")
        return found


def model_for(language: Language) -> str:
    """The model for a language: AfriCOMET for African ones, CometKiwi for others."""
    return AFRICOMET if languages.family(language.code).split("-", 1)[0] in AFRICAN else COMET_KIWI


def _load(model: str, offline: bool) -> Any:
    import comet

    folder = Path(model).expanduser()
    try:
        if folder.is_dir():
            checkpoint = str(folder / "checkpoints" / "model.ckpt")
        else:
            checkpoint = comet.download_model(model, local_files_only=offline)
        loaded = comet.load_from_checkpoint(checkpoint, local_files_only=offline)
    except Exception as error:
        said = first_line(error).strip("'\"")
        raise EvaluationError(
            f"{model} could not be loaded: {said}",
            hint=f"accept its licence on https://huggingface.co/{model}, run `hf auth login`, then "
            f"`hf download {model}`; or give a model's folder",
        ) from error
    if loaded.requires_references():
        raise EvaluationError(
            f"{model} compares with reference translations, and there are none",
            hint=f"take a reference-free model, as {COMET_KIWI}",
        )
    return loaded


def _gpus() -> int:
    import torch

    return int(torch.cuda.is_available())


def _title(model: str) -> str:
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return model
    files = [(path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()]
    return f"local/{folder.resolve().name}@{files_digest(files)[:8]}"
