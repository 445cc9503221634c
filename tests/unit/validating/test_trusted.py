"""Which sets a board is held to."""

import pytest

from mmteb_synth import facts, languages
from mmteb_synth.errors import SynthError, UnknownNameError, UsageError
from mmteb_synth.validating import trusted_tasks

TURKISH = languages.parse("tr")


def test_people_wrote_or_translated_the_trusted_sets():
    found = trusted_tasks(TURKISH)

    assert found["XQuADRetrieval"] == "native"
    assert found["MassiveIntentClassification"] == "human-translated"
    assert "XNLIV2" not in found  # translated by a machine
    assert set(found.values()) == {"native", "human-translated"}
    assert all("tur-Latn" in facts.tasks()[name].languages for name in found)


def test_of_versions_of_a_set_the_newest_counts_unless_another_is_named():
    assert "STS22.v2" in trusted_tasks(TURKISH)
    assert "STS22" not in trusted_tasks(TURKISH)
    assert trusted_tasks(TURKISH, ["STS22", "XQuADRetrieval"]) == {
        "STS22": "native",
        "XQuADRetrieval": "native",
    }


def test_a_translation_that_mteb_calls_found_is_not_trusted():
    assert facts.tasks()["SciFact-Fa"].sample_creation == "found"
    assert "SciFact-Fa" not in trusted_tasks(languages.parse("fa"))


def test_every_code_of_a_language_counts():
    assert trusted_tasks(languages.parse("swh-Latn")) == trusted_tasks(languages.parse("swa-Latn"))


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("XNLIV2", UsageError, "translated by a machine"),
        ("SciFact", UsageError, "holds no Turkish"),
        ("XQuADRetrival", UnknownNameError, "did you mean XQuADRetrieval"),
    ],
)
def test_a_set_that_cannot_be_trusted_is_refused(name, error, said):
    with pytest.raises(error, match=said):
        trusted_tasks(TURKISH, [name])


def test_a_language_without_any():
    with pytest.raises(SynthError, match=r"no set in .* that people wrote or translated") as caught:
        trusted_tasks(languages.parse("tlh-Latn"))
    assert "--against" in caught.value.hint
