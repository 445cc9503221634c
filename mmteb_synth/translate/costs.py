"""What translating costs: expected tokens, prices, and a ledger that lets nothing be spent beyond a limit."""

from __future__ import annotations

import dataclasses
import functools
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmteb_synth.errors import MissingExtraError, UsageError
from mmteb_synth.hashing import canonical_json
from mmteb_synth.translate import tokens
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import Prices
from mmteb_synth.translate.translators import APERTIUM, Translator
from mmteb_synth.types import Language, Segment, Usage

_MILLION = 1_000_000
_BATCH_MARGIN = 1.5
_ANSWER_FRAME = '{"translation":""}'


def dollars(usage: Usage, prices: Prices) -> float:
    """What tokens cost in US dollars, asked live, and with nothing off for what the server had in its cache."""
    return (usage.input_tokens * prices.input + usage.output_tokens * prices.output) / _MILLION


def batch_dollars(usage: Usage, prices: Prices) -> float | None:
    """What tokens cost in US dollars by the Batch API; None where there is none."""
    return None if prices.batch_discount is None else dollars(usage, prices) * (1 - prices.batch_discount)


def prices_of(translator: Translator, *, batch: bool = False) -> Prices | None:
    """A translator's prices; None where it has none or nobody knows them.

    Args:
        translator: The translator.
        batch: Those of its Batch API, where it has one.
    """
    prices = translator.preset.prices if isinstance(translator, Endpoint) else None
    if prices is None or not batch or prices.batch_discount is None:
        return prices
    share = 1 - prices.batch_discount
    return prices.model_copy(update={"input": prices.input * share, "output": prices.output * share})


def is_free(translator: Translator) -> bool:
    """Whether asking a translator surely costs nothing: nobody is asked, or a program on this machine."""
    return translator.gap is not None or translator.name == APERTIUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimator:
    """Expects the tokens of requests to one endpoint for one language.

    Attributes:
        endpoint: Who is asked.
        language: The target language.
        tokenizer: What counts English and prompts; loaded when it first does.
        expansion: How many tokens the translation takes for each token of its English.
        own_tokenizer: Whether the tokenizer is the model's own.
    """

    endpoint: Endpoint
    language: Language
    tokenizer: tokens.TokenizerName
    expansion: tokens.Expansion
    own_tokenizer: bool

    def expected(self, segment: Segment) -> Usage:
        """The tokens that a request will probably take, those of the prompt among them."""
        answer = round(self._count(segment.text) * self.expansion.factor)
        return Usage(
            input_tokens=self._sent(segment), output_tokens=max(answer, 1) + self._around(_ANSWER_FRAME)
        )

    def most(self, segment: Segment) -> Usage:
        """The tokens that a request can take at most: the answer is cut off at its limit."""
        return Usage(
            input_tokens=self._sent(segment), output_tokens=self.endpoint.preset.output_tokens(segment.text)
        )

    def _sent(self, segment: Segment) -> int:
        template = self.endpoint.template(segment, self.language)
        schema = canonical_json(self.endpoint.preset.parameters("").get("response_format"))
        return tokens.load(self.tokenizer).prompt(template.messages(segment.text)) + self._around(schema)

    def _around(self, text: str) -> int:
        """The tokens of a text that only structured output needs: the schema is sent, and the answer is framed."""
        return self._count(text) if self.endpoint.preset.structured_output else 0

    def _count(self, text: str) -> int:
        return tokens.load(self.tokenizer).count(text)


def estimator(translator: Translator, language: Language) -> Estimator | None:
    """What expects the tokens of a translator's requests; None where it has no such thing as tokens.

    Raises:
        MissingExtraError: The package with its tokenizer is not installed.
    """
    if not isinstance(translator, Endpoint):
        return None
    name, own = tokens.tokenizer_of(translator.preset.model, translator.preset.tokenizer)
    tokens.check(name)
    return Estimator(
        endpoint=translator,
        language=language,
        tokenizer=name,
        expansion=tokens.expansion(language, name),
        own_tokenizer=own,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What requests used, beside what was planned for them.

    Attributes:
        planned: Tokens that they were expected to use.
        used: Tokens that they used, as the server counted them.
        planned_dollars: What the former would have cost; None where nobody knows the prices.
        dollars: What the latter cost.
    """

    planned: Usage = field(default_factory=Usage)
    used: Usage = field(default_factory=Usage)
    planned_dollars: float | None = 0.0
    dollars: float | None = 0.0

    def __add__(self, other: Spending) -> Spending:
        """The sum of both; unknown where one of them is."""
        return Spending(
            planned=self.planned + other.planned,
            used=self.used + other.used,
            planned_dollars=_sum(self.planned_dollars, other.planned_dollars),
            dollars=_sum(self.dollars, other.dollars),
        )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What a run spends, and may spend.

    Attributes:
        limit: In US dollars; None where there is none.
        spent: What the answers cost so far.
        reserved: What those in flight can cost at most.
    """

    limit: float | None = None
    spent: float = 0.0
    reserved: float = 0.0

    @property
    def left(self) -> float:
        """What may still be spent."""
        return float("inf") if self.limit is None else self.limit - self.spent - self.reserved


@dataclass(slots=True, kw_only=True)
class Meter:
    """Counts what one translator's requests for one language use; an `engine.Meter`.

    A request is admitted only where the ledger could pay for the longest answer that it allows. So the limit is kept
    whatever the model answers, by what the server counts. What an answer costs that was lost on its way, nobody tells.
    In batches all requests are in flight at once, and the longest answers would reserve tens of times what the real
    ones cost: there half as much again as the expected answer is reserved, and the limit is kept as well as the plan.

    Attributes:
        estimator: Expects the tokens of requests.
        prices: None where nobody knows them; then nothing is entered into the ledger.
        ledger: The account of the run.
        batch: Whether requests are sent in batches.
        planned: What the texts that were answered were expected to use.
        used: What the answers used, as the server counted it.
    """

    estimator: Estimator
    prices: Prices | None
    ledger: Ledger
    batch: bool = False
    planned: Usage = field(default_factory=Usage)
    used: Usage = field(default_factory=Usage)

    def admit(self, segment: Segment) -> bool:
        """Whether a segment may be asked for."""
        reserve = self.reserve(segment)
        if reserve > self.ledger.left:
            return False
        self.ledger.reserved += reserve
        return True

    def settle(self, segment: Segment, usage: Usage) -> None:
        """A segment has ended: with what was used for it, or with nothing where no answer came."""
        self.ledger.reserved -= self.reserve(segment)
        self.used += usage
        if usage != Usage():
            self.planned += self.estimator.expected(segment)
        if self.prices:
            self.ledger.spent += dollars(usage, self.prices)

    def spending(self) -> Spending:
        """What was used so far."""
        return Spending(
            planned=self.planned,
            used=self.used,
            planned_dollars=dollars(self.planned, self.prices) if self.prices else None,
            dollars=dollars(self.used, self.prices) if self.prices else None,
        )

    def reserve(self, segment: Segment) -> float:
        """What is put aside for a segment while its answer is not there, in US dollars; 0 without a limit."""
        if self.prices is None or self.ledger.limit is None:
            return 0.0
        if not self.batch:
            return dollars(self.estimator.most(segment), self.prices)
        expected = self.estimator.expected(segment)
        answer = math.ceil(_BATCH_MARGIN * expected.output_tokens)
        return dollars(dataclasses.replace(expected, output_tokens=answer), self.prices)


def meter(translator: Translator, language: Language, ledger: Ledger, *, batch: bool = False) -> Meter | None:
    """What counts a translator's requests; None where they have no tokens or cost nothing.

    Args:
        translator: Who is asked.
        language: The target language.
        ledger: The account of the run.
        batch: Whether requests are sent in batches.

    Raises:
        UsageError: The ledger has a limit, and nobody knows what the translator costs.
        MissingExtraError: It has one, and the package with the model's tokenizer is not installed.
    """
    prices = prices_of(translator, batch=batch)
    if ledger.limit is not None and prices is None and not is_free(translator):
        raise UsageError(
            f"--max-cost needs prices, and nobody knows those of {translator.name}",
            hint="write a preset with [prices] (date, input, output in dollars a million tokens): --translator FILE.toml",
        )
    try:
        expecting = estimator(translator, language)
    except MissingExtraError:
        if ledger.limit is not None:
            raise
        return None  # a build needs no tokenizer; only the line that compares it with its plan is missing
    return Meter(estimator=expecting, prices=prices, ledger=ledger, batch=batch) if expecting else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingPrice:
    """What a provider asks for embedding texts.

    Attributes:
        model: The model's name in MTEB.
        price: US dollars for a million tokens.
        date: When it was read, as ISO 8601.
        source: Where.
    """

    model: str
    price: float
    date: str
    source: str


def embedding_price(model: str) -> EmbeddingPrice | None:
    """The price of an embedding model; None where nobody wrote it down.

    Args:
        model: Its name in MTEB, in any case; variants in brackets, as `… (embed_dim=512)`, cost the same.
    """
    content = _embedding_prices()
    wanted = model.split(" (", 1)[0].casefold()
    for name, entry in content["models"].items():
        if wanted in (name.casefold(), name.rsplit("/", 1)[-1].casefold()):
            date = content["date"].isoformat()
            return EmbeddingPrice(model=name, price=entry["price"], date=date, source=entry["source"])
    return None


@functools.cache
def _embedding_prices() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "embedding_prices.toml").read_text("utf-8"))
