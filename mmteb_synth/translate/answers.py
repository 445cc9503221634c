"""An answer becomes a row of the cache: checked, and with its evidence; live requests and batches share it."""

from __future__ import annotations

from mmteb_synth.checks import answer as checks
from mmteb_synth.translate.rows import Row
from mmteb_synth.types import Answer, Segment


def as_row(
    key: bytes,
    segment: Segment,
    answer: Answer,
    *,
    translator: str,
    language: str,
    prompt_version: int | None,
) -> Row:
    """The row to store for an answer, without a translation where the checks refuse it.

    Args:
        key: The cache key.
        segment: What was asked for.
        answer: What came back.
        translator: The translator's name.
        language: The target language, as `tur-Latn`.
        prompt_version: The version of the prompt; None where one translation serves every kind.
    """
    verdict = checks.check(segment.text, answer)
    return Row(
        key=key,
        translator=translator,
        language=language,
        kind=segment.kind if prompt_version is not None else None,
        source=segment.text,
        translation=None if verdict else answer.translation,
        prompt_version=prompt_version,
        model=answer.model,
        finish_reason=verdict.check if verdict else answer.finish_reason,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        raw=_evidence(segment.text, answer, served=verdict is None),
    )


def _evidence(source: str, answer: Answer, *, served: bool) -> str | None:
    """The answer as it came, where the row holds no such translation; capped, and in characters that can be stored."""
    raw = answer.raw if served or answer.translation is None else answer.raw or answer.translation
    if raw is None:
        return None
    return raw[: checks.longest(source)].encode(errors="backslashreplace").decode()
