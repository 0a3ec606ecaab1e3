"""What was chosen while reading other harnesses' output is said by every verb, in every form of output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smallsteps.cli import main

TIME = "2024-05-02T09-10-11.000123"
NOTE = "lm-eval metric 'exact_match'"


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    """Two models on two tasks; the first metric of the rows scores no single item, one task has no score."""
    for model, good in (("left", 3), ("right", 2)):
        folder = tmp_path / model
        folder.mkdir()
        (folder / f"results_{TIME}.json").write_text(json.dumps({"results": {}, "model_name": model}))
        for task, metrics in (
            ("dialog", ["f1", "exact_match"]),
            ("rates", ["mae"]),
            ("sums", ["exact_match"]),
        ):
            rows = [
                {
                    "doc_id": n,
                    "doc": {"q": f"{task} {n}"},
                    "target": "t",
                    "metrics": metrics,
                    "f1": [1, 0],
                    "mae": 12.5,
                    "exact_match": float(n % good == 0),
                }
                for n in range(40)
            ]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"samples_{task}_{TIME}.jsonl").write_text(text)
    return [str(tmp_path / "left"), str(tmp_path / "right")]


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("compare", []),
        ("gate", ["--margin", "99"]),
        ("tradeoff", ["--base", "left", "--target", "sums", "--generic", "dialog"]),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_every_output_says_what_was_chosen(
    runs: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    options: list[str],
    form: str,
) -> None:
    page = tmp_path / "page.md"
    paths = [runs[0], "--against", runs[1]] if verb == "gate" else runs
    extra = {"text": [], "json": ["--json"], "markdown": ["--markdown", str(page)]}[form]
    with pytest.raises(SystemExit) as end:
        main([verb, *paths, *options, *extra])
    assert end.value.code in (0, 1, 2)
    said = page.read_text() if form == "markdown" else capsys.readouterr().out
    flat = " ".join(said.split()).replace("\\", "")  # Markdown escapes some characters
    assert NOTE in flat
    assert "rates: left out, metric 'mae'" in flat
    assert "12.5" in flat
