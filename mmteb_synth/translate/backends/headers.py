"""What a server's headers say of its limits.

OpenAI's are described at platform.openai.com/docs/guides/rate-limits; other providers copied them.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_KINDS = ("requests", "tokens")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asked to wait before asking again; None where it did not.

    `retry-after-ms` counts first, then `Retry-After` (RFC 9110, section 10.2.3: a number, or a date), then the reset
    of a limit of which nothing remains.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is None and value is not None:
        with contextlib.suppress(ValueError, TypeError):
            seconds = max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    if seconds is not None:
        return seconds
    return until_reset(headers) or None


def until_reset(headers: Mapping[str, str]) -> float:
    """Seconds until a limit of which nothing remains is reset; 0 where something remains, or nothing is said."""
    waits = [0.0]
    for kind in _KINDS:
        remaining = _number(headers.get(f"x-ratelimit-remaining-{kind}"))
        if remaining is not None and remaining < 1:
            waits.append(_seconds(headers.get(f"x-ratelimit-reset-{kind}")))
    return max(waits)


def _seconds(duration: str | None) -> float:
    """A duration as `6m0s`, `20ms` or `1.5`, in seconds."""
    number = _number(duration)
    if number is not None:
        return number
    if duration is None or not _DURATION.fullmatch(duration):
        return 0.0
    return sum(float(amount) * _UNITS[unit] for amount, unit in _STEP.findall(duration))


def _number(value: str | None) -> float | None:
    """A number that is finite and not below zero; None for anything else, below zero is zero."""
    with contextlib.suppress(ValueError, TypeError):
        number = float(value)  # type: ignore[arg-type]
        return max(number, 0.0) if math.isfinite(number) else None
    return None
