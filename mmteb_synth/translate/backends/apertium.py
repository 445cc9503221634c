"""Translates with Apertium, a rule-based translator (Forcada et al. 2011, doi:10.1007/s10590-011-9090-0).

It needs no key, no network and no GPU, and understands what it reads far less than a language model: good enough
to show that everything works, hence its grade.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mmteb_synth.errors import RequestError, TranslatorError
from mmteb_synth.hashing import files_digest
from mmteb_synth.translate.rows import replay_key
from mmteb_synth.types import Answer, Language, Segment

PAIRS = {
    "spa": ("eng-spa", "apertium-eng-spa"),
    "cat": ("eng-cat", "apertium-eng-cat"),
    "glg": ("en-gl", "apertium-en-gl"),
    "epo": ("en-eo", "apertium-eo-en"),
}
"""ISO 639-3 code to Apertium's name of the direction and Debian's of the package."""

BACK = {"spa": "spa-eng", "cat": "cat-eng", "glg": "gl-en", "epo": "eo-en"}
"""ISO 639-3 code to Apertium's name of the way back into English, which comes with the same packages."""

BATCH = 100
"""Segments for one process."""

_TIMEOUT = 300.0
# Apertium reads lines. Whatever else ends one, or means something to a pipe, stays out of its hands.
_BREAKS = re.compile(r"([\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApertiumTranslator:
    """The installed Apertium; see `translators.Translator` for what its attributes mean.

    Attributes:
        version: Apertium's own version; the keys also hold a digest of the language pair's data.
        back_from: The language to translate from, where it is not English and the target is.
    """

    version: str
    back_from: Language | None = None

    label = "apertium"
    prompt_version = None
    decoding = "-"
    gap = None
    concurrency = 2

    @property
    def name(self) -> str:
        """The name; the way back has another, so that its rows in the cache can be told apart."""
        return "apertium" if self.back_from is None else "back-translation:apertium"

    @property
    def grade(self) -> Literal["demonstration"]:
        """Its scores are footnoted."""
        return "demonstration"

    def identity(self) -> dict[str, Any]:
        """What decides the translations."""
        pairs = {mode: pair_digest(mode) for mode, _ in PAIRS.values() if _mode_file(mode).is_file()}
        return {"translator": self.name, "version": self.version, "pairs": pairs}

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key: one translation serves every kind."""
        mode = self._mode(language)
        return replay_key(
            self.name, f"{self.version}+{mode}.{pair_digest(mode)}", language.code, segment.text
        )

    def check_language(self, language: Language) -> str | None:
        """Nothing where the language pair is installed.

        Raises:
            TranslatorError: Apertium can't translate into this language, or its package is missing.
        """
        self._mode(language)
        return None

    def backend(self, concurrency: int) -> ApertiumBackend:
        """What runs the program."""
        return ApertiumBackend(self._mode)

    def _mode(self, language: Language) -> str:
        return _mode(language) if self.back_from is None else _mode(self.back_from, BACK)


class ApertiumBackend:
    """Runs Apertium once for a batch of segments.

    Args:
        mode: Apertium's name of the direction for a target language; that from English by default.
    """

    batch_size = BATCH

    def __init__(self, mode: Callable[[Language], str] | None = None) -> None:
        self._mode = mode or _mode

    async def start(self) -> None:
        """Nothing: naming the translator proved the program, and naming the language its data."""

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Translate segments, each of their lines by itself.

        Raises:
            RequestError: Apertium failed, or did not answer line by line.
        """
        cut = [_BREAKS.split(segment.text) for segment in segments]
        cores = [piece.strip() for pieces in cut for piece in pieces if _has_letter(piece)]
        translated = iter(await _translate_lines(cores, self._mode(language)) if cores else [])
        return [
            Answer(translation="".join(_put_back(piece, translated) for piece in pieces)) for pieces in cut
        ]

    async def close(self) -> None:
        """Nothing is held."""


def find() -> ApertiumTranslator:
    """The installed Apertium.

    Raises:
        TranslatorError: It is not installed.
    """
    if shutil.which("apertium") is None:
        packages = " ".join(package for _, package in PAIRS.values())
        raise TranslatorError("apertium is not installed", hint=f"sudo apt-get install apertium {packages}")
    return ApertiumTranslator(version=_version())


@functools.cache
def _version() -> str:
    said = subprocess.run(["apertium", "-V"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    if found is None:
        raise TranslatorError(f"`apertium -V` tells no version: {said.strip()[:80]!r}")
    return found[0]


@functools.cache
def pair_digest(mode: str) -> str:
    """Eight digits of all files that a direction's translations depend on: dictionaries, rules, tagger."""
    pipeline = _mode_file(mode).read_text("utf-8")
    data = [Path(name) for name in re.findall(r"'(/[^']+)'", pipeline)]
    return files_digest([(path.name, path) for path in data if path.is_file()])[:8]


def _mode_file(mode: str) -> Path:
    return Path(os.environ.get("APERTIUM_DATADIR", "/usr/share/apertium")) / "modes" / f"{mode}.mode"


def _mode(language: Language, modes: Mapping[str, str] | None = None) -> str:
    """Apertium's name of a direction.

    Args:
        language: The other language than English.
        modes: The names by ISO 639-3 code; those of the directions from English by default.

    Raises:
        TranslatorError: There is none, or its package is missing.
    """
    if language.iso639_3 not in PAIRS:
        raise TranslatorError(
            f"apertium can't translate between English and {language.name} ({language.code})"
            if modes
            else f"apertium can't translate English into {language.name} ({language.code})",
            hint=f"it can into {', '.join(PAIRS)}; mmteb-synth translators lists what else there is",
        )
    mode, package = PAIRS[language.iso639_3]
    mode = modes[language.iso639_3] if modes else mode
    if not _mode_file(mode).is_file():
        raise TranslatorError(
            f"apertium's data for {language.name} is not installed", hint=f"sudo apt-get install {package}"
        )
    return mode


def _has_letter(piece: str) -> bool:
    return any(map(str.isalpha, piece))


def _put_back(piece: str, translated: Iterator[str]) -> str:
    """A piece's translation between the piece's own white space; pieces without a letter stay as they are."""
    if not _has_letter(piece):
        return piece
    start = len(piece) - len(piece.lstrip())
    end = len(piece.rstrip())
    return f"{piece[:start]}{next(translated)}{piece[end:]}"


async def _translate_lines(lines: Sequence[str], mode: str) -> list[str]:
    """Translate lines that hold no line break, in their order."""
    # An empty line ends a paragraph; without it words wander between neighbouring lines.
    sent = "".join(f"{line}\n\n" for line in lines)
    process = await asyncio.create_subprocess_exec(
        "apertium",
        "-u",  # no marks before unknown words
        mode,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_TIMEOUT):
            out, said = await process.communicate(sent.encode())
    except TimeoutError as error:
        raise RequestError(f"apertium took more than {_TIMEOUT:.0f} s for {len(lines)} lines") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    words = said.decode(errors="replace").strip()
    if process.returncode:
        raise RequestError(f"apertium ended with {process.returncode}: {words or 'no reason given'}")
    received = out.decode().split("\n")
    if len(received) != 2 * len(lines) + 1 or any(between.strip() for between in received[1::2]):
        raise RequestError(
            f"apertium answered {len(lines)} lines with others than theirs: {words or 'misaligned'}"
        )
    return [line.strip() for line in received[0:-1:2]]
