"""`smallsteps teach` as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from smallsteps.corpora.store import Store
from smallsteps.teachers.model import Status

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "teachers"))
from hostile_server import Hostile

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "engines"))
from test_sentences import tiny_encoder

Smallsteps = Callable[..., subprocess.CompletedProcess[str]]

FILE_CORPUS = """
corpus:
  benchmark: svamp
  teacher: {kind: file, path: teacher/mcc_kd_svamp_train.jsonl.gz}
  samples: 10
  per_problem: 4
  filter: diversity
  decomposition: equations
"""
ENDPOINT = """
corpus:
  benchmark: micro_problems
  limit: 40
  teacher: {kind: openai, model: gpt-4o-mini, base_url: URL, limits: {timeout: 20, attempts: 3}}
  samples: 2
  sampling: {temperature: 0.7, max_tokens: 40}
  keep: all
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_oracle_corpus_twice_is_the_same_bytes(smallsteps: Smallsteps, tmp_path: Path) -> None:
    spec = write(tmp_path / "c.yaml", "corpus: {benchmark: micro_problems, limit: 50, samples: 3}\n")
    first = smallsteps("teach", spec, "--out", "a", "--json", "--no-overlap")
    smallsteps("teach", spec, "--out", "b", "--no-overlap")
    assert json.loads(first.stdout)["quality"]["kept"] == 150
    for name in ("corpus.json", "rationales.jsonl", "quality.json", "quality.txt", "quality.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_stored_rationales_of_svamp(smallsteps: Smallsteps, tmp_path: Path, data_dir: Path) -> None:
    spec = write(tmp_path / "c.yaml", FILE_CORPUS)
    done = smallsteps(
        "teach", spec, "--data", data_dir, "--out", "a", "--no-overlap", "--export", "x.parquet"
    )
    assert "samples    4250 stored, 1750 asked for and absent" in done.stdout  # the split is another one
    back = smallsteps("teach", "--import", "x.parquet", "--out", "b", "--json")
    first = smallsteps("teach", "--export", "y.jsonl", "--out", "a", "--json")
    assert json.loads(back.stdout)["hash"] == json.loads(first.stdout)["hash"]


def test_clusters_of_a_sentence_encoder(smallsteps: Smallsteps, tmp_path: Path, data_dir: Path) -> None:
    for seed in (0, 1):
        tiny_encoder(tmp_path / f"bert{seed}", seed)
    text = FILE_CORPUS.replace("filter: diversity", "filter: diversity\n  encoder: bert0\n  limit: 60")
    spec = write(tmp_path / "c.yaml", text)
    options = ("--data", data_dir, "--no-overlap", "--store", "s.sqlite")
    first = smallsteps("teach", spec, "--out", "a", *options)
    smallsteps("teach", spec, "--out", "b", *options)
    for name in ("corpus.json", "rationales.jsonl", "quality.json", "quality.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "encoder    bert0:" in first.stdout
    shutil.move(tmp_path / "bert0", tmp_path / "old")
    shutil.move(tmp_path / "bert1", tmp_path / "bert0")
    smallsteps("teach", spec, "--out", "b", *options)
    cards = [json.loads((tmp_path / out / "corpus.json").read_text()) for out in "ab"]
    assert cards[0]["spec"] == cards[1]["spec"]
    assert cards[0]["hash"] != cards[1]["hash"], "other weights, other clusters"
    assert cards[0]["quality"]["encoder"] != cards[1]["quality"]["encoder"]
    missing = smallsteps("teach", spec, *options, "--set", "corpus.encoder=./no", check=False)
    assert missing.returncode == 66
    assert "no such encoder folder" in missing.stderr


def test_tokens_of_static_and_dynamic_planning(
    smallsteps: Smallsteps, tmp_path: Path, repository: Path
) -> None:
    base = repository / "baselines" / "micro" / "base"
    if not (base / "tokenizer.json").exists():
        pytest.skip("the base model of the micro study is not here")
    text = "corpus: {benchmark: micro_problems, limit: 20, decomposition: gold}\n"
    spec = write(tmp_path / "c.yaml", text)
    done = smallsteps("teach", spec, "--out", "a", "--no-overlap", "--tokenizer", base)
    assert "for each of 20 problems, in tokens of base" in done.stdout
    assert "(1.00 of static)" in done.stdout
    found = json.loads((tmp_path / "a" / "quality.json").read_text())["planning"]
    assert found["dynamic"]["prompt"] > found["static"]["prompt"] > found["self_ask"]["prompt"] > 0
    assert found["dynamic"]["calls"] == 2 * found["questions"] + 20
    without = smallsteps("teach", spec, "--out", "b", "--no-overlap")
    assert "static" not in without.stdout
    recipe = repository / "baselines" / "micro" / "socratic.yaml"
    of_student = smallsteps("teach", recipe, "--out", "c", "--no-overlap", "--set", "corpus.limit=20")
    assert "in tokens of base" in of_student.stdout


def test_an_import_that_fails_leaves_no_store(smallsteps: Smallsteps, tmp_path: Path) -> None:
    done = smallsteps("teach", "--import", "missing.jsonl", "--out", "x", check=False)
    assert done.returncode == 66
    assert "missing.jsonl: no such file" in done.stderr
    (tmp_path / "empty.jsonl").write_text('{"question": "Q", "rationale": ""}\n')
    assert smallsteps("teach", "--import", "empty.jsonl", "--out", "x", check=False).returncode == 65
    assert not (tmp_path / "x").exists()


def test_mistakes_are_told(smallsteps: Smallsteps, tmp_path: Path) -> None:
    spec = write(tmp_path / "c.yaml", "corpus: {benchmark: micro_problems, samples: 1, filter: divresity}\n")
    done = smallsteps("teach", spec, check=False)
    assert done.returncode == 64
    assert "did you mean 'diversity'?" in done.stderr
    assert smallsteps("teach", check=False).returncode == 64


def test_estimate_spends_nothing_and_writes_nothing(smallsteps: Smallsteps, tmp_path: Path) -> None:
    with Hostile() as server:
        spec = write(tmp_path / "c.yaml", ENDPOINT.replace("URL", server.url))
        done = smallsteps("teach", spec, "--out", "a", "--estimate", "--json")
        found = json.loads(done.stdout)
        assert (found["requests"], found["reused"], found["most_completion_tokens"]) == (80, 0, 3200)
        assert 0 < found["dollars"] < found["most_dollars"]
        assert not server.times
        assert not (tmp_path / "a").exists()


def test_endpoint_budget_key_and_resumption(smallsteps: Smallsteps, tmp_path: Path) -> None:
    secret = "sk-testkey-0123456789abcdef"
    with Hostile(key=secret) as server:
        spec = write(tmp_path / "c.yaml", ENDPOINT.replace("URL", server.url))
        options = {"env": {"OPENAI_API_KEY": secret}}
        allow = ("--allow-key", f"OPENAI_API_KEY={server.url}")
        poor = smallsteps(
            "teach", spec, "--out", "a", "--budget-usd", "0.0006", *allow, check=False, **options
        )
        assert poor.returncode == 2
        assert "budget reached" in poor.stderr
        asked = len(server.times)
        assert 0 < asked < 40
        rich = smallsteps("teach", spec, "--out", "a", "--budget-usd", "1", "--no-overlap", **options)
        assert len(server.times) == 40
        assert "dollars" in rich.stdout
        wrong = smallsteps(
            "teach", spec, "--out", "b", check=False, env={"OPENAI_API_KEY": "sk-wrongkey-012345"}
        )
        assert wrong.returncode == 64
        assert "OPENAI_API_KEY" in wrong.stderr
        said = poor.stdout + poor.stderr + rich.stdout + rich.stderr + wrong.stdout + wrong.stderr
        assert "sk-testkey" not in said
        assert "sk-wrongkey" not in said
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"sk-testkey" not in path.read_bytes()


def test_ctrl_c_leaves_a_resumable_store(smallsteps: Smallsteps, tmp_path: Path) -> None:
    with Hostile(delay=0.3) as server:
        text = ENDPOINT.replace("URL", server.url).replace("timeout: 20", "timeout: 20, concurrency: 4")
        spec = write(tmp_path / "c.yaml", text)
        command = [sys.executable, "-m", "smallsteps", "teach", str(spec), "--out", "a", "--no-overlap"]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            until = time.monotonic() + 60
            while len(server.times) < 6 and time.monotonic() < until:
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "run the same command again" in said
        assert "Traceback" not in said
        billed = server.billed
        assert billed < 80
        smallsteps("teach", spec, "--out", "a", "--no-overlap")
        # the requests in flight were waited for and stored: nothing is paid twice
        assert server.billed == 80


@pytest.fixture(scope="module", params=["llama", "micro"])
def real_server(
    request: pytest.FixtureRequest, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """`transformers serve` with the tiny Llama of the data folder, and with the micro base."""
    pytest.importorskip("fastapi", reason="needs the extra 'serving'")
    pytest.importorskip("uvicorn", reason="needs the extra 'serving'")
    program = Path(sys.executable).parent / "transformers"
    if not program.exists():
        pytest.skip("no 'transformers' program beside the interpreter")
    if request.param == "llama":
        source = request.getfixturevalue("data_dir") / "models" / "stories260K" / "hf"
    else:
        source = repository / "baselines" / "micro" / "base"
        if not (source / "config.json").exists():
            pytest.skip("the base model of the micro study is not here")
    folder = tmp_path_factory.mktemp("model") / "teacher"
    shutil.copytree(source, folder)
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    (folder / "chat_template.jinja").write_text(template)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(program), "serve", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    log = folder.parent / "log"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (
        log.open("w") as file,
        subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process,
    ):
        try:
            until = time.monotonic() + 180
            while time.monotonic() < until:
                if process.poll() is not None:
                    pytest.fail(f"transformers serve ended: {log.read_text()[-2000:]}")
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                        break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1|{folder}"
        finally:
            process.kill()


def test_a_real_server(smallsteps: Smallsteps, tmp_path: Path, real_server: str) -> None:
    url, folder = real_server.split("|")
    text = f"""
corpus:
  benchmark: micro_problems
  limit: 3
  teacher:
    kind: openai
    model: {folder}
    base_url: {url}
    limits: {{concurrency: 2, timeout: 120}}
  prompt: question
  samples: 2
  sampling: {{temperature: 0.8, max_tokens: 60, seed: 1, stop: ['.']}}
  keep: all
"""
    spec = write(tmp_path / "c.yaml", text)
    done = smallsteps("teach", spec, "--out", "a", "--no-overlap")
    assert "refuses 'n'" in done.stderr
    assert "samples    6 stored" in done.stdout
    refused = smallsteps("teach", spec, "--out", "b", "--set", "corpus.sampling.logprobs=5", check=False)
    assert refused.returncode >= 64
    assert "log-probabilities" in refused.stderr
    assert "another teacher" in refused.stderr


def test_a_real_server_and_a_student_share_the_work(
    smallsteps: Smallsteps, tmp_path: Path, real_server: str, repository: Path
) -> None:
    """Decomposer × solver with the server on either side; the bill is the sum of what it counted."""
    url, folder = real_server.split("|")
    if '"vocab_size": 496' not in (Path(folder) / "config.json").read_text():
        pytest.skip("the micro base is enough")
    endpoint = json.dumps({"model": folder, "base_url": url, "limits": {"concurrency": 2, "timeout": 120}})
    base = repository / "baselines" / "micro" / "base"
    write(
        tmp_path / "grid.yaml",
        f"""
recipe: grid
scheme: divide
base: {{path: {base}}}
corpus: {{benchmark: micro_problems, limit: 30, decomposition: gold}}
optimisation: {{steps: 1, learning_rate: 1.0e-3, batch_tokens: 512}}
""",
    )
    study = write(
        tmp_path / "study.yaml",
        f"""
study: grid
title: Decomposer and solver
matrix:
  - recipe: grid.yaml
    name: "{{parts}}"
    vary:
      parts:
        planned: {{decomposer: {{endpoint: {endpoint}}}}}
        solved: {{solver: {{endpoint: {endpoint}}}, decomposer: {{model: {base}}}}}
suites: {{target: {{role: target, limit: 2, tasks: [smallsteps_micro_problems]}}}}
""",
    )
    log = Path(folder).parent / "log"
    before = log.read_text().count("POST /v1/chat/completions")
    smallsteps("run", study, "--out", "grid", "--workers", "1")
    costs = json.loads((tmp_path / "grid" / "report.json").read_text())["costs"]
    assert {(one["student"], one["part"]) for one in costs} == {
        ("planned", "decomposer"),
        ("solved", "solver"),
    }
    assert (
        sum(one["requests"] for one in costs) == log.read_text().count("POST /v1/chat/completions") - before
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    read = written = 0
    for store in (tmp_path / "grid" / "runs").glob("*/endpoint-*.sqlite"):
        with Store(store, readonly=True) as rows:
            for sample in rows:
                read += len(tokenizer(sample.prompt)["input_ids"])
                ended = sample.status == Status.OK
                written += len(tokenizer(sample.text)["input_ids"]) + ended  # the end of the text counts too
    assert sum(one["prompt_tokens"] for one in costs) == read
    assert sum(one["completion_tokens"] for one in costs) == written


def test_evolved_problems(smallsteps: Smallsteps, tmp_path: Path) -> None:
    with Hostile() as server:
        text = ENDPOINT.replace("URL", server.url).replace("limit: 40", "limit: 4")
        spec = write(tmp_path / "c.yaml", text)
        done = smallsteps("teach", spec, "--out", "a", "--evolve", "1", "--json")
        said = json.loads(done.stdout)
        # the scripted endpoint never says yes: every evolution is refused, and counted
        assert said == {"problems": 0, "dropped": {"refused by the judge": 4}}
        assert (tmp_path / "a" / "evolved.jsonl").read_text() == ""
