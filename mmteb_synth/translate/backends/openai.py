"""Asks an endpoint that speaks OpenAI's chat-completions dialect, through the openai SDK.

The SDK runs on aiohttp, which costs the client about 60 % of what its default transport does, and retries nothing:
`limits.RetryPolicy` is the one layer that asks again.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import openai

from mmteb_synth.errors import RequestError, TranslatorError, near_names
from mmteb_synth.translate.preset import Endpoint
from mmteb_synth.types import Answer, Language, Segment, Usage

_NO_KEY = "EMPTY"
"""What is sent where there is no key; vLLM's documentation uses the same word."""

_TIMEOUT = openai.Timeout(120.0, connect=15.0)
_LARGEST_BODY = 4 << 20
_FORM = {"model", "temperature", "max_tokens", "max_completion_tokens", "messages[0].role"}
"""Parameters that don't depend on the text: an endpoint that refuses one refuses every request."""


class OpenAIBackend:
    """A client of one endpoint.

    Args:
        endpoint: The model, where it is, and how it wants to be asked.
        concurrency: Requests in flight at most; as many connections are kept.
    """

    batch_size = 1

    def __init__(self, *, endpoint: Endpoint, concurrency: int) -> None:
        self._endpoint = endpoint
        self._preset = endpoint.preset
        self._concurrency = concurrency
        self._key = endpoint.api_key() or _NO_KEY
        self._client: openai.AsyncOpenAI | None = None

    async def start(self) -> None:
        """Check retirement, key, endpoint and model, in this order; only the last two take a request.

        Raises:
            TranslatorError: The endpoint can't be used.
            RequestError: It can't be used now.
        """
        obstacle = self._endpoint.obstacle()
        if obstacle is not None:
            raise obstacle
        try:
            with self._explained():
                reply = await self._open().models.with_raw_response.list()
        except RequestError as error:
            if error.retryable and not error.fatal:
                raise
            raise TranslatorError(error.message, hint=error.hint) from None
        except _NoCatalogue:
            return
        self._check_served(_parsed(reply.http_response.content))

    async def translate(self, segments: Sequence[Segment], language: Language) -> Sequence[Answer]:
        """Ask for the translation of one segment.

        Raises:
            RequestError: There was no answer.
        """
        (segment,) = segments
        decoding: dict[str, Any] = {
            self._preset.max_tokens_parameter: self._preset.output_tokens(segment.text)
        }
        if self._preset.temperature != "default":
            decoding["temperature"] = self._preset.temperature
        messages: Any = self._endpoint.template(segment, language).messages(segment.text)
        with self._explained():
            reply = await self._open().chat.completions.with_raw_response.create(
                model=self._preset.model, messages=messages, extra_body=decoding
            )
        return [parse_answer(segment.text, reply.http_response.content)]

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _open(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                api_key=self._key,
                base_url=self._endpoint.base_url,
                max_retries=0,
                timeout=_TIMEOUT,
                # A redirect could carry the key to another host, and none belongs to the dialect.
                http_client=openai.DefaultAioHttpClient(
                    base_url=self._endpoint.base_url, timeout=_TIMEOUT, follow_redirects=False
                ),
            )
        return self._client

    def _check_served(self, catalogue: Any) -> None:
        """Compare the model with the endpoint's catalogue, where that is one."""
        entries = catalogue.get("data") if isinstance(catalogue, dict) else None
        served = [
            entry["id"]
            for entry in entries or ()
            if isinstance(entry, dict) and isinstance(entry.get("id"), str)
        ]
        model = self._preset.model
        if not served or model in served:
            return
        near = near_names(model, served) or sorted(served)[:5]
        url = self._endpoint.base_url
        raise TranslatorError(
            f"{url} does not serve the model {model!r}; it serves {', '.join(near)}"
            + (" and others" if len(served) > len(near) else ""),
            hint=f"mmteb-synth build … --translator 'openai:{near[0]}' --base-url {url}",
        )

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the SDK's errors into ours, without the key and without the SDK's traceback, which may hold it."""
        try:
            yield
        except openai.APIStatusError as error:
            failure: Exception = self._refused(error)
        except openai.APIConnectionError as error:
            failure = self._unconnected(error)
        except openai.OpenAIError as error:
            failure = RequestError(self._scrubbed(str(error)))
        else:
            return
        raise failure from None

    def _refused(self, error: openai.APIStatusError) -> Exception:
        status = error.status_code
        if status in (404, 405, 501) and error.request.url.path.endswith("/models"):
            return _NoCatalogue()
        message = f"{self._endpoint.base_url} answered {status}: {self._scrubbed(_words(error))}"
        hint = self._cure(error)
        if hint is not None:
            return RequestError(message, fatal=True, hint=hint)
        return RequestError(
            message,
            retryable=status in (408, 409, 429) or status >= 500,
            retry_after=_retry_after(error.response.headers),
        )

    def _cure(self, error: openai.APIStatusError) -> str | None:
        """What to do about a refusal that every further request would meet too; None for other refusals."""
        status, variable = error.status_code, self._preset.api_key_env
        if status < 400:
            return "it redirects elsewhere: give --base-url the final address"
        if status in (401, 403):
            return f"check the key in {variable}" if variable else "set api_key_env in the preset's file"
        if status == 404:
            return "check --base-url (it usually ends in /v1) and the model's name"
        if "insufficient_quota" in (error.code, error.type):
            return "top up the account, then run the same command again: what was answered is kept"
        if status == 400 and error.param in _FORM:
            return f"write a preset with settings that {self._preset.model} accepts: --translator FILE.toml"
        return None

    def _unconnected(self, error: openai.APIConnectionError) -> RequestError:
        url, cause = self._endpoint.base_url, _root(error)
        if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            words = self._scrubbed(str(cause)) or type(cause).__name__
            # Worth asking again, since a server may be restarting; once it stays away, nothing else can succeed.
            return RequestError(
                f"{url} can't be reached: {words}",
                retryable=True,
                fatal=True,
                hint="start the server, or name where it is with --base-url",
            )
        if isinstance(cause, TimeoutError):
            return RequestError(f"{url} did not answer in {_TIMEOUT.read:.0f} s", retryable=True)
        words = self._scrubbed(str(cause)) or type(cause).__name__
        return RequestError(f"{url} broke the connection: {words}", retryable=True)

    def _scrubbed(self, text: str) -> str:
        return text if self._key == _NO_KEY else text.replace(self._key, "***")


class _NoCatalogue(Exception):  # noqa: N818  not an error: many endpoints list no models
    """The endpoint does not list its models."""


def parse_answer(source: str, body: bytes) -> Answer:
    """Read a chat completion.

    Args:
        source: The text that was sent.
        body: The answer's body, as it came.

    Returns:
        The answer; without a translation where the model refused, was cut off, was filtered, or said nothing.

    Raises:
        RequestError: It is not a chat completion; retryable, since it was cut or garbled on its way.
    """
    if len(body) > _LARGEST_BODY:
        raise RequestError(f"the answer has {len(body):,} bytes, more than any translation")
    completion = _parsed(body)
    try:
        choice = completion["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        finish = choice.get("finish_reason") or "stop"
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise RequestError("the answer is not a chat completion", retryable=True) from error
    if not isinstance(content, str | None) or not isinstance(finish, str):
        raise RequestError("the answer is not a chat completion", retryable=True)
    usage = _usage(completion.get("usage"))
    model = completion["model"] if isinstance(completion.get("model"), str) else None
    if isinstance(refusal, str) and refusal:
        return Answer(translation=None, finish_reason="refusal", model=model, usage=usage, raw=refusal)
    if finish in ("length", "content_filter"):
        return Answer(translation=None, finish_reason=finish, model=model, usage=usage, raw=content)
    if not content:
        return Answer(translation=None, finish_reason="empty", model=model, usage=usage)
    translation = trimmed(source, content)
    raw = None if translation == content else content
    return Answer(translation=translation, finish_reason=finish, model=model, usage=usage, raw=raw)


def trimmed(source: str, answer: str) -> str:
    """The answer without white space at an end where the source has none: models add it, texts seldom have it."""
    if source[:1].strip():
        answer = answer.lstrip()
    if source[-1:].strip():
        answer = answer.rstrip()
    return answer


def _parsed(body: bytes) -> Any:
    """The JSON value, or None where it is not JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _usage(value: Any) -> Usage:
    counts = value if isinstance(value, dict) else {}
    sent, received = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(
        input_tokens=sent if isinstance(sent, int) else 0,
        output_tokens=received if isinstance(received, int) else 0,
    )


def _words(error: openai.APIStatusError) -> str:
    """The server's own words."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    text = " ".join(error.response.text.split())
    return text[:300] or "nothing more"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asked to wait (RFC 9110, section 10.2.3): a number, or a date."""
    value = headers.get("retry-after")
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        return max(float(value), 0.0)
    with contextlib.suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    return None


def _root(error: BaseException) -> BaseException:
    """What aiohttp or the system raised first; the layers above it name timeouts and resets alike."""
    while error.__cause__ is not None and not isinstance(error, aiohttp.ClientError | OSError):
        error = error.__cause__
    return error
