"""What follows from the numbers, in words: never more than they bear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mmteb_synth.validating.comparing import Estimate

WIDEST = 0.5
"""The width of the interval of tau beyond which nothing is concluded: there are too few models."""

FEWEST = 6
"""Models below which nothing is concluded, however narrow the interval: where models agree wholly, it has no width. Five
models are ranked alike by chance once in 120 times, and the interval of five may err once in 1,000 at each end."""

MARGIN = 0.1
"""How much less than the ceiling still counts as ranking alike. A tau less by 0.1 means that 5 % more pairs of models are
ranked the other way."""

Conclusion = Literal["none", "alike", "less", "undecided", "measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows.

    Attributes:
        conclusion: `none`: too few models. `alike`: the board is at most a little below the ceiling. `less`: it is below it.
            `undecided`: the interval holds both. `measured`: there is no ceiling to hold it to.
        english: Whether the board tells `more` or `less` than English alone; `undecided`, or `none` where nothing is
            concluded or there are no English scores.
        text: The same in words.
    """

    conclusion: Conclusion
    english: Literal["none", "more", "less", "undecided"]
    text: str


def of_validity(
    models: int,
    sets: int,
    tau: Estimate,
    ceiling: Estimate | None,
    beyond_ceiling: Estimate | None,
    english: Estimate | None,
    beyond_english: Estimate | None,
) -> Verdict:
    """What follows for a board that was held to MTEB's own sets.

    Args:
        models: How many models were compared.
        sets: How many trusted tasks there are.
        tau: The board's, among all models.
        ceiling: That of halves of the trusted tasks; None where there is one task.
        beyond_ceiling: The first less the second.
        english: That of English alone; None where there is none.
        beyond_english: The board's less that of English, over the models that have both.
    """
    if models < FEWEST or tau.width > WIDEST:
        return Verdict(conclusion="none", english="none", text=_too_few(models, tau))
    trusted = f"{sets} native or human-translated set{'s' if sets > 1 else ''}"
    conclusion: Conclusion = "measured"
    if ceiling is None or beyond_ceiling is None:
        text = (
            f"By {models} models, the board agrees with {trusted} to a Kendall's tau of {said(tau)}. One set has no halves, "
            "so there is no ceiling to hold this to."
        )
    else:
        beside = f"Kendall's tau {said(tau)}, of halves of these sets with each other {said(ceiling)}"
        difference = f"a difference of {said(beyond_ceiling, signed=True)}"
        if beyond_ceiling.low is not None and beyond_ceiling.low >= -MARGIN:
            conclusion, what = "alike", f"The board ranks {models} models as {trusted} do"
        elif beyond_ceiling.high is not None and beyond_ceiling.high < 0:
            conclusion, what = "less", f"The board does not rank {models} models as well as {trusted} do"
        else:
            conclusion = "undecided"
            what = f"{models} models leave open whether the board ranks them as {trusted} do"
        text = f"{what}: {beside}, {difference}."
    against, sentence = _beside_english(english, beyond_english)
    return Verdict(conclusion=conclusion, english=against, text=f"{text} {sentence}")


def of_two_boards(models: int, name: str, other: str, tau: Estimate, lost: Estimate) -> Verdict:
    """What follows for a board that was held to another one.

    Args:
        models: How many models were compared.
        name: What the board is called.
        other: What the other one is called.
        tau: Between them, among all models.
        lost: Points lost by choosing with the first, by the scores of the other.
    """
    if models < FEWEST or tau.width > WIDEST:
        return Verdict(conclusion="none", english="none", text=_too_few(models, tau))
    return Verdict(
        conclusion="measured",
        english="none",
        text=f"By {models} models, the boards of {name} and {other} agree to a Kendall's tau of {said(tau)}; choosing by the "
        f"first loses {said(lost)} points on the second.",
    )


def said(estimate: Estimate, *, signed: bool = False) -> str:
    """A number with its interval, in two digits."""

    def digits(number: float | None) -> str:
        if number is None:
            return "?"
        rounded = round(number, 2) + 0.0  # never a negative zero
        return f"{rounded:+.2f}" if signed and rounded else f"{rounded:.2f}"

    return f"{digits(estimate.value)} ({digits(estimate.low)} to {digits(estimate.high)})"


def _too_few(models: int, tau: Estimate) -> str:
    if tau.value is None:
        return f"No conclusion: one of the two sides gives all {models} models the same mean, so that it ranks none of them."
    few = "" if models < FEWEST else f", and its interval is wider than {WIDEST}"
    return f"No conclusion: {models} models are too few. Kendall's tau is {said(tau)}{few}."


def _beside_english(
    english: Estimate | None, beyond: Estimate | None
) -> tuple[Literal["none", "more", "less", "undecided"], str]:
    if english is None or beyond is None:
        return "none", "English scores to hold it beside are missing."
    numbers = f"tau {said(english)}, a difference of {said(beyond, signed=True)}"
    if beyond.low is not None and beyond.low > 0:
        return "more", f"It tells more than English scores alone would: {numbers}."
    if beyond.high is not None and beyond.high < 0:
        return "less", f"English scores alone would tell more: {numbers}."
    return "undecided", f"Whether it tells more than English scores alone is open: {numbers}."
