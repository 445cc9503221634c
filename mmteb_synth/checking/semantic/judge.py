"""The judge: a language model that lists a translation's errors, and gives a score and a verdict.

Its form is that of ESA (Kocmi et al. 2024, arXiv 2406.11580) as a model is asked for it: error spans first, then the
score (compare GEMBA-ESA). Both its verdict and its words are kept. The texts are data: they stand between delimiters
that they do not hold, and an answer of any other form than was asked for is no judgement.
"""

from __future__ import annotations

import functools
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmteb_synth.checking.semantic.asking import Way, check_served, request_key, title
from mmteb_synth.checking.semantic.scored import Pair, Scored
from mmteb_synth.errors import UsageError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.translate import translators
from mmteb_synth.translate.backends import Backend
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import Preset
from mmteb_synth.translate.templates import Message, Template
from mmteb_synth.types import Answer, Kind, Language, ProgressHook, Segment, Usage

JUDGE = "judge"
JUDGE_VERSION = 1
"""The version of the prompt that is sent today."""

_FOLDER = Path(__file__).parent / "prompts"
_THOUGHT = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\s*```(?:json)?\n(.*)\n```\s*", re.DOTALL)
_FORM: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "judgement",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "span": {"type": "string"},
                            "severity": {"type": "string", "enum": ["minor", "major"]},
                            "why": {"type": "string"},
                        },
                        "required": ["span", "severity", "why"],
                        "additionalProperties": False,
                    },
                },
                "words": {"type": "string"},
                "score": {"type": "integer"},
                "verdict": {"type": "string", "enum": ["good", "flawed", "wrong"]},
            },
            "required": ["errors", "words", "score", "verdict"],
            "additionalProperties": False,
        },
    },
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Fault(_Strict):
    """An error that a judge found.

    Attributes:
        span: The words that are wrong, or missing.
        severity: `major` where the meaning is changed, lost, invented or can't be understood.
        why: Why, in the judge's words.
    """

    span: str
    severity: Literal["minor", "major"]
    why: str


class Opinion(_Strict):
    """What a judge answers; nothing else is taken for a judgement.

    Attributes:
        errors: The errors.
        words: How faithful the translation is, in the judge's words.
        score: 0 to 100, on ESA's scale.
        verdict: `wrong` where the translation does not say what the source says.
    """

    errors: tuple[Fault, ...] = Field(strict=False)
    words: str = Field(min_length=1)
    score: float = Field(ge=0, le=100)
    verdict: Literal["good", "flawed", "wrong"]

    @property
    def is_flag(self) -> bool:
        """Whether it doubts the translation's meaning."""
        return self.verdict == "wrong" or any(error.severity == "major" for error in self.errors)

    def __str__(self) -> str:
        """Verdict, words and errors in a line."""
        errors = "".join(f"; {error.severity}: “{error.span}” ({error.why})" for error in self.errors)
        return f"{self.verdict}: {self.words}{errors}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A model that judges.

    Attributes:
        endpoint: The model and where it is.
        way: How it is asked.
    """

    endpoint: Endpoint
    way: Way

    def into(self, language: Language) -> JudgeOfLanguage:
        """The judge of translations into a language."""
        return JudgeOfLanguage(judge=self, language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOfLanguage:
    """A model that judges translations into one language.

    Attributes:
        judge: The model.
        language: The language.
    """

    judge: Judge
    language: Language

    def score(self, pairs: Sequence[Pair], progress: ProgressHook | None = None) -> Scored:
        """Judge pairs from 0 to 100.

        Raises:
            TranslatorError: The judge can't be asked, or stopped answering anything.
            CacheError: The cache can't be read or written.
            Stopped: The run was asked to end.
        """
        endpoint = _judging(self.judge.endpoint)
        segments = [
            Segment(text=canonical_json([pair.source, pair.hypothesis]), kind=pair.kind) for pair in pairs
        ]
        run = self.judge.way.ask(segments, self.language, endpoint, progress)
        found = Scored(
            judge=f"{JUDGE}:{title(self.judge.endpoint)}@{JUDGE_VERSION}",
            unit="ESA, 0 to 100",
            rule="flags what it judges wrong, or finds a major error in",
            hits=run.hits,
            requests=run.requests,
            usage=run.usage,
        )
        for place, segment in enumerate(segments):
            answer = run.translations.get(segment)
            if answer is None:
                found.failures[place] = run.failures[segment]
                continue
            opinion = Opinion.model_validate_json(answer)
            found.scores[place] = opinion.score
            found.words[place] = str(opinion)
            if opinion.is_flag:
                found.flagged.add(place)
        return found


def judge(name: str, way: Way, *, base_url: str | None = None) -> Judge:
    """The judge of a name.

    Args:
        name: A preset, the path of a preset's TOML file, or `openai:MODEL`.
        way: How it is asked.
        base_url: The endpoint to ask instead of the preset's.

    Raises:
        UnknownNameError: There is no such model.
        UsageError: It is no language model behind an endpoint.
        SpecError: The preset's file is broken.
    """
    endpoint = translators.resolve(name, base_url=base_url)
    if not isinstance(endpoint, Endpoint):
        raise UsageError(
            f"{name} can't judge: it is no language model",
            hint="--judge takes a preset as gpt-4.1-mini, a preset's file, or openai:MODEL with --base-url",
        )
    check_served(endpoint)
    return Judge(endpoint=endpoint, way=way)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTemplate(Template):
    """The messages for judging a pair, which comes as a JSON list of source and hypothesis."""

    def messages(self, text: str) -> list[Message]:
        """The messages that ask for one judgement."""
        source, hypothesis = json.loads(text)
        number = _free_number(source, hypothesis)
        instructions = self.instructions.replace("{n}", number)
        before, rest = self.user.replace("{n}", number).split("{source}")
        between, after = rest.split("{hypothesis}")
        body = f"{before}{source}{between}{hypothesis}{after}"
        if self.system_role:
            return [Message(role="system", content=instructions), Message(role="user", content=body)]
        return [Message(role="user", content=f"{instructions}\n\n{body}")]


class _JudgingPreset(Preset):
    """A preset whose structured answers have the form of a judgement."""

    def parameters(self, text: str) -> dict[str, Any]:
        parameters = super().parameters(text)
        return {**parameters, "response_format": _FORM} if self.structured_output else parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingEndpoint(Endpoint):
    """An endpoint that is asked for judgements; segments hold pairs, as `PairTemplate` reads them."""

    whole = True
    """A pair can't be cut into parts."""

    max_characters = None

    @property
    def name(self) -> str:
        """The name in the cache."""
        return f"{JUDGE}:{self.preset.name}"

    @property
    def prompt_version(self) -> int:
        """The version of the judge's prompt."""
        return JUDGE_VERSION

    def identity(self) -> dict[str, Any]:
        """What decides the judgements."""
        return {"translator": self.name, "prompt": JUDGE_VERSION, "decoding": self.preset.decoding()}

    def key(self, segment: Segment, language: Language) -> bytes:
        """The cache key of the whole request."""
        messages = self.template(segment, language).messages('["",""]')
        about = {"asked_for": JUDGE, "form": _FORM if self.preset.structured_output else None}
        return request_key(self.preset, messages, language, about, segment.text)

    def template(self, segment: Segment, language: Language) -> Template:
        """The messages for a pair."""
        return _template(segment.kind, language, self.preset.system_role)

    def backend(self, concurrency: int) -> Backend:
        """The client that asks the endpoint."""
        from mmteb_synth.translate.backends.openai import OpenAIBackend

        return OpenAIBackend(endpoint=self, concurrency=concurrency, read=read_opinion)


def read_opinion(
    source: str,
    content: str,
    language: Language | None = None,
    *,
    finish_reason: str = "stop",
    model: str | None = None,
    usage: Usage | None = None,
) -> Answer:
    """Read what a judge wrote, strictly: one JSON object of the form that was asked for.

    Only what models put around any answer is taken off, their thoughts and a code fence.

    Args:
        source: The pair that was sent.
        content: The model's message.
        language: The language of the hypothesis.
        finish_reason: Why the message ended.
        model: The model that wrote it.
        usage: Tokens used.

    Returns:
        The answer, its `translation` the judgement as canonical JSON; without one where the message is anything else.
    """

    def answer(text: str | None, reason: str) -> Answer:
        raw = None if text == content else content or None
        return Answer(translation=text, finish_reason=reason, model=model, usage=usage or Usage(), raw=raw)

    if finish_reason in ("length", "content_filter"):
        return answer(None, finish_reason)
    text = _THOUGHT.sub("", content, count=1)
    fenced = _FENCE.fullmatch(text)
    if not text.strip():
        return answer(None, "empty")
    try:
        opinion = Opinion.model_validate_json(fenced[1] if fenced else text)
    except ValidationError:
        return answer(None, "malformed")
    return answer(canonical_json(opinion.model_dump(mode="json")), finish_reason)


def _judging(endpoint: Endpoint) -> JudgingEndpoint:
    return JudgingEndpoint(
        preset=_JudgingPreset.model_validate(dict(endpoint.preset)),
        base_url=endpoint.base_url,
        label=endpoint.label,
        given_url=endpoint.given_url,
    )


def _free_number(source: str, hypothesis: str) -> str:
    """A number for the delimiters with which neither text holds one, so that none can end its own quotation."""
    both, number = f"{source}\n{hypothesis}", ""
    while any(f"{start}{tag}{number}>" in both for start in ("<", "</") for tag in ("source", "translation")):
        number = str(int(number or 1) + 1)
    return number


@functools.lru_cache(maxsize=256)
def _template(kind: Kind, language: Language, system_role: bool) -> PairTemplate:
    prompt = tomllib.loads((_FOLDER / f"judge-{JUDGE_VERSION}.toml").read_text("utf-8"))
    instructions = prompt["instructions"].strip().replace("{kind}", prompt["kinds"][kind])
    return PairTemplate(
        instructions=instructions.replace("{language}", language.name),
        user=prompt["user"].strip(),
        system_role=system_role,
    )
