"""Translates with a function of the user's: `package.module:callable`, for any library there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mmteb_synth import importing
from mmteb_synth.errors import RequestError
from mmteb_synth.translate.rows import replay_key
from mmteb_synth.types import Answer, Language, Segment

BATCH = 32
"""Texts for one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableTranslator:
    """The translator of a function; see `translators.Translator` for what its attributes mean.

    Attributes:
        name: As it was given, `package.module:callable`.
        label: The name in the names of data sets.
        version: The module's `__version__`, or "0": a new one makes other cache entries.
        function: Takes a list of English texts and a language code as `tur-Latn`, returns a list of as many texts.
    """

    name: str
    label: str
    version: str
    function: Callable[[list[str], str], list[str]]

    prompt_version = None
    decoding = "-"
    grade = None
    gap = None
    concurrency = 1

    def identity(self) -> dict[str, Any]:
        """What decides the translations."""
        return {"translator": self.name, "version": self.version}

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key: one translation serves every kind."""
        return replay_key(self.name, self.version, language.code, segment.text)

    def check_language(self, language: Language) -> str | None:
        """Nothing: the function knows its languages."""
        return None

    def backend(self, concurrency: int) -> CallableBackend:
        """What calls the function."""
        return CallableBackend(translator=self)


class CallableBackend:
    """Calls the function in a thread, so that what came before is stored meanwhile."""

    batch_size = BATCH

    def __init__(self, *, translator: CallableTranslator) -> None:
        self._translator = translator

    async def start(self) -> None:
        """Nothing: the function was imported when the translator was named."""

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Call the function once.

        Raises:
            RequestError: It raised, or returned something other than as many texts. This ends the run, since it
                is a fault of the function and would come again.
        """
        name, texts = self._translator.name, [segment.text for segment in segments]
        try:
            answers = await asyncio.to_thread(self._translator.function, texts, language.code)
        except Exception as error:
            raise RequestError(
                f"{name} raised {type(error).__name__} for {len(texts)} texts: {error}", fatal=True
            ) from error
        if not isinstance(answers, list | tuple):
            raise RequestError(f"{name} returned {type(answers).__name__}, not a list of texts", fatal=True)
        if len(answers) != len(texts):
            raise RequestError(f"{name} returned {len(answers)} texts for {len(texts)}", fatal=True)
        for text, answer in zip(texts, answers, strict=True):
            if not isinstance(answer, str):
                raise RequestError(
                    f"{name} returned {type(answer).__name__}, not text, for {text!r:.80}", fatal=True
                )
        return [Answer(translation=answer) for answer in answers]

    async def close(self) -> None:
        """Nothing is held."""


def load(name: str, label: str) -> CallableTranslator:
    """Import a function.

    Args:
        name: As `package.module:callable`; modules in the working directory are found too.
        label: The translator's label.

    Raises:
        UsageError: There is no such module or function.
        SynthError: Importing the module fails.
    """
    module, function = importing.find(name)
    return CallableTranslator(
        name=name, label=label, version=str(getattr(module, "__version__", "0")), function=function
    )
