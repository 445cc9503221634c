"""Finding and loading a model, whichever of its many names the user chose."""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import huggingface_hub
import mteb
import torch
from mteb.models import CrossEncoderProtocol, EncoderProtocol, ModelMeta, SearchProtocol
from mteb.models.model_implementations import MODEL_REGISTRY
from sentence_transformers import CrossEncoder, SentenceTransformer

from mmteb_synth import importing
from mmteb_synth.errors import (
    EvaluationError,
    MissingExtraError,
    SynthError,
    UnknownNameError,
    UsageError,
    in_a_line,
)
from mmteb_synth.evaluation import identity, model_folders
from mmteb_synth.evaluation import prompts as prompting

_CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_MODEL_HINT = "--model takes a name of MTEB's registry or the hub, a folder, or package.module:callable"
_CALLABLE_HINT = (
    "a callable takes no argument and returns the folder of a model, a SentenceTransformer or an MTEB encoder"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for beside the model, checked; see `models.load`."""

    model_name: str | None
    revision: str | None
    prompts: prompting.Prompts | None
    device: str | None
    dtype: str | None
    max_seq_length: int | None
    trust_remote_code: bool

    def options(self, meta: ModelMeta | None = None) -> dict[str, Any]:
        """What to hand to SentenceTransformer, or to the loader that MTEB's registry has for one."""
        options: dict[str, Any] = {"trust_remote_code": True} if self.trust_remote_code else {}
        if self.dtype is not None:
            declared = dict(meta.loader_kwargs.get("model_kwargs") or {}) if meta else {}
            declared.pop("torch_dtype", None)  # the old word for dtype
            options["model_kwargs"] = {**declared, "dtype": getattr(torch, self.dtype)}
        return options


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A loaded encoder and whose it is, before the changes that were asked for.

    Attributes:
        encoder: As MTEB or this package wrapped it.
        meta: Its facts, name and revision.
        registered: Whether the name stands in MTEB's registry.
        changes: Settings that the encoder came with and that change its scores.
        weights: The digest of the model inside, where its revision says nothing of it; an object that somebody else
            loaded may have been trained since.
    """

    encoder: Any
    meta: ModelMeta
    registered: bool
    changes: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None


def find(model: Any, request: Request, told: list[str]) -> Found:
    """Load a model.

    Args:
        model: See `models.load`.
        request: What was asked for beside.
        told: Gets what the user should be told.

    Raises:
        SynthError: See `models.load`.
    """
    if isinstance(model, str) and _CALLABLE.fullmatch(model) and not Path(model).exists():
        called, model = model, _call(model)
        is_path = isinstance(model, str | os.PathLike)
        if is_path and not Path(model).is_dir():
            raise EvaluationError(
                f"{called} returned {os.fspath(model)!r}, which is no folder", hint=_CALLABLE_HINT
            )
        if not is_path and not _is_encoder(model):
            raise EvaluationError(
                f"{called} returned a {type(model).__name__}, which is no model of embeddings",
                hint=_lacking(model) or _CALLABLE_HINT,
            )
    if isinstance(model, str | os.PathLike):
        folder = Path(model).expanduser()
        if folder.exists():
            return _from_folder(folder.resolve(), request, told)
        if not isinstance(model, str) or model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise UsageError(f"there is no folder {os.fspath(model)!r}", hint=_MODEL_HINT)
        return _from_name(model, request, told)
    if isinstance(model, SentenceTransformer):
        return _from_object(model, request)
    if _is_encoder(model):
        return _from_encoder(model, request)
    raise UsageError(
        f"a {type(model).__name__} is no model of embeddings",
        hint=_lacking(model) or "give a name, a folder, a SentenceTransformer or an MTEB encoder",
    )


def canonical(name: str, told: list[str]) -> str:
    """The name that MTEB uses now for a model; other names come back as they are."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            name = mteb.get_model_meta(name).name or name
        except KeyError:
            return name
    told.extend(str(warning.message) for warning in caught)
    return name


def _is_encoder(model: Any) -> bool:
    protocols = (EncoderProtocol, SearchProtocol, CrossEncoderProtocol)
    return isinstance(model, (SentenceTransformer, *protocols)) and not isinstance(model, type)


def _lacking(model: Any) -> str | None:
    """What an object lacks that looks as if it were meant for an encoder; None where it doesn't."""
    if isinstance(model, CrossEncoder):
        return model_folders.CROSS_ENCODERS
    if isinstance(model, type):
        return f"{model.__name__} is a class; give an object of it"
    if not hasattr(model, "encode"):
        return None
    lacks = [
        name for name in ("similarity", "similarity_pairwise", "mteb_model_meta") if not hasattr(model, name)
    ]
    return (
        f"it has encode but no {' and no '.join(lacks)}; derive it from mteb.models.abs_encoder.AbsEncoder, which brings "
        "the similarities, and give it an mteb_model_meta (docs/embeddings.md has an example)"
    )


def _call(reference: str) -> Any:
    _, function = importing.find(reference)
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{reference} can't be called without arguments: {error}", hint=_CALLABLE_HINT
        ) from error
    with _loading(reference):
        return function()


def _from_folder(folder: Path, request: Request, told: list[str]) -> Found:
    _refuse_revision(request)
    model_folders.require_model(folder, _MODEL_HINT)
    name = request.model_name or identity.local_name(folder.name)
    registered = MODEL_REGISTRY.get(name)
    with _loading(str(folder)):
        if registered is not None and registered.loader is not None:
            at_folder = registered.model_copy(update={"name": str(folder), "revision": None})
            encoder: Any = at_folder.load_model(device=request.device, **request.options(registered))
        else:
            encoder = _opened(folder, request, told)
        revision = identity.folder_revision(folder)
    return _local(encoder, registered, name, revision)


def _opened(folder: Path, request: Request, told: list[str]) -> Any:
    """The SentenceTransformer of a folder, as an encoder."""
    told.extend(model_folders.require_embeddings(folder))
    model = SentenceTransformer(str(folder), device=request.device, **request.options())
    return prompting.wrap(model, None)


def _from_object(model: SentenceTransformer, request: Request) -> Found:
    _refuse_revision(request)
    _refuse_loading_options(request, "a model that is loaded already")
    with _loading(f"a {type(model).__name__}"):
        revision = identity.object_revision(model)
        if request.device is not None:
            model = model.to(request.device)
    name = request.model_name or identity.local_name(identity.object_label(model))
    registered = MODEL_REGISTRY.get(name)
    declared = prompting.from_registry(registered) if registered and request.prompts is None else None
    return _local(prompting.wrap(model, declared), registered, name, revision)


def _local(encoder: Any, registered: ModelMeta | None, name: str, revision: str) -> Found:
    """A model whose weights are at hand: the facts from the registry, otherwise from the weights."""
    update: dict[str, Any] = {"name": name, "revision": revision}
    if registered is None:
        update["n_parameters"] = sum(weights.numel() for weights in encoder.model.parameters())
    meta = registered or encoder.mteb_model_meta
    return Found(encoder=encoder, meta=meta.model_copy(update=update), registered=registered is not None)


def _from_encoder(encoder: Any, request: Request) -> Found:
    _refuse_loading_options(request, "a model that is loaded already")
    meta = encoder.mteb_model_meta
    if not isinstance(meta, ModelMeta):
        meta = ModelMeta.create_empty()
    model = getattr(encoder, "model", None)
    weights = identity.object_revision(model) if isinstance(model, SentenceTransformer) else None
    name = request.model_name or (
        meta.name if identity.is_name(meta.name) or meta.name in MODEL_REGISTRY else None
    )
    revision = meta.revision if identity.is_real(meta.revision) else request.revision
    if isinstance(model, SentenceTransformer) and not identity.is_real(meta.revision):
        _refuse_revision(request)
        revision = weights
        name = name or identity.local_name(identity.object_label(model))
    if name is None or revision is None:
        raise UsageError(
            f"the {type(encoder).__name__} has no mteb_model_meta with a name and a revision",
            hint="set them there, or give --model-name ORGANISATION/MODEL and --revision",
        )
    if request.revision not in (None, revision):
        raise UsageError(
            f"--revision {request.revision}: the {type(encoder).__name__} is at revision {revision}"
        )
    facts = MODEL_REGISTRY.get(name, meta) if request.model_name else meta
    return Found(
        encoder=encoder,
        meta=facts.model_copy(update={"name": name, "revision": revision}),
        registered=name in MODEL_REGISTRY,
        changes={"experiment": dict(meta.experiment_kwargs)} if meta.experiment_kwargs else {},
        weights=weights if weights != revision else None,
    )


def _from_name(name: str, request: Request, told: list[str]) -> Found:
    name = canonical(name, told)
    if request.model_name is not None:
        raise UsageError(
            f"--model-name {request.model_name} can't be given to {name!r}, which is a name itself",
            hint="it is for folders, callables and objects",
        )
    meta = MODEL_REGISTRY.get(name)
    if meta is None:
        return _from_hub(name, request, told)
    if request.revision not in (None, meta.revision):
        raise UsageError(
            f"MTEB knows {name} at revision {meta.revision} only, not at {request.revision}",
            hint="download the other one and give its folder: --model FOLDER --model-name ORGANISATION/MODEL",
        )
    if meta.loader is None:
        raise EvaluationError(f"MTEB lists {name} but has no code that runs it")
    options: dict[str, Any] = {}
    if "Sentence Transformers" in meta.framework:
        options = request.options(meta)
    else:
        _refuse_loading_options(request, name)
    with _loading(name):
        encoder = meta.load_model(device=request.device, **options)
    return Found(encoder=encoder, meta=meta, registered=True)


def _from_hub(name: str, request: Request, told: list[str]) -> Found:
    """A model that only the hub knows, at the commit that the revision means now."""
    if identity.is_name(name):
        commit = _hub_commit(name, request.revision)
        if commit is not None:
            with _loading(name):
                meta = mteb.get_model_meta(name, commit, fetch_from_hf=True)
                encoder = meta.load_model(device=request.device, **request.options())
            return Found(encoder=encoder, meta=meta, registered=False)
        folder = _hub_cache(name, request.revision)
        if folder is not None:
            with _loading(name):
                return _local(_opened(folder, request, told), None, name, folder.name)
    same = [known for known in MODEL_REGISTRY if known.rpartition("/")[2].lower() == name.lower()]
    hint = "it is not in MTEB's registry, is no folder here and can't be had from the hub; " + _MODEL_HINT
    if same:
        hint = f"write it with its organisation: {' or '.join(same)}"
    raise UnknownNameError("model", name, same or MODEL_REGISTRY, hint=hint)


def _hub_commit(name: str, revision: str | None) -> str | None:
    """The commit of a hub model; None where the hub has no such model or can't be reached."""
    try:
        return huggingface_hub.model_info(name, revision=revision).sha
    except Exception:  # noqa: BLE001  the client raises what its HTTP library raises, which changed with its version
        return None


def _hub_cache(name: str, revision: str | None) -> Path | None:
    """The folder of a hub model that was downloaded before, called like its commit; None where there is none."""
    try:
        return Path(huggingface_hub.snapshot_download(name, revision=revision, local_files_only=True))
    except OSError:
        return None


def _refuse_revision(request: Request) -> None:
    if request.revision is not None:
        raise UsageError(
            f"--revision {request.revision} can't be given to a local model: its revision is the digest of its content"
        )


def _refuse_loading_options(request: Request, what: str) -> None:
    given = {"--dtype": request.dtype, "--max-seq-length": request.max_seq_length}
    for flag, value in given.items():
        if value is not None:
            raise UsageError(f"{flag} {value} can't be set for {what}", hint="score it in a run of its own")


@contextlib.contextmanager
def _loading(what: str) -> Iterator[None]:
    """Turn whatever a model's code raises into an error that names the model."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MTEB's remarks on prompts; the result says more
            yield
    except SynthError:
        raise
    except Exception as error:
        install = re.search(r"`(pip install [^`]+)`", str(error)) if isinstance(error, ImportError) else None
        if install:
            raise MissingExtraError(what, install[1]) from error
        hint = None
        if isinstance(error, OSError) and what in MODEL_REGISTRY:
            hint = (
                f"run `hf download {what}` where the hub can be reached, "
                f"or give a folder: --model FOLDER --model-name {what}"
            )
        raise EvaluationError(f"{what} could not be loaded: {in_a_line(error)}", hint=hint) from error
