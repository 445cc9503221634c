"""`--profile` on the command line: what is built, planned, scored and shown, and bad profiles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mini_sets import BAG_OF_WORDS

from mmteb_synth.cli import cli


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def places(tmp_path: Path) -> list[object]:
    return ["--data-dir", tmp_path / "data", "--cache-dir", tmp_path / "cache"]


def test_from_a_build_to_a_board(places: list[object], tmp_path: Path) -> None:
    results = ["--results-dir", tmp_path / "results"]
    for profile in ("nano", "full"):
        done = run("build", "--lang", "tr", "-t", "MiniSTS", "--profile", profile, *places)
        assert done.exit_code == 0, done.output
    assert done.output.startswith("MiniSTS.tur-Latn.authored: built")
    assert (tmp_path / "data" / "MiniSTS.tur-Latn.authored.nano.json").is_file()
    done = run("evaluate", "-m", BAG_OF_WORDS, "--profile", "nano", *places, *results)
    assert done.exit_code == 0, done.output
    assert "MiniSTS.tur-Latn.authored.nano" in done.output
    assert "MiniSTS.eng-Latn.source.nano" in done.output
    assert "MiniSTS.tur-Latn.authored " not in done.output
    done = run("check", "--profile", "nano", *places, *results)
    assert done.exit_code == 0, done.output
    assert "MiniSTS.tur-Latn.authored.nano" in done.output
    board = [*places[:2], *results, "--out", tmp_path / "board"]
    done = run("leaderboard", "--profile", "nano", *board)
    assert done.exit_code == 0, done.output
    assert "profile nano" in done.output
    assert "`--profile nano`" in done.output
    rows = (tmp_path / "board" / "leaderboard.csv").read_text().splitlines()
    assert "nano" in rows[1]
    done = run("leaderboard", "--profile", "full", *board)
    assert (done.exit_code, "there are scores of: nano" in done.stderr) == (2, True)
    signed = next((tmp_path / "results").rglob("signatures.jsonl")).read_text().splitlines()
    assert {json.loads(line)["profile"] for line in signed} == {"nano"}
    assert all("|profile:nano|" in json.loads(line)["signature"] for line in signed)


def test_a_plan_shows_the_sizes_of_all_three(places: list[object]) -> None:
    done = run("plan", "--lang", "tr", "-t", "MiniSTS", "-t", "SciFact", *places)
    assert done.exit_code == 2  # no translations of SciFact are bundled
    done = run("plan", "--lang", "tr", "--suite", "mini", *places)
    assert done.exit_code == 0, done.output
    rows = done.stdout.split("profile", maxsplit=1)[1].splitlines()
    assert [row.split()[0] for row in rows[1:4]] == ["nano", "standard", "full"]
    assert "~" not in done.stdout
    as_json = json.loads(run("plan", "--lang", "tr", "--suite", "mini", "--json", *places).stdout)
    assert [one["profile"] for one in as_json["profiles"]] == ["nano", "standard", "full"]
    sizes = [one["total"]["segments"] for one in as_json["profiles"]]
    assert set(sizes) == {as_json["total"]["segments"]}  # these sets are smaller than any profile
    nano = json.loads(
        run("plan", "--lang", "tr", "--suite", "mini", "--profile", "nano", "--json", *places).stdout
    )
    assert nano["profiles"] == []
    assert nano["total"]["segments"] == sizes[0]
    assert all(one["name"].endswith(".nano") for one in nano["sets"])


def test_a_plan_without_data_estimates_all_three(places: list[object], tmp_path: Path) -> None:
    done = run(
        "plan",
        "--lang",
        "tr",
        "--suite",
        "seed",
        "--translator",
        "import:x",
        "--source-dir",
        tmp_path,
        *places,
    )
    assert done.exit_code == 0, done.output
    rows = [row.split() for row in done.stdout.split("profile", maxsplit=1)[1].splitlines()[1:4]]
    assert all(cell.startswith("~") for row in rows for cell in row[1:4])
    sizes = [int(row[1].lstrip("~").replace(",", "")) for row in rows]
    assert sizes == sorted(set(sizes))
    assert done.stderr.count("estimated from MTEB's statistics") == 1
    assert "6 sets are estimated" in done.stderr


@pytest.mark.parametrize("command", ["build", "plan", "evaluate", "check", "review"])
@pytest.mark.parametrize(("profile", "said"), [("nanno", "nano"), ("full-s3", "no seed changes it")])
def test_bad_profiles(command: str, profile: str, said: str, places: list[object]) -> None:
    arguments = {"evaluate": ["-m", BAG_OF_WORDS], "review": ["export"]}.get(command, [])
    where = places[:2] if command == "review" else places
    done = run(command, *arguments, "--lang", "tr", "--profile", profile, *where)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert "Traceback" not in done.output
