"""The prompts: versioned data files in `prompts/`, filled in here.

Their words are part of every cache key, so a file is never changed once it was used: version N is `prompts/N.toml`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict, get_args

from mmteb_synth.types import Kind, Language

PROMPT_VERSION = 1
"""The version that is sent today."""

_FOLDER = Path(__file__).parent / "prompts"
_TAG = "source"
_TAGS = re.compile(rf"<\s*/?\s*({_TAG}\d*)\s*/?\s*>")


class Message(TypedDict):
    """One message of a chat."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The messages for texts of one kind and register into one language; only the text is missing.

    Attributes:
        instructions: What to do, with `{tag}` left open.
        user: The delimited text, with `{tag}` and `{text}` left open.
        again: Why an earlier translation was rejected, in a sentence of its own; empty where there was none.
        system_role: Whether the instructions go into a message of their own; some chat templates, as
            Mixtral's, have no such role, and then they stand before the text.
    """

    instructions: str
    user: str
    system_role: bool
    again: str = ""

    def messages(self, text: str) -> list[Message]:
        """The messages that ask for one text's translation."""
        tag = _tag(text)
        instructions = self.instructions.replace("{tag}", tag)
        if self.again:
            instructions = f"{instructions}\n\n{self.again}"
        before, after = self.user.replace("{tag}", tag).split("{text}")
        body = f"{before}{text}{after}"
        if self.system_role:
            return [Message(role="system", content=instructions), Message(role="user", content=body)]
        return [Message(role="user", content=f"{instructions}\n\n{body}")]


def template(
    kind: Kind,
    register: str,
    language: Language,
    *,
    note: str = "",
    system_role: bool = True,
    version: int = PROMPT_VERSION,
) -> Template:
    """The template for texts of a kind and register.

    Args:
        kind: What the texts are in their data set.
        register: The tone of the texts; nothing is said of `neutral`.
        language: The target language; its English name is what the prompt says.
        note: Why an earlier translation of the text was rejected; empty where there was none.
        system_role: Whether the model's chat template knows a system message.
        version: The prompt's version.
    """
    prompt = _read(version)
    tone = "" if register == "neutral" else prompt.register.replace("{register}", register)
    instructions = prompt.instructions.replace("{kind}", prompt.kinds[kind]).replace("{register}", tone)
    return Template(
        instructions=instructions.replace("{language}", language.name),
        user=prompt.user,
        system_role=system_role,
        again=prompt.again.replace("{note}", note) if note else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prompt:
    instructions: str
    user: str
    again: str
    register: str
    kinds: dict[str, str]


@cache
def _read(version: int) -> _Prompt:
    values = tomllib.loads((_FOLDER / f"{version}.toml").read_text("utf-8"))
    if set(values["kinds"]) != set(get_args(Kind)):
        raise ValueError(f"prompts/{version}.toml must have exactly one sentence for each kind")
    return _Prompt(
        instructions=values["instructions"].strip(),
        user=values["user"].strip(),
        again=values["again"].strip(),
        register=values["register"],
        kinds=values["kinds"],
    )


def _tag(text: str) -> str:
    """A delimiter that the text does not contain, however it is written, so that no text ends its own quotation."""
    taken = set(_TAGS.findall(text.lower()))
    tag, number = _TAG, 1
    while tag in taken:
        number += 1
        tag = f"{_TAG}{number}"
    return tag
