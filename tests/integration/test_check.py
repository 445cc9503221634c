"""`mmteb-synth check` over real sets, and its page in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from made_ledgers import COPIED, FAILED, GOOD, NUMBER, a_ledger, a_manifest, a_set
from mini_sets import BAG_OF_WORDS, build
from openai_server import OpenAIServer

import mmteb_synth
from mmteb_synth import api
from mmteb_synth.cli import cli
from mmteb_synth.data import reviews
from mmteb_synth.data.store import Store
from mmteb_synth.errors import StoreError, UsageError

STS12 = "STS12.tur-Latn.gpt-4.1-mini"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["check", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with Turkish and English sets as they are built."""
    home = tmp_path_factory.mktemp("mini")
    build(home, ["tr", "en"], ["MiniSTS", "MiniRetrieval", "MiniSTSBitext"])
    return home


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store with a set that has faults, a clean one, and one that was held back."""
    store = Store(tmp_path / "data")
    a_set(store, a_ledger(GOOD, COPIED, NUMBER))
    a_set(store, a_ledger(GOOD), a_manifest("STS13"))
    store.hold_back(a_manifest("STS14", "deu-Latn"), a_ledger(FAILED))
    return store.folder


class TestCommand:
    def test_what_was_just_built_is_judged_as_it_was_then(self, mini: Path) -> None:
        sets = [one for one in Store(mini / "data").all() if one.manifest.language != "eng-Latn"]
        before = {one.manifest.name: one.ledger() for one in sets}
        report = mmteb_synth.check("tr", data_dir=mini / "data", results_dir=mini / "results")
        assert [one.name for one in report.sets] == sorted(before)
        for one in report.sets:
            assert one.problem is None
            assert one.notes == ()
            assert one.ledger is not None
            assert one.ledger.equals(before[one.name])

    def test_tables_by_set_and_check(self, data: Path) -> None:
        done = run("--lang", "tr", "--data-dir", data)
        assert done.exit_code == 0, done.output
        lines = [line.split() for line in done.stdout.splitlines()]
        assert ["set", "segments", "translated", "repaired", "flagged", "failed"] in lines
        assert [STS12, "3", "1", "0", "2", "0"] in lines
        assert [STS12.replace("12", "13"), "1", "1", "0", "0", "0"] in lines
        assert [STS12, "copied", "error", "1", "33.33", "%"] in lines
        assert [STS12, "numbers", "error", "1", "33.33", "%"] in lines
        assert "STS14" not in done.output

    def test_nothing_found_is_said(self, data: Path) -> None:
        done = run("-t", "STS13", "--data-dir", data)
        assert "no check finds fault with a translation" in done.stdout

    def test_json_is_one_line_a_flagged_segment_and_nothing_else(self, data: Path) -> None:
        done = run("--data-dir", data, "--json")
        assert done.exit_code == 0
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [list(row) for row in rows] == [["task", "source", "hypothesis", "checks", "outcome"]] * 3
        assert all(list(check) == ["name", "severity", "reason"] for row in rows for check in row["checks"])
        assert [(row["task"], row["outcome"], row["checks"][0]["name"]) for row in rows] == [
            ("STS12", "flagged", "copied"),
            ("STS12", "flagged", "numbers"),
            ("STS14", "failed", "failed"),
        ]
        assert rows[1]["source"] == NUMBER["source"]
        assert rows[1]["hypothesis"] == NUMBER["hypothesis"]
        assert rows[2]["hypothesis"] is None
        assert "STS14.deu-Latn.gpt-4.1-mini was held back" in done.stderr

    def test_sets_are_chosen_as_elsewhere(self, data: Path) -> None:
        done = run("--lang", "Turkish", "-t", "STS12", "--translator", "gpt-4.1-mini", "--data-dir", data)
        assert STS12 in done.stdout
        assert "STS13" not in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["-t", "STSBenchmrk"], 2, "did you mean STSBenchmark"),
            (["--translator", "gpt-4.1-min"], 2, "did you mean gpt-4.1-mini"),
            (["--lang", "Turkisch"], 2, "did you mean Turkish"),
            (["--lang", "fr"], 1, "none of the chosen sets in French"),
            (["--lang", "tr", "-t", "STS14"], 1, "none of the chosen sets in Turkish"),
            (["--sample", "5"], 2, "--sample is for semantic checks"),
        ],
    )
    def test_what_can_not_be_meant(self, arguments: list[str], code: int, message: str, data: Path) -> None:
        done = run(*arguments, "--data-dir", data)
        assert (done.exit_code, done.stdout) == (code, "")
        assert message in done.stderr
        assert "hint: " in done.stderr

    def test_english_has_nothing_to_check(self, mini: Path) -> None:
        places = ("--data-dir", mini / "data", "--results-dir", mini / "results")
        done = run("--lang", "en", *places)
        assert (done.exit_code, done.stdout) == (0, "")
        assert "there is nothing to check" in done.stderr
        done = run("--lang", "en", "--lang", "tr", *places)
        assert (done.exit_code, "eng-Latn" in done.stdout) == (0, False)

    def test_strict_fails_where_an_error_remains(self, data: Path) -> None:
        assert run("--data-dir", data, "--lang", "tr", "--strict").exit_code == 1
        assert run("--data-dir", data, "--lang", "de", "--strict").exit_code == 1
        assert run("--data-dir", data, "-t", "STS13", "--strict").exit_code == 0

    def test_a_set_of_an_older_version_is_named_and_the_others_are_checked(self, data: Path) -> None:
        a_set(Store(data), None, a_manifest("STS15"))
        done = run("--lang", "tr", "--data-dir", data)
        assert done.exit_code == 1
        assert "error: STS15.tur-Latn.gpt-4.1-mini: the data set" in done.stderr
        assert "hint: build it again; translations come from the cache" in done.stderr
        assert f"{STS12}  3 " in done.stdout

    def test_other_checks_than_the_set_was_built_by(self, data: Path) -> None:
        a_set(Store(data), a_ledger(GOOD, checks_version=1), a_manifest("STS16", checks_version=1))
        done = run("-t", "STS16", "--data-dir", data)
        assert done.exit_code == 0
        assert "warning: STS16.tur-Latn.gpt-4.1-mini was built by checks 1" in done.stderr

    def test_no_request_is_made_and_no_cache_is_needed(
        self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any) -> None:
            raise AssertionError("somebody was asked")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        done = run("--data-dir", data, "--cache-dir", tmp_path / "cache")
        assert done.exit_code == 0, done.output
        assert not (tmp_path / "cache").exists()

    def test_a_page_that_can_not_be_written_is_an_error(self, data: Path, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        done = run("--data-dir", data, "--html", tmp_path / "file" / "page.html")
        assert done.exit_code == 1
        assert "could not write page.html" in done.stderr

    def test_the_card_names_the_scores_that_were_made(self, mini: Path) -> None:
        places = {"data_dir": mini / "data", "results_dir": mini / "results"}
        card = Store(mini / "data").get("MiniSTS.tur-Latn.authored").folder / "README.md"
        assert BAG_OF_WORDS.partition(":")[2].replace("_", "-") not in card.read_text("utf-8")
        done = mmteb_synth.evaluate(
            BAG_OF_WORDS, languages="tr", tasks="MiniSTS", cache_dir=mini / "cache", **places
        )
        ((name, score),) = {(one.model, one.score) for one in done.tasks}
        assert score is not None
        mmteb_synth.check("tr", tasks="MiniSTS", **places)
        (line,) = [row for row in card.read_text("utf-8").splitlines() if f"Score of {name}" in row]
        assert line.split("|")[2].strip() == f"{100 * score:.2f}"
        for file in (mini / "results").rglob("signatures.jsonl"):
            file.write_text("{")
        with pytest.warns(UserWarning, match="the data cards name no scores"):
            mmteb_synth.check("tr", tasks="MiniSTS", **places)


class TestJudge:
    @pytest.fixture
    def graded(self, tmp_path: Path) -> Store:
        """A store with a set of 110 segments that somebody has graded."""
        store = Store(tmp_path / "data")
        rows = [
            {"source": f"Train {n} leaves at noon.", "hypothesis": f"{n} numaralı tren öğlen kalkıyor."}
            for n in range(200, 310)
        ]
        table = a_ledger(*rows)
        a_set(store, table)
        grades = [
            dict.fromkeys(reviews.SCHEMA.names)
            | {
                "source_hash": row["source_hash"],
                "kind": row["kind"],
                "hypothesis_hash": reviews.text_hash(row["hypothesis"]),
                "rater": "Ada",
                "esa": float(place % 100),
                "sampled": True,
            }
            for place, row in enumerate(table.to_pylist())
        ]
        with reviews.merging(store, {STS12: grades}):
            pass
        return store

    def test_its_words_and_its_agreement_with_people_are_recorded(
        self, graded: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def opinion(text: str) -> str:
            number = int(re.findall(r"(\d+) numaralı", text)[-1])
            verdict = "wrong" if number == 200 else "good"
            return json.dumps({"errors": [], "words": "So it is.", "score": number % 100, "verdict": verdict})

        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        places = ["--data-dir", graded.folder, "--cache-dir", tmp_path / "cache"]
        with OpenAIServer(answer=opinion) as server:
            asked = ["--judge", "openai:test-model", "--base-url", server.url, *places]
            done = run(*asked, "--json", "--html", tmp_path / "page.html")
            assert done.exit_code == 0, done.output
            again = run(*asked)
        assert len(server.requests) == 110
        (row,) = [json.loads(line) for line in done.stdout.splitlines()]
        assert row["checks"] == [
            {"name": "judge:openai:test-model@1", "severity": "warning", "reason": "wrong: So it is."}
        ]
        assert f"{STS12}: judge:openai:test-model@1: 110 of 110 segments judged" in again.stdout
        assert [STS12, "judge:openai:test-model@1", "warning", "1", "0.91", "%"] in [
            line.split() for line in again.stdout.splitlines()
        ]
        found = graded.get(STS12)
        agreement = found.manifest.review["judge_agreement"]
        assert (agreement["judge"], agreement["grades"]) == ("judge:openai:test-model@1", 110)
        assert agreement["tau"] == pytest.approx(1, abs=0.01)
        card = (found.folder / "README.md").read_text("utf-8")
        assert "Texts: machine-translated and LM verified." in card
        page = (tmp_path / "page.html").read_text("utf-8")
        assert "Semantic checks" in page
        assert "judge:openai:test-model@1" in page

    def test_what_judges_said_stays_when_the_set_is_checked_without_them(
        self, graded: Store, tmp_path: Path
    ) -> None:
        before = graded.get(STS12)
        said = [{"judge": "judge:x@1", "score": 5.0, "severity": "warning", "words": "no"}]
        rows = [{**row, "judgements": said} for row in before.ledger().to_pylist()]
        before.record(a_ledger(*rows))
        done = run("--data-dir", graded.folder)
        assert [STS12, "judge:x@1", "warning", "110", "100.00", "%"] in [
            line.split() for line in done.stdout.splitlines()
        ]


class TestPython:
    def test_nothing_stored_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="none of the chosen sets"):
            mmteb_synth.check(data_dir=tmp_path)

    def test_a_base_url_without_anybody_to_ask_is_refused(self, data: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--base-url is for --judge"):
            mmteb_synth.check(
                data_dir=data, cache_dir=tmp_path, similarity="x", base_url="http://127.0.0.1:1"
            )

    def test_the_page_of_some_sets(self, data: Path, mini: Path, tmp_path: Path) -> None:
        api.check_page([STS12, "STS14.deu-Latn.gpt-4.1-mini"], tmp_path / "page.html", data_dir=data)
        text = (tmp_path / "page.html").read_text("utf-8")
        assert "STS12" in text
        assert "held back" in text
        assert "STS13" not in text
        names = Store(mini / "data").names()
        api.check_page(names, tmp_path / "mini.html", data_dir=mini / "data")
        assert "eng-Latn" not in (tmp_path / "mini.html").read_text("utf-8")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = (
    '<script>document.documentElement.dataset.owned = "yes"</script></p></td></table></article>'
    "<img src=x onerror=\"document.documentElement.dataset.owned='yes'\">\"'{{7*191}} &amp; &lt;"
)
ARABIC = "وصلت الرسالة متأخرة ولم يقرأها أحد حتى الآن. "
MEASURE = """
<script>
addEventListener("load", () => {
  const root = document.documentElement;
  const texts = [...document.querySelectorAll("p.text")].map(it => {
    const style = getComputedStyle(it);
    return {text: it.textContent.slice(0, 400), direction: style.direction, align: style.textAlign, lang: it.lang};
  });
  root.dataset.measured = JSON.stringify({
    texts, fetched: performance.getEntriesByType("resource").map(it => it.name),
    wide: root.scrollWidth, window: root.clientWidth, title: document.title,
    script: document.scripts.length, images: document.images.length,
  });
});
</script>
"""


def browse(page: Path, profile: Path, width: int) -> str:
    """What a headless Chromium makes of a page."""
    assert CHROMIUM is not None
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--window-size={width},900",
        f"--user-data-dir={profile}",
    ]
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured(page: Path, tmp_path: Path, width: int = 1280) -> dict[str, Any]:
    """What the browser computes, told by a script that the page itself has not, and would not let run."""
    text, allowed = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text("utf-8"))
    assert allowed == 1
    copy = tmp_path / "copy.html"
    copy.write_text(text.replace("</body>", f"{MEASURE}</body>"), "utf-8")
    dom = browse(copy, tmp_path / f"profile{width}", width)
    assert "data-owned" not in dom.split(">", 2)[1]
    found = re.search(r'data-measured="([^"]*)"', dom)
    assert found
    values: dict[str, Any] = json.loads(html.unescape(found[1]))
    return values


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with what is hardest to show."""
    folder = tmp_path_factory.mktemp("page")
    attempt = {"step": "asked", "translator": "a", "hypothesis": HOSTILE, "verdicts": []}
    rows = [
        {"source": HOSTILE, "hypothesis": HOSTILE, "rejected": [attempt]},
        {"source": "Call 5 people.", "hypothesis": "GPT " + ARABIC},
        {"source": "A long text of 77 words. " * 400, "hypothesis": "x" * 10_000},
        {"source": "Pay 12 now: " + "https://example.org/" + "a" * 300, "hypothesis": ARABIC * 200},
        FAILED,
    ]
    store = Store(folder / "data")
    a_set(store, a_ledger(*rows), a_manifest(language="ara-Arab"))
    done = run("--lang", "ar", "--data-dir", store.folder, "--html", folder / "page.html")
    assert done.exit_code == 0, done.output
    assert "written: " in done.stderr
    return folder / "page.html"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
class TestPage:
    def test_hostile_texts_run_nothing_and_are_shown_as_they_are(self, page: Path, tmp_path: Path) -> None:
        found = measured(page, tmp_path)
        assert found["title"] == "Checks of translations"
        assert (found["script"], found["images"]) == (1, 0)  # the script that measures
        assert HOSTILE in [text["text"] for text in found["texts"]]

    def test_the_page_itself_lets_no_script_run(self, page: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy.html"
        copy.write_text(page.read_text("utf-8").replace("</body>", f"{MEASURE}</body>"), "utf-8")
        assert "data-measured" not in browse(copy, tmp_path / "profile", 1280)

    def test_nothing_is_fetched(self, page: Path, tmp_path: Path) -> None:
        assert measured(page, tmp_path)["fetched"] == []
        assert not re.search(r'(?:src|href)="(?!#)', browse(page, tmp_path / "profile", 1280))

    def test_a_right_to_left_text_is_set_so(self, page: Path, tmp_path: Path) -> None:
        texts = measured(page, tmp_path)["texts"]
        arabic = [text for text in texts if ARABIC.strip() in text["text"]]
        assert len(arabic) >= 2
        assert {(text["direction"], text["lang"]) for text in arabic} == {("rtl", "ar")}
        assert {text["direction"] for text in texts if text["lang"] == "en"} == {"ltr"}

    @pytest.mark.parametrize("width", [1280, 500])
    def test_no_text_breaks_the_layout(self, width: int, page: Path, tmp_path: Path) -> None:
        found = measured(page, tmp_path, width)
        assert found["window"] > width - 40
        assert found["wide"] <= found["window"]
