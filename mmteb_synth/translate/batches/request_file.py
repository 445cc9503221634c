"""The file of a batch: one request a line, within the limits of OpenAI's Batch API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import BinaryIO

from mmteb_synth.translate.backends.batch import FILE_BYTES, REQUESTS, URL
from mmteb_synth.translate.batches.jobs import Request
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.requests import request_body

_BYTES_PER_TOKEN = 3
"""English has more than four in all tokenizers, and the limit of queued tokens must not be met by surprise."""


class RequestFile:
    """The requests of a file that is being filled.

    Args:
        endpoint: The one model that all of them ask.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.requests: list[Request] = []
        self._endpoint = endpoint
        self._size = 0

    @property
    def tokens(self) -> int:
        """About how many tokens the requests send, estimated from above."""
        return -(-self._size // _BYTES_PER_TOKEN)

    def add(self, request: Request, queue_tokens: int | None = None) -> bool:
        """Put a request into the file, unless that is full.

        Args:
            request: The request.
            queue_tokens: The most tokens that a file may send; a single request may always be sent.

        Returns:
            Whether it had room.
        """
        size = self._size + len(_line(self._endpoint, request))
        if self.requests and (
            len(self.requests) >= REQUESTS
            or size > FILE_BYTES
            or (queue_tokens is not None and size > queue_tokens * _BYTES_PER_TOKEN)
        ):
            return False
        self.requests.append(request)
        self._size = size
        return True


def write(endpoint: Endpoint, requests: Iterable[Request], stream: BinaryIO) -> None:
    """Write the lines of a file.

    Args:
        endpoint: The model that is asked.
        requests: The requests, in the order of their lines.
        stream: Where they go.
    """
    stream.writelines(_line(endpoint, request) for request in requests)


def _line(endpoint: Endpoint, request: Request) -> bytes:
    body = request_body(endpoint, request.segment, request.language)
    line = {"custom_id": request.key.hex(), "method": "POST", "url": URL, "body": body}
    return json.dumps(line).encode() + b"\n"
