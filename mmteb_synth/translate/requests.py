"""The body of a request: one function for live requests and batches, so that both share the cache's entries."""

from __future__ import annotations

from typing import Any

from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.types import Language, Segment


def request_body(endpoint: Endpoint, segment: Segment, language: Language) -> dict[str, Any]:
    """What is posted to `/chat/completions` for one segment; all of it is in the segment's cache key.

    Args:
        endpoint: The model and how it wants to be asked.
        segment: What to translate.
        language: The target language.

    Returns:
        The JSON object: `model`, `messages` and the decoding.
    """
    return {
        "model": endpoint.preset.model,
        "messages": endpoint.template(segment, language).messages(segment.text),
        **endpoint.preset.parameters(segment.text),
    }
