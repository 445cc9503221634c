"""Errors as users meet them: what, which value, what to do next, and the exit code."""

import pytest

from mmteb_synth import errors
from mmteb_synth.errors import (
    CacheError,
    MissingExtraError,
    RequestError,
    SourceError,
    SpecError,
    StoreError,
    SynthError,
    TranslatorError,
    UnknownNameError,
    UsageError,
    first_line,
    in_a_line,
    near_names,
)


def test_a_message_and_its_hint_stand_apart() -> None:
    error = SynthError("no room", hint="free some")
    assert (str(error), error.message, error.hint) == ("no room", "no room", "free some")
    assert error.__notes__ == ["hint: free some"]
    assert SynthError("no room").hint is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (SpecError("x"), 2),
        (UnknownNameError("task", "x", []), 2),
        (SourceError("x"), 1),
        (TranslatorError("x"), 1),
        (RequestError("x"), 1),
        (CacheError("x"), 1),
        (StoreError("x"), 1),
    ],
)
def test_exit_codes_are_2_for_usage_and_1_for_work_that_failed(error: SynthError, code: int) -> None:
    assert error.exit_code == code


def test_every_error_of_ours_is_a_synth_error_with_an_exit_code() -> None:
    found = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)
    ]
    assert len(found) > 10
    for kind in found:
        assert issubclass(kind, SynthError)
        assert kind.exit_code in (1, 2, 75)


def test_an_unknown_name_suggests_the_nearest() -> None:
    error = UnknownNameError("task", "scifat", ["SciFact", "SciDocs", "Banking77"], hint="list them")
    assert error.message == "unknown task 'scifat'; did you mean SciFact?"
    assert error.near == ["SciFact"]
    assert UnknownNameError("task", "zzz", ["SciFact"]).message == "unknown task 'zzz'"


def test_near_names_ignore_case_and_come_best_first() -> None:
    assert near_names("MINISTS", ["MiniRetrieval", "MiniSTS", "MiniSTSBitext"])[0] == "MiniSTS"
    assert near_names("a", []) == []
    assert len(near_names("task1", [f"task{number}" for number in range(9)])) == 3


def test_a_request_that_failed_says_whether_to_ask_again() -> None:
    error = RequestError("busy", retryable=True, retry_after=2.5)
    assert (error.retryable, error.fatal, error.retry_after) == (True, False, 2.5)
    assert not SynthError("x").retryable


def test_a_missing_package_says_how_to_install_it() -> None:
    error = MissingExtraError("serving", "pip install 'mmteb-synth[vllm]'")
    assert error.message == "serving needs a package that is not installed"
    assert error.hint == "pip install 'mmteb-synth[vllm]'"


@pytest.mark.parametrize(
    ("error", "first", "line"),
    [
        (ValueError("no such file\nTraceback"), "no such file", "ValueError: no such file"),
        (ValueError("\n  gated \n"), "gated", "ValueError: gated"),
        (TimeoutError(), "TimeoutError", "TimeoutError"),  # says nothing
        (OSError("\n"), "OSError", "OSError"),
    ],
)
def test_what_others_say_is_one_line(error: Exception, first: str, line: str) -> None:
    assert first_line(error) == first
    assert in_a_line(error) == line
