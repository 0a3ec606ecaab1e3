"""Hidden test items as leaderboard/README.md says: encrypted by age, decrypted in the job that checks."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from test_leaderboard_verbs import forge

import board_cases as cases
from smallsteps.problems.finding import ENVIRONMENT

Smallsteps = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.skipif(shutil.which("age") is None, reason="no age")


def bash(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": "/usr/bin:/bin", **variables}
    return subprocess.run(
        ["bash", "-ec", f"set -o pipefail; {command}"], cwd=folder, env=environment, capture_output=True
    )


def test_encrypted_answers_are_checked_as_the_readme_says(
    smallsteps: Smallsteps, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = cases.make_board(tmp_path, monkeypatch)
    cases.add_students(board, tmp_path, {"honest": 0.6, "forger": 0.5})
    forged = forge(board.entries / "forger")
    (tmp_path / "benchmarks").rename(tmp_path / "hidden")
    secret = (tmp_path / "hidden" / "sums" / "p.jsonl").read_bytes()

    text = (repository / "leaderboard" / "README.md").read_text()
    lines = [re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines()]
    encrypt = next(line for line in lines if line.startswith("tar c hidden | age"))
    decrypt = next(line for line in lines if line.startswith("age -d"))
    check = next(line for line in lines if line.startswith("smallsteps leaderboard check DIR"))

    made = bash("age-keygen -o key.txt 2>/dev/null; age-keygen -y key.txt", tmp_path)
    done = bash(encrypt, tmp_path, RECIPIENT=made.stdout.decode().strip())
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "hidden").exists()
    assert secret[:40] not in (tmp_path / "hidden.tar.age").read_bytes()
    (tmp_path / "job").mkdir()
    bash("age-keygen -o other.txt", tmp_path)
    assert bash(
        decrypt.replace("key.txt", "other.txt"), tmp_path, RUNNER_TEMP=str(tmp_path / "job")
    ).returncode
    assert not list((tmp_path / "job").iterdir())
    done = bash(decrypt, tmp_path, RUNNER_TEMP=str(tmp_path / "job"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "job" / "hidden" / "sums" / "p.jsonl").read_bytes() == secret

    words = check.replace("DIR", str(board.folder)).replace(
        '"$RUNNER_TEMP/hidden"', str(tmp_path / "job" / "hidden")
    )
    found = smallsteps(*words.split()[1:], check=False, env={ENVIRONMENT: ""})
    assert found.returncode == 1
    assert "honest: 2 of 2 tasks complete; 2: scores from responses" in found.stdout
    assert f"forger: REJECTED: {board.entries}/forger/answers.parquet: item '{forged}'" in found.stdout
