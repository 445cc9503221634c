"""An encoder that counts what it is asked for, and the loaders and models that tests of embeddings need."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import mteb
import numpy as np
from datasets import Dataset
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ScoringFunction
from torch.utils.data import DataLoader

from mmteb_synth.evaluation.models import LoadedModel

DIMENSIONS = 8


def vector(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A vector that only the text decides."""
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
    return np.random.default_rng(seed).random(DIMENSIONS, dtype=np.float32)


class Counting(AbsEncoder):
    """Embeds texts and remembers which it was asked for, call by call."""

    def __init__(
        self, *framework: str, name: str = "test/counting", make: Callable[[str], Any] = vector
    ) -> None:
        self.mteb_model_meta = ModelMeta.create_empty(
            overwrites={
                "name": name,
                "revision": "1",
                "framework": list(framework),
                "similarity_fn_name": ScoringFunction.COSINE,
            }
        )
        self.calls: list[list[str]] = []
        self.make = make
        self.shape: Callable[[Any], Any] = lambda found: found

    @property
    def texts(self) -> list[str]:
        """All texts, in the order in which they were asked for."""
        return [text for call in self.calls for text in call]

    def encode(self, inputs: Any, **_asked: Any) -> Any:
        texts = [text for batch in inputs for text in batch["text"]]
        self.calls.append(texts)
        return self.shape(np.stack([self.make(text) for text in texts]))


def loaded(encoder: Any) -> LoadedModel:
    """The encoder as `models.load` would give it."""
    meta = encoder.mteb_model_meta
    return LoadedModel(
        encoder=encoder,
        name=meta.name,
        revision=meta.revision,
        vectors_revision=meta.revision,
        prompts={},
        prompts_known=True,
    )


def loader(texts: Sequence[str], batch_size: int = 4, **columns: Sequence[Any]) -> DataLoader[Any]:
    """What MTEB hands to an encoder."""
    return DataLoader(Dataset.from_dict({"text": list(texts), **columns}), batch_size=batch_size)


def asked(task: str = "STS12", prompt_type: Any = None) -> dict[str, Any]:
    """What MTEB tells an encoder beside the texts."""
    metadata = mteb.get_task(task).metadata
    return {"task_metadata": metadata, "hf_split": "test", "hf_subset": "default", "prompt_type": prompt_type}


class PaidServer:
    """Counts the texts that are paid for, on a loopback port, and can be waited for."""

    def __init__(self) -> None:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        paid = self.paid = []
        reached = self.reached = threading.Event()
        limits = self.limits = SimpleNamespace(hang_after=None)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                import json

                texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if limits.hang_after is not None and len(paid) >= limits.hang_after:
                    reached.set()
                    threading.Event().wait(30)
                    return
                paid.append(texts)
                body = json.dumps([vector(text).tolist() for text in texts]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Paid(Counting):
    """An encoder that asks a `PaidServer`."""

    def __init__(self, url: str) -> None:
        super().__init__("API", name="test/paid")
        self._url = url

    def encode(self, inputs: Any, **_asked: Any) -> Any:
        import json
        from urllib.request import Request, urlopen

        made = []
        for batch in inputs:
            request = Request(self._url, data=json.dumps(batch["text"]).encode(), method="POST")
            with urlopen(request) as response:
                made += json.load(response)
        return np.asarray(made, dtype=np.float32)


def paid_from_environment() -> Paid:
    """For `--model counting_encoder:paid_from_environment`."""
    import os

    return Paid(os.environ["PAID_URL"])
