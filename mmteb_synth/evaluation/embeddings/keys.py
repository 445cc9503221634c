"""What decides a vector: the model, what stands before the text, and the text.

For encoders whose code was read, what stands before a text is known to the letter, and tasks share a text's vector
wherever it is the same. For all others the key holds everything that the encoder is told of the task, and all columns
of the row: fewer vectors are shared, and none is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from datasets import Dataset
from mteb.models import SentenceTransformerEncoderWrapper
from mteb.models.instruct_wrapper import InstructSentenceTransformerModel
from mteb.types import PromptType
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules

from mmteb_synth.evaluation.models import LoadedModel
from mmteb_synth.evaluation.prompts import FALLBACKS, LoadedInstructModel
from mmteb_synth.hashing import canonical_json

_DIGEST = 16
_UNSEEN = "id"
"""The one column that is no part of a key: where a row stands tells nothing of what it says."""

# What treats a query as it treats a document, but for the prompt.
_PLAIN = (modules.Transformer, modules.Pooling, modules.Normalize, modules.Dense)
_BY_SIDE = ("query_length", "document_length", "query_expansion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an encoder is told beside the texts, as MTEB tells it."""

    task_metadata: Any
    hf_split: str
    hf_subset: str
    prompt_type: PromptType | None


def is_paid(model: LoadedModel) -> bool:
    """Whether vectors may cost money: the model says that it is an API, or nothing of what it is."""
    framework = model.encoder.mteb_model_meta.framework
    return not framework or "API" in framework


def identity(model: LoadedModel) -> dict[str, str]:
    """What decides a model's vectors, beside prompts and texts.

    Of models that run here the kind of device and the versions of the libraries belong to it: another one's vectors
    differ in the last digits, or by a bug that was mended.
    """
    encoder = model.encoder
    cls = type(encoder)
    decides = {
        "name": model.name,
        "revision": model.vectors_revision,
        "encoder": f"{cls.__module__}.{cls.__qualname__}",
    }
    transformer = getattr(encoder, "model", None)
    if isinstance(transformer, SentenceTransformer):
        decides |= {
            "device": transformer.device.type,
            "dtype": ",".join(sorted({str(weights.dtype) for weights in transformer.parameters()})),
            "max_seq_length": str(transformer.max_seq_length),
            "truncate_dim": str(transformer.truncate_dim),
            "modules": ",".join(_modules(transformer)),
        }
    if not is_paid(model):
        decides |= {
            name: version(name) for name in ("mteb", "sentence-transformers", "transformers", "torch")
        }
    elif _context(encoder) is None:
        decides["mteb"] = version("mteb")
    return decides


def _modules(model: SentenceTransformer) -> Iterator[str]:
    """The classes that a model is made of: with --trust-remote-code its own may take the place of transformers'."""
    for module in model:
        for part in (module, getattr(module, "auto_model", None)):
            if part is not None:
                yield f"{type(part).__module__}.{type(part).__qualname__}"


def is_text_only(encoder: Any) -> bool:
    """Whether an encoder is known to look at the text of a row and at nothing else."""
    return _context(encoder) is not None


def digests(encoder: Any, asked: Asked, items: Sequence[str]) -> list[bytes]:
    """The keys of texts.

    Args:
        encoder: Who will encode them.
        asked: What it is told beside.
        items: The texts, or the rows as `row_texts` writes them where the encoder may look at more.
    """
    context = _context(encoder)
    told = context(encoder, asked) if context else _everything(asked)
    state = hashlib.blake2b(f"{canonical_json(told)}\0".encode(), digest_size=_DIGEST)
    keys = []
    for item in items:
        digest = state.copy()
        digest.update(item.encode("utf-8", "surrogatepass"))
        keys.append(digest.digest())
    return keys


def row_texts(dataset: Dataset) -> list[str]:
    """Rows of several columns, each as one text."""
    names = sorted(name for name in dataset.column_names if name != _UNSEEN)
    columns = [dataset[name][:] for name in names]
    return [repr(list(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _everything(asked: Asked) -> list[str | None]:
    """For encoders that may choose by anything they are told; a task's name stands for all that is known of it."""
    metadata = asked.task_metadata
    return [
        "task",
        metadata.name,
        metadata.type,
        canonical_json(metadata.prompt) if metadata.prompt else None,
        asked.hf_split,
        asked.hf_subset,
        _side(asked),
    ]


def _side(asked: Asked) -> str | None:
    return asked.prompt_type.value if asked.prompt_type else None


def _plain_prompt(encoder: Any, asked: Asked) -> list[str | None]:
    """MTEB's wrapper looks a prompt up; without one SentenceTransformer takes its own for queries or documents."""
    model = encoder.model
    name = encoder.get_prompt_name(asked.task_metadata, asked.prompt_type)
    prompt = (encoder.model_prompts or {}).get(name)
    if prompt is None:
        names = FALLBACKS[asked.prompt_type.value] if asked.prompt_type else ()
        own = next((name for name in names if name in model.prompts), model.default_prompt_name)
        prompt = model.prompts.get(own) if own is not None else None
    return ["prompt", prompt or "", _side(asked) if _treats_sides_differently(model) else None]


def _treats_sides_differently(model: SentenceTransformer) -> bool:
    first = model[0]
    return (
        any(type(module) not in _PLAIN for module in model)
        or any(getattr(first, name, None) is not None for name in _BY_SIDE)
        or "message" in model.modalities  # templates of chat models may say which side it is
    )


def _instruction(encoder: Any, asked: Asked) -> list[str | None]:
    model = encoder.model
    if asked.prompt_type is PromptType.document and not encoder.apply_instruction_to_passages:
        own = model.default_prompt_name
        return ["prompt", (model.prompts.get(own) if own is not None else None) or "", None]
    return ["prompt", encoder.get_task_instruction(asked.task_metadata, asked.prompt_type), None]


def _nothing(_encoder: Any, _asked: Asked) -> list[str | None]:
    return ["prompt", "", None]


def _cohere(encoder: Any, asked: Asked) -> list[str | None]:
    """What MTEB's client sends as the type of the input."""
    name = encoder.get_prompt_name(asked.task_metadata, asked.prompt_type)
    return ["input_type", encoder.model_prompts.get(name) or "search_document"]


_MTEB = "mteb.models.model_implementations"
_CONTEXTS: dict[str, Callable[[Any, Asked], list[str | None]]] = {
    f"{cls.__module__}.{cls.__qualname__}": context
    for cls, context in (
        (SentenceTransformerEncoderWrapper, _plain_prompt),
        (InstructSentenceTransformerModel, _instruction),
        (LoadedInstructModel, _instruction),
    )
} | {
    f"{_MTEB}.openai_models.OpenAIModel": _nothing,
    f"{_MTEB}.cohere_models.CohereTextEmbeddingModel": _cohere,
}
"""By class: a subclass may do otherwise. The last two are named, since importing them is not free."""


def _context(encoder: Any) -> Callable[[Any, Asked], list[str | None]] | None:
    cls = type(encoder)
    return _CONTEXTS.get(f"{cls.__module__}.{cls.__qualname__}")
