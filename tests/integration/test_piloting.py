"""Translators side by side on pairs that people translated, with a real endpoint on loopback."""

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from openai_server import Fault, OpenAIServer

from mmteb_synth import languages, paths, piloting
from mmteb_synth.cli import cli
from mmteb_synth.data import pairs as human
from mmteb_synth.errors import SourceError, UnknownNameError, UsageError

SPANISH = languages.parse("es")
PAIRS = [
    ("The cat is sleeping on the chair.", "El gato duerme en la silla."),
    ("I would like a glass of water, please.", "Quisiera un vaso de agua, por favor."),
    ("Where is the railway station?", "¿Dónde está la estación de tren?"),
    ("She works in a large hospital.", "Ella trabaja en un hospital grande."),
    ("The children are playing in the garden.", "Los niños juegan en el jardín."),
    ("We bought three books yesterday.", "Ayer compramos tres libros."),
    ("My brother lives in the city.", "Mi hermano vive en la ciudad."),
    ("It is raining and I have no umbrella.", "Está lloviendo y no tengo paraguas."),
    ("They opened the door and went out.", "Abrieron la puerta y salieron."),
    ("The house has two red windows.", "La casa tiene dos ventanas rojas."),
    ("He drinks coffee every morning.", "Él bebe café todas las mañanas."),
    ("This road goes to the sea.", "Este camino va al mar."),
]
REFERENCES = dict(PAIRS)
PRICES = "[prices]\ndate = 2026-11-23\ninput = 1.0\noutput = 2.0\n"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer=lambda text: REFERENCES[text], models=["good", "bad"]) as running:
        yield running


@pytest.fixture
def folders(tmp_path: Path) -> paths.Folders:
    return paths.folders(cache_dir=tmp_path / "cache", data_dir=tmp_path / "data")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["source", "translation"])
        writer.writerows(PAIRS)
    return path


def _load(path: Path | str, tmp_path: Path, **more: object) -> human.Pairs:
    return human.load(str(path), SPANISH, scratch=tmp_path / "scratch", **more)  # type: ignore[arg-type]


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("english", "other"),
    [
        ("source", "translation"),
        ("english", "target"),
        ("eng", "spa"),
        ("en", "es"),
        ("English", "Spanish"),
        ("eng_Latn", "spa_Latn"),
        ("sentence2", "sentence1"),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_columns_are_found_by_their_names(english: str, other: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"pairs{suffix}"
    rows = [{"id": number, other: right, english: left} for number, (left, right) in enumerate(PAIRS)]
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("\n".join(json.dumps(row) for row in rows))
    found = _load(path, tmp_path)
    assert found.columns == (english, other)
    assert {(pair.english, pair.reference) for pair in found.pairs} == set(PAIRS)


def test_unclear_columns_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"left": left, "right": right}) for left, right in PAIRS))
    with pytest.raises(UsageError, match="left, right") as caught:
        _load(path, tmp_path)
    assert "--columns" in str(caught.value.hint)
    assert len(_load(path, tmp_path, columns=("left", "right")).pairs) == len(PAIRS)
    for wrong in (("left", "middle"), ("left", "left")):
        with pytest.raises(UsageError, match="left, right"):
            _load(path, tmp_path, columns=wrong)


def test_samples_are_the_same_in_any_order(file: Path, tmp_path: Path) -> None:
    sample = _load(file, tmp_path).sample(5)
    turned = tmp_path / "turned.jsonl"
    turned.write_text(
        "\n".join(json.dumps({"source": left, "translation": right}) for left, right in reversed(PAIRS))
    )
    assert _load(turned, tmp_path).sample(5) == sample
    assert len(_load(file, tmp_path).sample(1000)) == len(PAIRS)


def test_pairs_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    rows = [("Hello", "Hola"), ("Hello", "Buenas"), ("1234", "1234"), ("Bye", " ")]
    path.write_text("\n".join(json.dumps({"en": left, "es": right}) for left, right in rows))
    found = _load(path, tmp_path)
    assert (found.rows, found.pairs) == (4, (human.Pair(english="Hello", reference="Hola"),))
    path.write_text(json.dumps({"en": "12", "es": "12"}))
    with pytest.raises(SourceError, match="no pair"):
        _load(path, tmp_path)


def test_files_with_tabs_quote_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_bytes('\ufeffen\tes\r\n"Hi," he said.\t"Hola", dijo.\r\nBye, now\tAdiós\r\n'.encode())
    assert _load(path, tmp_path).pairs == (
        human.Pair(english='"Hi," he said.', reference='"Hola", dijo.'),
        human.Pair(english="Bye, now", reference="Adiós"),
    )


def test_names_that_are_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        _load(tmp_path / "absent.csv", tmp_path)
    (tmp_path / "pairs.txt").touch()
    with pytest.raises(UsageError, match=r"ends in .*\.tsv"):
        _load(tmp_path / "pairs.txt", tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean Tatoeba"):
        _load("tatoebas", tmp_path)
    with pytest.raises(UnknownNameError):
        _load("SciFact", tmp_path)
    with pytest.raises(UsageError, match="--columns"):
        _load("tatoeba", tmp_path, columns=("a", "b"))
    klingon = languages.parse("tlh-Latn")
    with pytest.raises(UsageError, match="NTREXBitextMining has no pairs"):
        human.load("ntrex", klingon, scratch=tmp_path)


def test_a_set_that_can_not_be_reached_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="could not load Tatoeba from the Hub") as caught:
        _load("tatoeba", tmp_path)
    assert "hf download" in str(caught.value.hint)
    assert "--pairs FILE" in str(caught.value.hint)


def test_tatoeba_from_a_mirror(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "mteb" / "tatoeba-bitext-mining"
    folder.mkdir(parents=True)
    rows = [{"sentence1": right, "sentence2": left, "lang": "spa-eng"} for left, right in PAIRS]
    (folder / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = _load("tatoeba", tmp_path, source_dir=tmp_path / "hub")
    assert found.columns == ("sentence2", "sentence1")
    assert {(pair.english, pair.reference) for pair in found.pairs} == set(PAIRS)


def test_flores_from_a_mirror(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "mteb" / "FloresBitextMining"
    folder.mkdir(parents=True)
    table = pa.table({"eng_Latn": [left for left, _ in PAIRS], "spa_Latn": [right for _, right in PAIRS]})
    pq.write_table(table, folder / "devtest-00000.parquet")
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: devtest\n    path: devtest-*.parquet\n---\n"
    )
    found = _load("flores", tmp_path, source_dir=tmp_path / "hub")
    assert found.columns == ("eng_Latn", "spa_Latn")
    assert {(pair.english, pair.reference) for pair in found.pairs} == set(PAIRS)


def _preset(tmp_path: Path, name: str, server: OpenAIServer, prices: str = "") -> str:
    path = tmp_path / f"{name}.toml"
    path.write_text(f'model = "{name}"\nbase_url = "{server.url}"\n{prices}')
    return str(path)


def _refused(text: str) -> Fault | None:
    return Fault(message={"content": None, "refusal": "No."}) if text == PAIRS[0][0] else None


def test_translators_side_by_side(file: Path, folders: paths.Folders, tmp_path: Path) -> None:
    good_server = OpenAIServer(answer=lambda text: REFERENCES[text], models=["good"])
    bad_server = OpenAIServer(answer=lambda text: f"no {text.split()[0]}", models=["bad"])
    bad_server.fault_for = _refused
    with good_server, bad_server:
        good = _preset(tmp_path, "good", good_server)
        bad = _preset(tmp_path, "bad", bad_server, PRICES)
        report = piloting.pilot(SPANISH, [good, bad], str(file), folders=folders)
        again = piloting.pilot(SPANISH, [bad, good], str(file), folders=folders)
        assert len(good_server.requests) == len(bad_server.requests) == 12
    best, worst = report.candidates
    assert report.ok
    assert (report.sampled, report.compared) == (12, 11)  # of what both translated
    assert best.chrf is not None
    assert best.bleu is not None
    assert worst.chrf is not None
    assert best.chrf.value == pytest.approx(100)
    assert best.bleu.value == pytest.approx(100)
    assert best.chrf.p_value is None
    assert worst.chrf.low <= worst.chrf.value <= worst.chrf.high < 40
    assert worst.chrf.p_value is not None
    assert worst.chrf.p_value < 0.05
    assert (worst.translated, worst.requests, sum(worst.failures.values())) == (11, 12, 1)
    assert best.dollars is None  # nobody said what it costs
    assert worst.dollars == pytest.approx((worst.usage.input_tokens + 2 * worst.usage.output_tokens) / 1e6)
    assert best.per_second is not None
    # once more, the other way round: nothing is asked, and what it cost is still known
    first, second = again.candidates
    assert (first.requests, first.hits, first.per_second) == (0, 11, None)
    assert first.dollars == worst.dollars
    assert first.failures == worst.failures
    assert second.chrf is not None
    assert second.chrf.value == best.chrf.value


def test_equal_translations_do_not_differ(file: Path, folders: paths.Folders, server: OpenAIServer) -> None:
    report = piloting.pilot(
        SPANISH, ["openai:good", "openai:bad"], str(file), folders=folders, base_url=[server.url]
    )
    assert [one.chrf.p_value for one in report.candidates if one.chrf] == [None, 1.0]


def test_one_that_can_not_be_used_stops_no_other(
    file: Path, folders: paths.Folders, server: OpenAIServer
) -> None:
    report = piloting.pilot(
        SPANISH, ["openai:absent", "openai:good"], str(file), folders=folders, base_url=[server.url]
    )
    absent, good = report.candidates
    assert not report.ok
    assert absent.error is not None
    assert "absent" in absent.error.message
    assert absent.chrf is None
    assert good.chrf is not None
    assert report.compared == 12


def test_what_the_checks_find_fault_with_is_counted_by_check(
    file: Path, folders: paths.Folders, tmp_path: Path
) -> None:
    with OpenAIServer(answer=lambda text: f"Sure! {text}", models=["bad"]) as server:
        report = piloting.pilot(SPANISH, [_preset(tmp_path, "bad", server)], str(file), folders=folders)
        assert len(server.requests) == 12  # nothing is mended
    (bad,) = report.candidates
    assert (bad.translated, bad.faulty, bad.failures) == (12, 12, {})
    assert bad.faults["preamble"] == 12


def test_two_presets_of_one_name_are_told_apart(
    file: Path, folders: paths.Folders, server: OpenAIServer, tmp_path: Path
) -> None:
    mine = tmp_path / "gpt-4.1-mini.toml"
    mine.write_text('model = "good"\n')
    server.models = None
    names = ["gpt-4.1-mini", str(mine)]
    report = piloting.pilot(SPANISH, names, str(file), folders=folders, base_url=[server.url])
    shipped, own = [one.translator for one in report.candidates]
    assert shipped == "gpt-4.1-mini"
    assert own.startswith("gpt-4.1-mini.")


def test_what_can_not_be_meant(file: Path, folders: paths.Folders) -> None:
    with pytest.raises(UsageError, match="named twice"):
        piloting.pilot(SPANISH, ["authored", "authored"], str(file), folders=folders)
    with pytest.raises(UsageError, match="named twice, the second time as vllm:mixtral-8x7b"):
        piloting.pilot(SPANISH, ["mixtral-8x7b", "vllm:mixtral-8x7b"], str(file), folders=folders)
    with pytest.raises(UsageError, match="English"):
        piloting.pilot(languages.parse("en"), ["authored"], str(file), folders=folders)
    with pytest.raises(UnknownNameError):
        piloting.pilot(SPANISH, ["nobody"], str(file), folders=folders)


@pytest.mark.parametrize(
    ("code", "tokenization"), [("zh-CN", "zh"), ("ja", "char"), ("th", "char"), ("tr", "13a")]
)
def test_bleu_splits_as_the_language_is_written(code: str, tokenization: str) -> None:
    assert piloting._tokenization(languages.parse(code)) == tokenization


@pytest.mark.skipif(shutil.which("apertium") is None, reason="apertium is not installed")
def test_apertium_beside_an_endpoint(file: Path, folders: paths.Folders, server: OpenAIServer) -> None:
    report = piloting.pilot(
        SPANISH, ["apertium", "openai:good"], str(file), folders=folders, base_url=[server.url]
    )
    apertium, _ = report.candidates
    assert apertium.chrf is not None
    assert 30 < apertium.chrf.value < 100
    assert apertium.dollars == 0
    assert report.compared == 12


def test_command(file: Path, folders: paths.Folders, server: OpenAIServer) -> None:
    common = (
        "pilot",
        "--lang",
        "es",
        "--pairs",
        file,
        "--cache-dir",
        folders.cache_dir,
        "--base-url",
        server.url,
    )
    shown = _run(*common, "--translator", "openai:good", "--sample", 6)
    assert shown.exit_code == 0, shown.output
    assert "100.0 [100.0, 100.0]" in shown.stdout
    assert "6 pairs of pairs.csv" in shown.stdout
    assert len(server.requests) == 6
    values = json.loads(_run(*common, "--translator", "openai:good", "--json").stdout)
    assert values["candidates"][0]["hits"] == 6
    assert len(server.requests) == 12
    assert "intervals of so few pairs say little" in shown.stderr
    none = _run(*common, "--translator", "authored")
    assert (none.exit_code, "12 failed: no bundled translation" in none.stdout) == (1, True)
    failed = _run(*common, "--translator", "openai:absent", "--translator", "openai:good")
    assert failed.exit_code == 1
    assert "openai:absent:" in failed.stderr
    assert "100.0" in failed.stdout
    assert _run(*common, "--translator", "openai:good", "--columns", "source").exit_code == 2
