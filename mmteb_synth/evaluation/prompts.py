"""The prompts that a model is scored with: given by hand, from MTEB's registry, or the model's own.

MTEB looks a prompt up by `<task>-query`, `<task>`, `<type>-query`, `<type>`, then `query`, and the same for
documents. Only retrieval and reranking have queries and documents: a model with prompts for these two alone gets
none on the other types, as on MTEB's own leaderboard.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import mteb
from mteb.abstasks.task_metadata import TaskType
from mteb.models import ModelMeta, SentenceTransformerEncoderWrapper
from mteb.models.instruct_wrapper import InstructSentenceTransformerModel
from mteb.types import PromptType
from sentence_transformers import SentenceTransformer

from mmteb_synth.errors import UnknownNameError, UsageError
from mmteb_synth.specs import TASK_TYPES

Template = str | Callable[[str, PromptType | None], str]

_SIDES = tuple(side.value for side in PromptType)
# What SentenceTransformer falls back to, in its order, where MTEB hands over no prompt.
FALLBACKS = {"query": ("query",), "document": ("document", "passage", "corpus")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """A model's prompts.

    Attributes:
        texts: By key (see the module): what stands before a text, or for an instruct model the instruction.
        template: What an instruct model's instruction is put into; None for plain prompts.
        on_documents: Whether an instruct model's documents get the instruction too.
    """

    texts: Mapping[str, str]
    template: Template | None = None
    on_documents: bool = True


def checked(prompts: Mapping[str, str], task_names: Collection[str] = ()) -> tuple[dict[str, str], list[str]]:
    """Prompts given by hand, with their keys as MTEB wants them; MTEB itself drops what it doesn't know.

    Args:
        prompts: By key.
        task_names: Tasks beyond MTEB's that may be keys.

    Returns:
        The prompts, and what the user should be told.

    Raises:
        UsageError: A key is none, or `passage` and `document` are both given.
    """
    result: dict[str, str] = {}
    told = []
    for given, text in prompts.items():
        key = given
        if given == "passage" or given.endswith("-passage"):
            key = given.removesuffix("passage") + "document"
            told.append(f"the prompt for {given!r} is taken as {key!r}, which is MTEB's word")
        if key in result or (key != given and key in prompts):
            raise UsageError(
                f"prompts for both {given!r} and {key!r}: they are the same", hint="give one of them"
            )
        _check_key(key, task_names)
        result[key] = text
    return result, told


def _check_key(key: str, task_names: Collection[str]) -> None:
    stem, _, side = key.rpartition("-")
    subject = stem if side in _SIDES and stem else key
    if subject in _SIDES or subject in get_args(TaskType) or subject in task_names:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tasks with a successor say so here
            mteb.get_task(subject)
    except KeyError as error:
        raise UnknownNameError(
            "prompt key",
            key,
            [*_SIDES, *TASK_TYPES, *task_names],
            hint=f"a key is {', '.join(_SIDES)}, a task type ({', '.join(TASK_TYPES)}) or the name of an English"
            f" task; the last two also with {' or '.join('-' + known for known in _SIDES)} behind",
        ) from error


def from_registry(meta: ModelMeta) -> Prompts | None:
    """What MTEB declares as a model's prompts.

    Args:
        meta: The model's entry in MTEB's registry.

    Returns:
        The prompts; None where MTEB declares none, so that what stands in the model's own files is used.

    Raises:
        UsageError: MTEB runs the model with code of its own, from which no prompts can be read.
    """
    loader: Any = meta.loader
    options = meta.loader_kwargs
    if loader is SentenceTransformerEncoderWrapper:
        texts = options.get("model_prompts")
        return Prompts(texts=texts) if texts else None
    if loader is InstructSentenceTransformerModel and options.get("include_prompt", True):
        return Prompts(
            texts=options.get("prompts_dict") or {},
            template=options.get("instruction_template") or "{instruction}",
            on_documents=options.get("apply_instruction_to_passages", True),
        )
    raise UsageError(
        f"MTEB runs {meta.name} with code of its own, so its prompts can't be given to another model",
        hint='load your model from a folder with --model-name, or write the prompts: --prompt query="…"',
    )


def like(meta: ModelMeta) -> Prompts:
    """The prompts of a registered model, to be used with another one.

    Raises:
        UsageError: They can't be read from the registry.
    """
    prompts = from_registry(meta)
    if prompts is None and meta.use_instructions:
        raise UsageError(
            f"the prompts of {meta.name} stand in its own files, not in MTEB's registry",
            hint='copy them from its model card: --prompt query="…" --prompt document="…"',
        )
    return prompts or Prompts(texts={})


def wrap(model: SentenceTransformer, prompts: Prompts | None) -> Any:
    """MTEB's encoder around a loaded SentenceTransformer.

    Args:
        model: The model; it is not changed, and its weights are shared.
        prompts: Replace the model's own prompts; None keeps them.
    """
    model = copy.copy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MTEB's remarks on prompts: `in_use` and `unused` tell more
        if prompts is None:
            return SentenceTransformerEncoderWrapper(model)
        if prompts.template is not None:
            return LoadedInstructModel(model, prompts)
        texts = dict(prompts.texts)
        model.prompts = dict(texts)
        model.default_prompt_name = None
        encoder = SentenceTransformerEncoderWrapper(model)
        encoder.model_prompts = texts or None  # MTEB would drop the names of tasks that it doesn't know
        return encoder


def replaced(encoder: Any, prompts: Prompts) -> Any:
    """The same model with other prompts.

    Raises:
        UsageError: It is not one of MTEB's two wrappers that do nothing but put prompts before texts.
    """
    if type(encoder) not in (
        SentenceTransformerEncoderWrapper,
        InstructSentenceTransformerModel,
        LoadedInstructModel,
    ):
        raise UsageError(
            f"the prompts of a {type(encoder).__name__} can't be chosen: it has its own way with texts",
            hint="score it in a run of its own, without --prompt and --prompts-like",
        )
    return wrap(encoder.model, prompts)


class LoadedInstructModel(InstructSentenceTransformerModel):
    """MTEB's instruct model around a model that is already loaded; MTEB's own takes only a name."""

    def __init__(self, model: SentenceTransformer, prompts: Prompts) -> None:
        self.model = model
        self.mteb_model_meta = ModelMeta.from_sentence_transformer_model(model)
        self.instruction_template = prompts.template
        self.prompts_dict = dict(prompts.texts)
        self.apply_instruction_to_passages = prompts.on_documents


def in_use(encoder: Any) -> dict[str, str]:
    """The prompts that an encoder will put before texts, as far as MTEB's wrappers tell.

    Returns:
        By key, without empty ones. `default` is what SentenceTransformer uses where no other fits; `instruct` and
        `instruct-document` are an instruct model's templates, beside its instructions by key; other instructions
        are the tasks' own.
    """
    template = getattr(encoder, "instruction_template", None)
    if template is not None or isinstance(encoder, InstructSentenceTransformerModel):
        return _instructions(encoder, template or "{instruction}")
    prompts = dict(getattr(encoder, "model_prompts", None) or {})
    model = getattr(encoder, "model", None)
    if isinstance(encoder, SentenceTransformerEncoderWrapper) and isinstance(model, SentenceTransformer):
        for side, names in FALLBACKS.items():
            fallback = next((model.prompts[name] for name in names if name in model.prompts), "")
            prompts.setdefault(side, fallback or "")
        if model.default_prompt_name is not None:
            prompts["default"] = model.prompts.get(model.default_prompt_name) or ""
    return {key: text for key, text in prompts.items() if text}


def _instructions(encoder: Any, template: Template) -> dict[str, str]:
    def fill(side: PromptType) -> str:
        return template if isinstance(template, str) else template("{instruction}", side)

    templates = {"instruct": fill(PromptType.query)}
    if getattr(encoder, "apply_instruction_to_passages", True):
        templates["instruct-document"] = fill(PromptType.document)
    return {key: text for key, text in (templates | dict(encoder.prompts_dict or {})).items() if text}


def unused(encoder: Any) -> list[str]:
    """The names of a SentenceTransformer's own prompts that MTEB will never use, as `passage`."""
    model = getattr(encoder, "model", None)
    if not isinstance(encoder, SentenceTransformerEncoderWrapper) or not isinstance(
        model, SentenceTransformer
    ):
        return []
    used = set(in_use(encoder).values())
    return sorted(name for name, text in model.prompts.items() if text and text not in used)


def lend(encoder: Any, *, task: str, source: str) -> None:
    """Let a translated task have the prompts that are declared for its source by name.

    Args:
        encoder: What `load` returned; its prompts get further keys.
        task: The translated task, as `SciFact.tur-Latn.gpt-4.1-mini`.
        source: The task it was made from, as `SciFact`.
    """
    for attribute in ("model_prompts", "prompts_dict"):
        prompts = getattr(encoder, attribute, None)
        if not isinstance(prompts, dict):
            continue
        lent = {
            task + key.removeprefix(source): text
            for key, text in prompts.items()
            if key in (source, *(f"{source}-{side}" for side in _SIDES))
        }
        if lent:  # a new dictionary: MTEB shares one between the models of a family
            setattr(encoder, attribute, {**prompts, **lent})
