"""Verb: a suite and models in, a folder out with all that an offline machine needs of the Hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmteb_synth import facts, natives
from mmteb_synth.errors import SourceError, SynthError, UsageError, first_line
from mmteb_synth.paths import writing
from mmteb_synth.selection import Choice
from mmteb_synth.specs import BitextSpec

MODELS = "models"
"""Models lie in a folder of their own, so that no organisation's name on the Hub can clash with a data set's."""

Kind = Literal["dataset", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One repository of the Hub.

    Attributes:
        name: Its id, as `mteb/scifact`.
        kind: What it holds.
        revision: The pinned commit; None for the newest.
        folder: Where it goes, below the target.
    """

    name: str
    kind: Kind
    revision: str | None
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """What became of one repository; `error` is None where it is here now."""

    wanted: Wanted
    error: SynthError | None = None


class _UnreachableError(SourceError):
    """The Hub can't be reached, which takes half a minute to find out."""


def wanted(choice: Choice, models: Sequence[str] = (), languages: Sequence[str] = ()) -> list[Wanted]:
    """The repositories that a choice of sets, the native members of its suites, and models need.

    Args:
        choice: The sets; those of one's own lie on this machine and need nothing.
        models: Names of models on the Hub.
        languages: Codes of the languages in which a suite is to find its native members.

    Raises:
        UsageError: A model's name is none of the Hub's, or a suite needs a language.
    """
    choice.check_languages(languages)
    found: dict[tuple[str, str], Wanted] = {}
    for name in _task_names(choice, languages):
        known = facts.task(name)
        if known is not None and known.dataset is not None:
            repository = Wanted(
                name=known.dataset, kind="dataset", revision=known.revision, folder=Path(known.dataset)
            )
            found.setdefault(("dataset", known.dataset), repository)
    for model in models:
        if model.count("/") != 1 or model.startswith(("/", ".", "~")):
            raise UsageError(f"{model!r} is no model of the Hub", hint="name it as org/name")
        found[("model", model)] = Wanted(name=model, kind="model", revision=None, folder=Path(MODELS) / model)
    return list(found.values())


def fetch(
    repositories: Sequence[Wanted], to: Path, *, report: Callable[[FetchReport], None] | None = None
) -> list[FetchReport]:
    """Download repositories into a folder; what is there already and unchanged is not downloaded again.

    Data sets lie where `--source-dir` looks for them, models below `models/`.

    Args:
        repositories: What to bring.
        to: The folder.
        report: Called with each result as soon as it is there.

    Returns:
        What became of each. One that fails doesn't stop the others, unless the Hub can't be reached: then it is the last.
    """
    results = []
    for repository in repositories:
        try:
            _download(repository, to)
            done = FetchReport(wanted=repository)
        except SynthError as error:
            done = FetchReport(wanted=repository, error=error)
        results.append(done)
        if report:
            report(done)
        if isinstance(done.error, _UnreachableError):
            break
    return results


def _task_names(choice: Choice, languages: Sequence[str]) -> Iterator[str]:
    for member in choice.members:
        yield member.spec.source if isinstance(member.spec, BitextSpec) else member.spec.name
    for suite in choice.suites:
        for entry in suite.native:
            yield entry.name
        for code in languages:
            yield from natives.names(suite, code)


def _download(repository: Wanted, to: Path) -> None:
    import huggingface_hub

    name, kind = repository.name, repository.kind
    with writing(f"{name} in {to}"):
        try:
            # Asked first: snapshot_download takes any folder that is there for whole when the Hub can't be reached.
            revision = repository.revision or huggingface_hub.constants.DEFAULT_REVISION
            found = huggingface_hub.HfApi().repo_info(name, repo_type=kind, revision=revision)
            huggingface_hub.snapshot_download(
                name, repo_type=kind, revision=found.sha, local_dir=to / repository.folder
            )
        except Exception as error:  # the Hub's, those of whichever client it uses, and of names that can't be
            if getattr(error, "errno", None) is not None:
                raise  # the disk's; the Hub's errors bear no number
            away = not isinstance(error, huggingface_hub.errors.HfHubHTTPError | ValueError)
            raise (_UnreachableError if away else SourceError)(
                f"could not fetch the {kind} {name}: {first_line(error)}",
                hint="run it where the Hub can be reached, with HF_HUB_OFFLINE unset; gated ones want hf auth login",
            ) from error
