import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.errors import MissingExtraError, UsageError
from mmteb_synth.translate import costs, tokens, translators
from mmteb_synth.translate.costs import Ledger, Spending
from mmteb_synth.translate.endpoint import Endpoint
from mmteb_synth.translate.preset import Prices
from mmteb_synth.types import Language, Segment, Usage

TURKISH = Language(code="tur-Latn", name="Turkish")
PRICES = Prices(date=date(2026, 11, 23), input=0.4, output=1.6, batch_discount=0.5)
USAGE = Usage(input_tokens=1_000_000, output_tokens=500_000)


def _endpoint(name: str = "gpt-4.1-mini") -> Endpoint:
    found = translators.resolve(name)
    assert isinstance(found, Endpoint)
    return found


def _meter(ledger: Ledger, name: str = "gpt-4.1-mini") -> costs.Meter:
    made = costs.meter(_endpoint(name), TURKISH, ledger)
    assert made is not None
    return made


def test_dollars() -> None:
    assert costs.dollars(USAGE, PRICES) == pytest.approx(0.4 + 0.8)
    assert costs.batch_dollars(USAGE, PRICES) == pytest.approx(0.6)
    without = PRICES.model_copy(update={"batch_discount": None})
    assert costs.batch_dollars(USAGE, without) is None


def test_expected_tokens_hold_prompt_text_and_expansion() -> None:
    estimator = costs.estimator(_endpoint("gpt-3.5-turbo"), TURKISH)
    assert estimator is not None
    count = tokens.load("cl100k_base").count
    short = estimator.expected(Segment(text="A man plays."))
    text = "A man plays a very large flute in the park. " * 20
    long = estimator.expected(Segment(text=text))
    assert short.input_tokens > 100  # the instructions
    assert long.input_tokens - short.input_tokens == pytest.approx(count(text) - count("A man plays."), abs=2)
    assert long.output_tokens == round(1.67 * count(text))


def test_structured_output_costs_its_frame() -> None:
    endpoint = _endpoint()
    assert endpoint.preset.structured_output
    plain = endpoint.preset.model_copy(update={"structured_output": False})
    segment = Segment(text="A man plays a flute.")
    framed, bare = (
        costs.estimator(Endpoint(preset=preset, base_url=endpoint.base_url, label="x"), TURKISH)
        for preset in (endpoint.preset, plain)
    )
    assert framed is not None
    assert bare is not None
    assert framed.expected(segment).output_tokens > bare.expected(segment).output_tokens
    assert framed.expected(segment).input_tokens > bare.expected(segment).input_tokens


@pytest.mark.parametrize("name", ["gpt-4.1-mini", "mixtral-8x7b"])
def test_the_most_is_never_less_than_expected(name: str) -> None:
    estimator = costs.estimator(_endpoint(name), TURKISH)
    assert estimator is not None
    for text in ("x", "A man plays a flute.", "word " * 500, "語" * 300):
        segment = Segment(text=text)
        assert estimator.most(segment).output_tokens >= estimator.expected(segment).output_tokens
        assert estimator.most(segment).input_tokens == estimator.expected(segment).input_tokens


def test_what_has_no_tokens_is_not_estimated() -> None:
    assert costs.estimator(translators.resolve("authored"), TURKISH) is None
    assert costs.meter(translators.resolve("authored"), TURKISH, Ledger(limit=1.0)) is None
    assert costs.is_free(translators.resolve("import:deepl"))
    assert not costs.is_free(_endpoint())


@given(
    limit=st.floats(0, 0.02),
    answers=st.lists(st.tuples(st.integers(1, 60), st.floats(0, 1), st.booleans()), max_size=60),
)
def test_whatever_is_answered_the_limit_is_kept(limit: float, answers: list[tuple[int, float, bool]]) -> None:
    ledger = Ledger(limit=limit)
    meters = [_meter(ledger), _meter(ledger, "gpt-3.5-turbo")]
    in_flight: list[tuple[costs.Meter, Segment, Usage]] = []
    for number, (words, share, now) in enumerate(answers):
        meter, segment = meters[number % 2], Segment(text=f"{number} " + "word " * words)
        most = meter.estimator.most(segment)
        used = Usage(input_tokens=most.input_tokens, output_tokens=round(share * most.output_tokens))
        if meter.admit(segment):
            in_flight.append((meter, segment, used))
        if now and in_flight:
            done, of, usage = in_flight.pop()
            done.settle(of, usage)
        assert ledger.spent + ledger.reserved <= limit + 1e-12
    for done, of, usage in in_flight:
        done.settle(of, usage)
    assert ledger.spent <= limit + 1e-12
    assert ledger.reserved == pytest.approx(0, abs=1e-12)


def test_batches_cost_half_and_reserve_what_is_likely() -> None:
    ledger = Ledger(limit=1.0)
    live = _meter(ledger)
    batched = costs.meter(_endpoint(), TURKISH, ledger, batch=True)
    assert batched is not None
    assert batched.prices is not None
    assert live.prices is not None
    assert batched.prices.output == pytest.approx(live.prices.output / 2)
    segment = Segment(text="A man plays a very large flute in the park.")
    likely = costs.dollars(batched.estimator.expected(segment), batched.prices)
    assert likely < batched.reserve(segment) < 1.5 * likely + 1e-5 < live.reserve(segment)


def test_a_limit_of_nothing_admits_nothing() -> None:
    assert not _meter(Ledger(limit=0.0)).admit(Segment(text="Hello"))
    assert _meter(Ledger()).admit(Segment(text="Hello"))


def test_a_meter_compares_use_and_plan() -> None:
    ledger = Ledger(limit=1.0)
    meter = _meter(ledger)
    one, two = Segment(text="A man plays."), Segment(text="A woman sings.")
    assert meter.admit(one)
    assert meter.admit(two)
    assert ledger.reserved > 0
    meter.settle(one, Usage(input_tokens=100, output_tokens=10))
    meter.settle(two, Usage())  # it failed: nothing was used, and nothing is compared
    spending = meter.spending()
    assert spending.planned == meter.estimator.expected(one)
    assert spending.used == Usage(input_tokens=100, output_tokens=10)
    assert spending.dollars == pytest.approx((100 * 0.4 + 10 * 1.6) / 1e6) == ledger.spent
    assert ledger.reserved == pytest.approx(0)


def test_spendings_add_up_and_one_unknown_price_makes_the_sum_unknown() -> None:
    known = Spending(planned=USAGE, used=USAGE, planned_dollars=1.0, dollars=2.0)
    assert known + known == Spending(
        planned=USAGE + USAGE, used=USAGE + USAGE, planned_dollars=2.0, dollars=4.0
    )
    assert (known + Spending(used=USAGE, dollars=None)).dollars is None


def test_a_limit_needs_prices() -> None:
    unpriced = translators.resolve("openai:some-model")
    assert costs.meter(unpriced, TURKISH, Ledger()) is not None
    with pytest.raises(UsageError, match=r"nobody knows those of openai:some-model") as caught:
        costs.meter(unpriced, TURKISH, Ledger(limit=5.0))
    assert "[prices]" in str(caught.value.hint)


def test_a_callable_may_cost_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_costs.py").write_text("def translate(texts, language):\n    return texts\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="--max-cost"):
        costs.meter(translators.resolve("mine_costs:translate"), TURKISH, Ledger(limit=5.0))


def test_without_the_tokenizer_a_build_is_not_held_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mistral_common", None)
    mixtral = _endpoint("mixtral-8x7b")
    assert costs.meter(mixtral, TURKISH, Ledger()) is None
    priced = Endpoint(
        preset=mixtral.preset.model_copy(update={"prices": PRICES}), base_url=mixtral.base_url, label="x"
    )
    with pytest.raises(MissingExtraError):
        costs.meter(priced, TURKISH, Ledger(limit=5.0))


@pytest.mark.parametrize(
    "name", ["openai/text-embedding-3-small", "text-embedding-3-small", "OpenAI/Text-Embedding-3-Small"]
)
def test_embedding_prices(name: str) -> None:
    found = costs.embedding_price(name)
    assert found is not None
    assert (found.model, found.price) == ("openai/text-embedding-3-small", 0.02)
    assert found.source.startswith("https://")
    assert date.fromisoformat(found.date) >= date(2026, 11, 23)


def test_embedding_prices_of_variants_and_strangers() -> None:
    variant = costs.embedding_price("openai/text-embedding-3-large (embed_dim=512)")
    assert variant is not None
    assert variant.price == 0.13
    assert costs.embedding_price("intfloat/multilingual-e5-small") is None
