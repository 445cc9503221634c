import shutil
import subprocess
import sys
from pathlib import Path

_TESTS = """
import gc, subprocess, sys

WAITS = [sys.executable, "-c", "input()"]

def test_it_fails_with_a_process_running():
    process = subprocess.Popen(WAITS, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.poll() is not None

def test_the_next_one():
    gc.collect()

def test_it_passes_with_a_process_running():
    process = subprocess.Popen(WAITS, stdin=subprocess.PIPE)
    process.stdin.close()
    del process
    gc.collect()
"""


def test_a_failure_is_one_failure_and_a_leak_is_told_of(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path)
    (tmp_path / "test_leaks.py").write_text(_TESTS, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", tmp_path, tmp_path], capture_output=True, text=True, check=False
    )
    assert "1 failed, 2 passed, 1 error" in done.stdout  # the error is the leak's, of the test that passes
    assert "assert None is not None" in done.stdout
    assert "ResourceWarning: subprocess" in done.stdout
