"""Wherever an interval is shown, its level is named: in sentences, heads of tables, pages and JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from outcome_tables import correlated, join, table
from smallsteps.comparing import tradeoff
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.model import Report
from smallsteps.outcomes import OutcomeTable, write_outcomes
from smallsteps.reports.compare.html import page
from smallsteps.reports.compare.layout import as_json, as_markdown, as_text
from smallsteps.reports.tradeoff.layout import sentences
from support.commands import call

# numbers with "to" between them that are no interval of a report
SPANS = re.compile(r"(?<![\w.])−?\d+(?:\.\d+)? to −?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def outcomes() -> OutcomeTable:
    """Three students on two single tasks and a suite: every kind of statement that has an interval."""
    rates = {"a": 0.8, "b": 0.5, "c": 0.45}
    single = [table(correlated(200, rates, seed=n), task) for n, task in enumerate(("svamp", "gsm8k"))]
    names = ("boolean_expressions", "navigate", "snarks", "hyperbaton", "ruin_names", "date_understanding")
    parts = [
        table(correlated(60, rates, seed=9 + n), f"smallsteps_bbh_{name}") for n, name in enumerate(names)
    ]
    return join(*single, *parts)


@pytest.mark.parametrize("form", ["text", "markdown", "page", "json"])
def test_another_level_is_named_everywhere(outcomes: OutcomeTable, form: str) -> None:
    report: Report = build(outcomes, Question(confidence=0.8))
    shown = {
        "text": lambda: as_text(report),
        "markdown": lambda: as_markdown(report),
        "page": lambda: page(report, None),
        "json": lambda: json.dumps([row["sentences"] for row in as_json(report)["rows"]]),
    }[form]()
    flat = " ".join(re.sub(r"<(style|script).*?</\1>", "", shown, flags=re.S).split())
    assert not re.search(r"(?<![\d.])95 ?%", flat)  # 14.95% is a place in a picture
    assert "80 % interval" in flat
    if form in ("text", "markdown"):
        head = next(line for line in shown.splitlines() if "second %" in line)
        assert "80 % interval" in head
        assert all("80 % interval" in line for line in shown.splitlines() if "letters" in line)
        sentences_ = re.sub(r"^(\||\S+  +).*$", "", shown, flags=re.M)  # without the tables
        for found in SPANS.finditer(" ".join(sentences_.split())):
            before = " ".join(sentences_.split())[: found.start()]
            assert before.endswith("80 % interval "), before[-60:] + found.group()


def test_a_tradeoff_names_the_level_in_every_sentence(outcomes: OutcomeTable) -> None:
    names = [name for name in outcomes.unique("task") if "bbh" in name]
    chance = dict.fromkeys(names, 0.2)
    question = tradeoff.TradeoffQuestion("c", ("svamp",), names, chance=chance, confidence=0.8)
    text = " ".join(sentences(tradeoff.build(outcomes, question)))
    assert "95 %" not in text
    for found in SPANS.finditer(text):
        assert text[: found.start()].endswith("80 % interval "), text[: found.end()][-80:]
    assert len(SPANS.findall(text)) >= 6


def test_the_option_reaches_every_output(outcomes: OutcomeTable, tmp_path: Path, capsys: Any) -> None:
    write_outcomes(tmp_path / "o.parquet", outcomes)
    options = ("--confidence", "0.8", "--markdown", tmp_path / "x.md", "--html", tmp_path / "x.html")
    code, out, said = call(capsys, "compare", tmp_path / "o.parquet", *options)
    assert code == 0, said
    for text in (out, (tmp_path / "x.md").read_text(), (tmp_path / "x.html").read_text()):
        assert "80 %" in text
        assert "95 %" not in text


def test_a_gate_names_the_level_of_its_limits(tmp_path: Path, capsys: Any) -> None:
    rng = np.random.default_rng(3)
    for name in ("new", "old"):
        write_outcomes(tmp_path / f"{name}.parquet", table({name: list(map(float, rng.random(60) < 0.5))}))
    code, out, said = call(
        capsys, "gate", tmp_path / "new.parquet", "--against", tmp_path / "old.parquet", "--margin", "2"
    )
    assert code in (0, 1, 2), said
    assert "limits, each 95 %" in out
    assert "at 95 %" in " ".join(out.split())
