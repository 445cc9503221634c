"""From what a user calls a model to an encoder with its right prompts and an identity of its own."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mteb.models import ModelMeta
from mteb.models.model_implementations import MODEL_REGISTRY
from sentence_transformers import SentenceTransformer

from mmteb_synth.errors import EvaluationError, UnknownNameError, UsageError
from mmteb_synth.evaluation import identity, loading
from mmteb_synth.evaluation import prompts as prompting

_DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready for `mteb.evaluate`.

    Attributes:
        encoder: What `mteb.evaluate` takes; its `mteb_model_meta` has the name and revision below.
        name: As `sentence-transformers/all-MiniLM-L6-v2`, or `local/<folder>`.
        revision: MTEB's or the hub's; of a local model the digest of its content. Settings that change scores
            stand behind a `+`.
        vectors_revision: What decides a text's vector, once its prompt stands before it: the same without the prompts,
            and with the digest of the weights of an object whose own revision does not say what they are now.
        prompts: The prompts that will be used, {} for none.
        prompts_known: Whether anyone said what the prompts are, be it that there are none.
        warnings: What the user should be told.
    """

    encoder: Any
    name: str
    revision: str
    vectors_revision: str
    prompts: dict[str, str]
    prompts_known: bool
    warnings: tuple[str, ...] = ()


def load(
    model: str | os.PathLike[str] | Any,
    *,
    model_name: str | None = None,
    revision: str | None = None,
    prompts: Mapping[str, str] | None = None,
    prompts_like: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    max_seq_length: int | None = None,
    trust_remote_code: bool = False,
    task_names: Collection[str] = (),
) -> LoadedModel:
    """Load a model for evaluation.

    Args:
        model: A name that `mteb.get_model` knows, a hub name, the folder of a SentenceTransformer,
            `package.module:callable` (called without arguments, returns a folder or an object), a
            SentenceTransformer, or an MTEB encoder. A folder goes before a name that reads the same.
        model_name: The name that a folder, callable or object goes by; with a name of MTEB's registry it also
            gets that model's prompts and facts. Its revision stays the digest of its content.
        revision: Of a hub model; of an MTEB encoder that has none.
        prompts: By key: query, document, a task type, a task's name. They replace all others; {} means none.
        prompts_like: A model of MTEB's registry whose prompts to use.
        device: As `cpu` or `cuda:0`. Objects that are no SentenceTransformer stay where they are.
        dtype: float32, float16 or bfloat16.
        max_seq_length: In tokens.
        trust_remote_code: Whether a model's own code may run.
        task_names: Tasks beyond MTEB's that `prompts` may name.

    Returns:
        The encoder, its identity and its prompts.

    Raises:
        UsageError: What was asked for does not exist or does not go together.
        EvaluationError: The model can't be loaded.
        MissingExtraError: The model needs a package that is not installed.
    """
    told: list[str] = []
    if model_name is not None:
        model_name = loading.canonical(model_name, told)
        if model_name not in MODEL_REGISTRY:
            identity.check_name(model_name)
    _check_numbers(device, dtype, max_seq_length)
    request = loading.Request(
        model_name=model_name,
        revision=revision,
        prompts=_given_prompts(prompts, prompts_like, task_names, told),
        device=device,
        dtype=dtype,
        max_seq_length=max_seq_length,
        trust_remote_code=trust_remote_code,
    )
    return _finish(loading.find(model, request, told), request, told)


def _check_numbers(device: str | None, dtype: str | None, max_seq_length: int | None) -> None:
    if dtype is not None and dtype not in _DTYPES:
        raise UnknownNameError("dtype", dtype, _DTYPES, hint=f"--dtype takes {', '.join(_DTYPES)}")
    if max_seq_length is not None and max_seq_length < 1:
        raise UsageError(f"--max-seq-length {max_seq_length}: it must be at least 1")
    if device is not None:
        try:
            torch.device(device)
        except RuntimeError as error:
            raise UsageError(
                f"unknown device {device!r}", hint="--device takes cpu, cuda, cuda:0 or mps"
            ) from error


def _given_prompts(
    prompts: Mapping[str, str] | None, like: str | None, task_names: Collection[str], told: list[str]
) -> prompting.Prompts | None:
    if like is None:
        if prompts is None:
            return None
        texts, remarks = prompting.checked(prompts, task_names)
        told.extend(remarks)
        return prompting.Prompts(texts=texts)
    if prompts is not None:
        raise UsageError("--prompt and --prompts-like both say which prompts to use", hint="give one of them")
    like = loading.canonical(like, told)
    if like not in MODEL_REGISTRY:
        hint = "--prompts-like takes a name of MTEB's model registry"
        raise UnknownNameError("model", like, MODEL_REGISTRY, hint=hint)
    return prompting.like(MODEL_REGISTRY[like])


def _finish(found: loading.Found, request: loading.Request, told: list[str]) -> LoadedModel:
    """Make the changes that were asked for, and write those that change scores into the revision."""
    encoder, changes = found.encoder, dict(found.changes)
    if request.dtype is not None:
        _check_dtype(encoder, request.dtype)
        changes["dtype"] = request.dtype
    if request.max_seq_length is not None:
        _limit_length(encoder, request.max_seq_length)
        changes["max_seq_length"] = request.max_seq_length
    if request.prompts is not None:
        before = prompting.in_use(encoder)
        encoder = prompting.replaced(encoder, request.prompts)
        if prompting.in_use(encoder) != before:
            changes["prompts"] = prompting.in_use(encoder)
    in_use = prompting.in_use(encoder)
    unprompted = {name: value for name, value in changes.items() if name != "prompts"}
    if found.weights is not None:
        unprompted["weights"] = found.weights
    told.extend(
        f"MTEB never uses the model's own prompt {name!r}; if it matters, give it: --prompt document=…"
        for name in prompting.unused(encoder)
    )
    meta = found.meta.model_copy(
        update={
            "revision": identity.with_settings(str(found.meta.revision), changes),
            "experiment_kwargs": None,  # MTEB would file the scores elsewhere; the revision has them
        }
    )
    is_plain = isinstance(getattr(encoder, "model", None), SentenceTransformer)
    return LoadedModel(
        encoder=_identified(encoder, meta),
        name=str(meta.name),
        revision=str(meta.revision),
        vectors_revision=identity.with_settings(str(found.meta.revision), unprompted),
        prompts=in_use,
        prompts_known=request.prompts is not None or found.registered or bool(in_use) or not is_plain,
        warnings=tuple(dict.fromkeys(told)),
    )


def _check_dtype(encoder: Any, dtype: str) -> None:
    weights = next(_sentence_transformer(encoder, "--dtype").parameters())
    if weights.dtype is not getattr(torch, dtype):
        raise EvaluationError(f"the model can't be loaded as {dtype}: its weights are {weights.dtype}")


def _limit_length(encoder: Any, tokens: int) -> None:
    model = _sentence_transformer(encoder, "--max-seq-length")
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    longest = getattr(config, "max_position_embeddings", None)
    if not isinstance(model.max_seq_length, int):
        raise UsageError("the model has no maximum length, so --max-seq-length can't be set")
    if longest is not None and tokens > longest:
        raise UsageError(f"--max-seq-length {tokens}: the model has positions for {longest} tokens")
    special = getattr(model.tokenizer, "num_special_tokens_to_add", int)()
    if tokens <= special:  # such tokenizers cut off nothing at all then
        raise UsageError(f"--max-seq-length {tokens}: the model's own special tokens are {special} already")
    model.max_seq_length = tokens


def _sentence_transformer(encoder: Any, flag: str) -> Any:
    model = getattr(encoder, "model", None)
    if not isinstance(model, SentenceTransformer):
        raise UsageError(f"{flag} is for SentenceTransformers; the model is a {type(encoder).__name__}")
    return model


def _identified(encoder: Any, meta: ModelMeta) -> Any:
    """The encoder with this identity; the user's own object is left as it was."""
    if encoder.mteb_model_meta == meta:
        return encoder
    encoder = copy.copy(encoder)
    try:
        encoder.mteb_model_meta = meta
    except AttributeError as error:
        raise EvaluationError(
            f"the {type(encoder).__name__} does not let its mteb_model_meta be set",
            hint="make mteb_model_meta a plain attribute with the name and revision that scores are kept under",
        ) from error
    return encoder
