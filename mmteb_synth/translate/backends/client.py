"""Opens an endpoint for the openai SDK, and turns the SDK's errors into ours; live requests and batches share it.

The SDK's own retries are off, and no redirect is followed: one could carry the key to another host.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import logging
import socket
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import openai

from mmteb_synth.errors import Cause, RequestError, TranslatorError, near_names
from mmteb_synth.translate.backends import headers
from mmteb_synth.translate.backends.capped import EndlessError, capped
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.parsing import LARGEST_BODY, parsed

_log = logging.getLogger(__name__)

_NO_KEY = "EMPTY"
"""What is sent where there is no key; vLLM's documentation uses the same word."""

_SHORTEST_KEY = 16
"""Characters: what people set for servers of their own that want any key, as "token", may stand in a translation."""

_TIMEOUT = openai.Timeout(300.0, connect=15.0)
"""Seconds for each read: a busy server may be silent for minutes before a long answer, which comes as a whole."""

LONGEST_SECONDS = 600.0
"""Seconds for a whole answer."""

_LONGEST_WORDS = 500
"""Characters of what a server says that go into messages and manifests."""

_FORM = frozenset(
    {"model", "messages[0].role", "max_tokens", "max_completion_tokens"}
    | {"temperature", "reasoning_effort", "response_format", "chat_template_kwargs"}
)
"""Parameters that don't depend on the text: an endpoint that refuses one refuses every request."""

_SPENT = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
"""Codes and types of errors which say that the account is exhausted."""

_AWAY = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    ConnectionRefusedError,
    socket.gaierror,
)
"""What is raised where nobody listens."""


def _is_here(url: str) -> bool:
    """Whether an address is this machine's own, which no proxy of the environment can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Connection:
    """One endpoint and its key, which is in no representation and no error.

    Args:
        endpoint: The model, and where it is.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._key = endpoint.api_key() or _NO_KEY

    def open(self) -> openai.AsyncOpenAI:
        """A client for many requests at once; on aiohttp, which costs 60 % of what the default transport does."""
        url = self._endpoint.base_url
        return openai.AsyncOpenAI(
            api_key=self._key,
            base_url=url,
            max_retries=0,
            timeout=_TIMEOUT,
            default_headers={"Accept-Encoding": "identity"},  # what is compressed may grow without bound
            http_client=openai.DefaultAioHttpClient(
                base_url=url,
                timeout=_TIMEOUT,
                follow_redirects=False,
                trust_env=not _is_here(url),
                event_hooks={"response": [capped(LARGEST_BODY)]},
            ),
        )

    def open_blocking(self) -> openai.OpenAI:
        """A client for one request after another."""
        url = self._endpoint.base_url
        return openai.OpenAI(
            api_key=self._key,
            base_url=url,
            max_retries=0,
            timeout=_TIMEOUT,
            http_client=openai.DefaultHttpxClient(
                base_url=url, timeout=_TIMEOUT, follow_redirects=False, trust_env=not _is_here(url)
            ),
        )

    @contextlib.contextmanager
    def checking(self) -> Iterator[None]:
        """Wraps the one request that looks whether the endpoint serves the model, `GET /models`.

        Raises:
            TranslatorError: Retirement, key or endpoint stand in the way; the first two take no request.
            RequestError: It can't be asked now, but perhaps later.
        """
        obstacle = self._endpoint.obstacle()
        if obstacle is not None:
            raise obstacle
        try:
            with self.explained():
                yield
        except RequestError as error:
            if error.retryable:
                raise
            raise TranslatorError(error.message, hint=error.hint) from None
        except _NoCatalogue:
            return

    def check_served(self, body: bytes) -> None:
        """Compare the model with the endpoint's catalogue, where that is one, and warn of a shutdown that is near.

        Args:
            body: What `GET /models` answered.

        Raises:
            TranslatorError: The endpoint serves other models, or says that this one is shut down.
        """
        catalogue = parsed(body)
        entries = catalogue.get("data") if isinstance(catalogue, dict) else None
        served = {
            entry["id"]: entry
            for entry in entries or ()
            if isinstance(entry, dict) and isinstance(entry.get("id"), str)
        }
        model = self._endpoint.preset.model
        if not served or model in served:
            warning = self._endpoint.retirement(_shutdown(served.get(model, {})))
            if warning:
                warn_once(warning)
            return
        near = near_names(model, served) or sorted(served)[:5]
        url = self._endpoint.base_url
        raise TranslatorError(
            f"{url} does not serve the model {model!r}; it serves {', '.join(near)}"
            + (" and others" if len(served) > len(near) else ""),
            hint=f"mmteb-synth build … --translator 'openai:{near[0]}' --base-url {url}",
        )

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the SDK's errors into ours, without the key and without the SDK's traceback, which may hold it.

        Raises:
            RequestError: The request failed.
        """
        try:
            yield
        except openai.APIStatusError as error:
            failure: Exception = self._refused(error)
        except openai.APIConnectionError as error:
            failure = self._unconnected(error)
        except TimeoutError:
            words = f"{self._endpoint.base_url} did not finish its answer in {LONGEST_SECONDS:.0f} s"
            failure = RequestError(words, retryable=True, cause="overload")
        except openai.OpenAIError as error:
            failure = RequestError(self.scrubbed(str(error)))
        else:
            return
        raise failure from None

    def refusal(
        self, status: int, error: Mapping[str, Any], words: str, retry_after: float | None = None
    ) -> RequestError:
        """What a refused request means.

        Args:
            status: The HTTP status.
            error: The error object of the answer's body, with `code`, `type` and `param`.
            words: What the server said.
            retry_after: Seconds that it asked to wait.
        """
        message = f"{self._endpoint.base_url} answered {status}: {self.scrubbed(words)}"
        hint = self._cure(status, error)
        if hint is not None:
            return RequestError(message, fatal=True, hint=hint)
        return RequestError(
            message,
            retryable=status in (408, 409, 429) or status >= 500,
            retry_after=retry_after,
            cause=_cause(status, error, words),
        )

    def scrubbed(self, text: str) -> str:
        """A server's words, as many as anybody reads, without the key that some of them repeat."""
        clean = (
            text if self._key == _NO_KEY else text.replace(self._key, "***")
        )  # before a cut could leave half of it
        return clean if len(clean) <= _LONGEST_WORDS else f"{clean[:_LONGEST_WORDS]}…"

    def without_key(self, body: bytes, source: str) -> bytes:
        """An answer without the key that a server may repeat in it, since answers are stored.

        Args:
            body: The answer.
            source: What was sent; a word that is in it, or too short for a key, is no secret.
        """
        is_secret = len(self._key) >= _SHORTEST_KEY and self._key not in source
        return body.replace(self._key.encode(), b"***") if is_secret else body

    def _refused(self, error: openai.APIStatusError) -> Exception:
        status = error.status_code
        if status in (404, 405, 501) and error.request.url.path.endswith("/models"):
            return _NoCatalogue()
        said = {"code": error.code, "type": error.type, "param": error.param}
        return self.refusal(status, said, _words(error), headers.retry_after(error.response.headers))

    def _cure(self, status: int, error: Mapping[str, Any]) -> str | None:
        """What to do about a refusal that every further request would meet too; None for other refusals."""
        variable = self._endpoint.preset.api_key_env
        if status < 400:
            return "it redirects elsewhere: give --base-url the final address"
        if status in (401, 403):
            return f"check the key in {variable}" if variable else "set api_key_env in the preset's file"
        if status == 404:
            return "check --base-url (it usually ends in /v1) and the model's name"
        if status == 402 or not _SPENT.isdisjoint((error.get("code"), error.get("type"))):
            return "top up the account, then run the same command again: what was answered is kept"
        if status == 400 and error.get("param") in _FORM:
            model = self._endpoint.preset.model
            return f"write a preset with settings that {model} accepts: --translator FILE.toml"
        return None

    def _unconnected(self, error: openai.APIConnectionError) -> RequestError:
        if isinstance(error.__cause__, EndlessError):
            return RequestError(str(error.__cause__))
        url, cause = self._endpoint.base_url, _root(error)
        if isinstance(cause, _AWAY):
            words = self.scrubbed(str(cause)) or type(cause).__name__
            return RequestError(
                f"{url} can't be reached: {words}",
                retryable=True,
                cause="down",
                hint="start the server, or name where it is with --base-url",
            )
        if isinstance(cause, TimeoutError) or isinstance(error, openai.APITimeoutError):
            return RequestError(
                f"{url} did not answer in {_TIMEOUT.read:.0f} s", retryable=True, cause="overload"
            )
        words = self.scrubbed(str(cause)) or type(cause).__name__
        return RequestError(f"{url} broke the connection: {words}", retryable=True)


@functools.cache
def warn_once(message: str) -> None:
    """Warn, but not for every set of a build.

    Args:
        message: What of.
    """
    _log.warning("%s", message)


def _shutdown(entry: Mapping[str, Any]) -> date | None:
    """The date in an entry of a list of models: OpenAI says `shutdown_date`, others `deprecation`."""
    for name in ("shutdown_date", "deprecation_date", "deprecation"):
        value = entry.get(name)
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                return date.fromisoformat(value[:10])
    return None


class _NoCatalogue(Exception):  # noqa: N818  not an error: many endpoints list no models
    """The endpoint does not list its models."""


def _words(error: openai.APIStatusError) -> str:
    """The server's own words."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("message"), str):
        return str(body["message"])
    text = " ".join(error.response.text.split())
    return text or "nothing more"


def _cause(status: int, error: Mapping[str, Any], words: str) -> Cause:
    """What a refusal means for other requests."""
    if status == 429:
        return "limit"
    if status in (408, 503, 529):  # 529 is what several providers say when overloaded
        return "overload"
    if status == 409 or status >= 500:
        return "fault"
    if (
        error.get("code") == "context_length_exceeded" or "maximum context length" in words
    ):  # vLLM has no code
        return "window"
    return "text" if error.get("code") == "content_filter" else "refused"


def _root(error: BaseException) -> BaseException:
    """What aiohttp or the system raised first, of which httpx says no cause; the layers above it name timeouts and resets alike."""
    below: BaseException | None = error
    while below is not None and not isinstance(error, aiohttp.ClientError | OSError):
        error = below
        below = error.__cause__ or error.__context__
    return error
