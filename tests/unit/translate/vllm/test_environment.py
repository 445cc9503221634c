import sys
from pathlib import Path

import pytest
from vllm_stand_in import make

from mmteb_synth.errors import TranslatorError
from mmteb_synth.translate.vllm import environment
from mmteb_synth.translate.vllm.environment import PYTHON_VARIABLE, child_environment, find


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, named, on_path = (make(tmp_path / name) for name in ("given", "named", "path"))
    monkeypatch.setenv("PATH", f"{on_path.parent}:/usr/bin:/bin")
    assert find().python == on_path
    assert find().command == ["vllm"]
    monkeypatch.setenv(PYTHON_VARIABLE, str(named))
    assert find().python == named
    assert find().command == [str(named.parent / "vllm")]
    assert find(str(given)).python == given


def test_versions_tell_builds_for_processors(tmp_path: Path) -> None:
    cpu, gpu = find(str(make(tmp_path / "cpu"))), find(str(make(tmp_path / "gpu", "0.32.0")))
    assert (cpu.version, cpu.on_cpu) == ("0.32.0+cpu", True)
    assert (gpu.version, gpu.on_cpu) == ("0.32.0", False)


def test_without_it_the_way_to_install_it_is_shown() -> None:
    with pytest.raises(TranslatorError, match="needs vLLM, which is not installed") as raised:
        find()
    assert "pip install vllm" in str(raised.value.hint)
    assert PYTHON_VARIABLE in str(raised.value.hint)


def test_a_python_without_it() -> None:
    with pytest.raises(TranslatorError, match="has no vLLM"):
        find(sys.executable)


def test_a_python_that_is_not_there() -> None:
    with pytest.raises(TranslatorError, match=r"/no/python can't be run: No such file") as raised:
        find("/no/python")
    assert PYTHON_VARIABLE in str(raised.value.hint)


def test_an_environment_without_the_program_is_run_as_a_module(tmp_path: Path) -> None:
    python = make(tmp_path / "env")
    (python.parent / "vllm").unlink()
    assert find(str(python)).command == [str(python), "-m", "vllm.entrypoints.cli.main"]


def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "0")
    assert child_environment(Path("/weights"), {"A": "b"}) == {"HF_HUB_OFFLINE": "1", "A": "b"}
    assert child_environment(None, {}) == {}


def test_weights_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(environment.WEIGHTS_VARIABLE, raising=False)
    assert environment.weights() is None
    monkeypatch.setenv(environment.WEIGHTS_VARIABLE, str(tmp_path))
    assert environment.weights() == tmp_path
