"""The pytest fixture, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from outcome_tables import correlated, table
from smallsteps.gate.plugin import judge
from smallsteps.outcomes import write_outcomes

pytest_plugins = ["pytester"]

TEST = """
def test_gate(smallsteps_gate):
    smallsteps_gate({new!r}, {old!r}, margin={margin!r}, undecided={undecided!r})
"""


def _write(folder: Path, rate: float, n: int) -> list[str]:
    scores = correlated(n, {"new": rate, "old": 0.6})
    paths = [folder / f"{name}.parquet" for name in ("new", "old")]
    for path in paths:
        write_outcomes(path, table({path.stem: scores[path.stem]}))
    return [str(path) for path in paths]


def test_a_failing_gate_fails_the_test_and_shows_the_table(pytester: pytest.Pytester, tmp_path: Path) -> None:
    new, old = _write(tmp_path, 0.4, 1000)
    pytester.makepyfile(TEST.format(new=new, old=old, margin=6, undecided="fail"))
    result = pytester.runpytest_inprocess("-p", "smallsteps.gate.plugin", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAIL: new*", "*svamp*"])


def test_a_passing_gate_returns_its_report(tmp_path: Path) -> None:
    new, old = _write(tmp_path, 0.6, 1000)
    assert judge(new, old, margin=6).exit_code == 0
    assert judge(new, old, margin=["6", "svamp=5.5"]).exit_code == 0


def test_an_undecided_gate_does_what_it_is_told(tmp_path: Path) -> None:
    new, old = _write(tmp_path, 0.6, 40)
    with pytest.raises(pytest.fail.Exception, match="INCONCLUSIVE"):
        judge(new, old, margin=6)
    with pytest.raises(pytest.skip.Exception, match="INCONCLUSIVE"):
        judge(new, old, margin=6, undecided="skip")
    assert judge(new, old, margin=6, undecided="pass").exit_code == 2


def test_a_mistake_is_a_message_and_not_a_traceback(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TEST.format(new="nowhere", old="nothing", margin=6, undecided="fail"))
    result = pytester.runpytest_inprocess("-p", "smallsteps.gate.plugin", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*gate: nowhere: no such file or folder*"])
    assert "Traceback" not in result.stdout.str()


def test_the_plugin_costs_other_projects_nothing() -> None:
    heavy = "{'numpy', 'scipy', 'pyarrow', 'yaml'}"
    code = f"import sys, smallsteps.gate.plugin; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
