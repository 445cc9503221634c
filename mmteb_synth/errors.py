"""Everything that can go wrong, as one tree.

SynthError
├── UsageError            the command or call asks for something that does not exist (exit 2)
│   ├── UnknownNameError  a task, suite, language, translator or model that nobody knows
│   ├── SpecError         a TOML file of the user's is broken
│   └── LicenceError      handing texts on that a licence forbids, or that it allows on terms nobody accepted yet
├── SourceError           the English data can't be had or is not what it should be
├── TranslatorError       a translator can't be used at all: no key, no endpoint, retired model
│   └── RequestError      one request failed; `retryable` says whether asking again may help
├── WaitingError          texts wait in batches that were paid for, and are not asked for live
├── CacheError            the translation cache is damaged, locked, full or would be contradicted
├── StoreError            a translated data set is missing, damaged or no longer what was recorded
├── ReviewError           what people filled in can't be taken as it stands
├── EvaluationError       a model can't be loaded or a score can't be made
├── Stopped               a signal ended the run in good order; running it again goes on (exit 75)
└── MissingExtraError     a package that only some uses need is not installed
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal


class SynthError(Exception):
    """Base of all errors that are meant for the user.

    Args:
        message: What was wrong and which value.
        hint: What to do next, usually a command. Printed on its own line.
    """

    exit_code: int = 1
    retryable: bool = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"hint: {hint}")


class UsageError(SynthError):
    """The command or call can't be carried out as it was written."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing has, with the nearest ones that exist.

    Args:
        kind: What was looked for, as "task" or "language".
        name: The name that was given.
        known: All names that exist; the nearest are suggested.
        hint: What lists the names, as a command.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        near = near_names(name, known)
        suggestion = f"; did you mean {' or '.join(near)}?" if near else ""
        super().__init__(f"unknown {kind} {name!r}{suggestion}", hint=hint)
        self.near = near


class SpecError(UsageError):
    """A task, suite or preset file is broken."""


class LicenceError(UsageError):
    """Texts can't be handed on as the command says: a licence forbids it, or its terms are not accepted yet."""


class SourceError(SynthError):
    """The English data can't be read, or is not what the task needs."""


class TranslatorError(SynthError):
    """A translator can't be used."""


Cause = Literal["fault", "limit", "overload", "down", "refused", "text", "window"]
"""Why a request failed, as far as others are concerned: `fault` may be its own bad luck; at a `limit` (too many
requests or tokens) all should wait; under `overload` (too slow, too busy) fewer should be in flight; `down`: nobody
listens; `refused`: it was understood and not taken, for a reason that may concern every request; `text`: this text
is not taken; `window`: this text is too long."""


class RequestError(TranslatorError):
    """One request to a translator failed.

    Args:
        message: The server's own words where it had any.
        retryable: Whether asking again may help.
        fatal: Whether every further request would fail the same way, so that the run should end.
        retry_after: Seconds the server asked to wait, where it did.
        cause: What it means for other requests.
        hint: What to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        fatal: bool = False,
        retry_after: float | None = None,
        cause: Cause = "fault",
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retryable = retryable
        self.fatal = fatal
        self.retry_after = retry_after
        self.cause = cause


class WaitingError(SynthError):
    """Texts wait in batches that were paid for, so that nobody is asked for them live."""


class CacheError(SynthError):
    """A cache can't be read or written, or would be contradicted."""


class StoreError(SynthError):
    """A translated data set is missing, damaged, or no longer fits the installed MTEB."""


class ReviewError(SynthError):
    """A filled review file can't be taken as it stands."""


class EvaluationError(SynthError):
    """A model can't be loaded, or a task can't be scored."""


class Stopped(SynthError):  # noqa: N818  it is an ending, not a failure
    """A signal ended the run in good order.

    The exit code is EX_TEMPFAIL of BSD's sysexits.h, which schedulers take for "run it again".

    Args:
        reason: What asked for it, as `SIGTERM`.
        kept: What is not lost.
        hint: What to do next.
    """

    exit_code = 75

    def __init__(
        self,
        reason: str,
        *,
        kept: str = "everything that was answered is kept",
        hint: str = "run the same command again to go on",
    ) -> None:
        super().__init__(f"stopped by {reason}; {kept}", hint=hint)


class MissingExtraError(SynthError):
    """An optional package is missing.

    Args:
        what: What needs it.
        install: The exact command that installs it.
    """

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"{what} needs a package that is not installed", hint=install)


def near_names(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names most like `name`, ignoring case, best first."""
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=count, cutoff=0.6)
    return [by_folded[folded] for folded in near]


def first_line(error: BaseException) -> str:
    """The first line of what an error says that is not meant for users; its kind where it says nothing."""
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__


def in_a_line(error: BaseException) -> str:
    """The kind of an error that is not meant for users, and the first line of what it says."""
    kind, said = type(error).__name__, first_line(error)
    return kind if said == kind else f"{kind}: {said}"
