"""Small results of every kind, and ways to damage their files."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from smallsteps import integrity
from smallsteps.corpora.corpus import Corpus, corpus_hash, read_corpus, write_corpus
from smallsteps.corpora.store import Store
from smallsteps.engines.adapters import AdapterBase, check_adapter, write_base
from smallsteps.errors import UserError
from smallsteps.evaluation.store import ChunkStore
from smallsteps.files import read_object, write_json
from smallsteps.gate.state import open_state
from smallsteps.integrity import write_sealed
from smallsteps.outcomes import Outcome, OutcomeTable, Status, write_outcomes
from smallsteps.outcomes.readers import load
from smallsteps.outcomes.run_folder import SCHEMA as RUN_SCHEMA
from smallsteps.problems import Rationale, load_benchmark, load_problems
from smallsteps.problems.finding import ENVIRONMENT as TASKS
from smallsteps.problems.finding import add_place
from smallsteps.stats.noninferiority import Verdict
from smallsteps.students import Student, hash_weights, read_student, write_student
from smallsteps.students.fetching import listing
from smallsteps.students.offline import RECORD as FETCHED
from smallsteps.students.offline import RECORD_SCHEMA
from smallsteps.students.recorded import record_models
from smallsteps.studies.folder import claim_folder
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.runner import TIMES, _keep_times
from smallsteps.studies.study import load_study
from smallsteps.teachers import Sample, sample_key
from smallsteps.teachers import Status as SampleStatus
from smallsteps.training.result import Figures, Timing, read_result, write_result
from smallsteps.training.workspace import open_workspace, seal_checkpoint
from support.stages import NoteStage

Reader = Callable[[Path], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """Files of one kind, and what reads them.

    Attributes:
        make: writes them into a folder; read: reads them as the product does.
        files: patterns of the files to damage.
        sealed: whether a value other than the undamaged one must never be returned. A recipe has no digest: a
            flipped digit in it is another recipe.
    """

    name: str
    make: Callable[[Path], None]
    read: Reader
    files: tuple[str, ...]
    sealed: bool = True


def make_model(folder: Path) -> None:
    """A random Llama of 3,000 weights with a word tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(1)
    words = ["<pad>", "</s>", "<unk>", *"abcdefgh", "?"]
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)


def _student(folder: Path) -> None:
    make_model(folder / "model")
    weights = {"model": hash_weights(folder / "model")}
    write_student(folder, Student("cot", "cot", {"model": "model"}, base="b", seed=1, weights=weights))


def table(student: str = "cot", right: int = 30) -> OutcomeTable:
    """Forty outcomes of one student, so many of them right."""
    return OutcomeTable.of(
        Outcome(
            student=student,
            seed=1,
            task="svamp",
            item=f"i{n:02d}",
            score=float(n < right),
            status=Status.OK,
            prompt="p",
            extracted=str(n),
            gold=str(n),
        )
        for n in range(40)
    )


def make_run(folder: Path, student: str = "cot", right: int = 30) -> None:
    """A run directory as `smallsteps eval` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_outcomes(folder / "outcomes.parquet", table(student, right))
    write_json(folder / "results_0123.json", {"results": {"svamp": {"exact_match": 0.75}}})
    (folder / "samples_svamp_0123.jsonl").write_text('{"doc": {"item": "i00"}, "resps": [["30"]]}\n' * 5)
    (folder / "solutions.jsonl").write_text('{"task": "svamp", "item": "i00", "sample": 0}\n' * 5)
    manifest = {
        "schema": RUN_SCHEMA,
        "key": "0123",
        "outcomes": {"svamp": 40},
        "settings": {"tasks": ["svamp"]},
    }
    write_sealed(folder / "manifest.json", {**manifest, "files": integrity.digests(folder)})


def _corpus(folder: Path) -> None:
    found = tuple(Rationale(f"p{n}", f"Think. The answer is {n}.", str(n), True) for n in range(20))
    write_corpus(folder, Corpus(found, corpus_hash(found), {"benchmark": "svamp"}, {"kept": 20}, False, 3))


def _store(folder: Path) -> None:
    with Store(folder / "store.sqlite") as store:
        for n in range(40):
            key = sample_key("t", f"prompt {n}", "{}", 0)
            text = f"Think {n}. The answer is {n}."
            store.add([Sample(key, f"p{n}", "t", f"prompt {n}", "{}", 0, SampleStatus.OK, text)])
    (folder / "store.sqlite.lock").unlink()


def _read_store(folder: Path) -> Any:
    with Store(folder / "store.sqlite", readonly=True) as store:
        return list(store)


STAGE = NoteStage(name="cot", shaped_by={"limit": 0.01})


def _stage(folder: Path) -> None:
    write_json(STAGE.folder(folder) / "overlap.json", {"benchmarks": [{"benchmark": "svamp", "exact": 0}]})
    STAGE.mark_done(folder)


def _read_stage(folder: Path) -> Any:
    return STAGE.is_done(folder), read_object(STAGE.folder(folder) / "overlap.json")


def _models(folder: Path) -> None:
    make_model(folder / "base")
    record_models(folder, {"base": str(folder / "base")})


def _read_models(folder: Path) -> Any:
    return record_models(folder, {"base": str(folder / "base")})


def _fetched(folder: Path) -> None:
    make_model(folder / "own" / "model")
    files = integrity.digests(folder / "own" / "model")
    record = {
        "schema": RECORD_SCHEMA,
        "id": "own/model",
        "revision": "main",
        "commit": "c" * 40,
        "files": files,
    }
    write_json(folder / "own" / "model" / FETCHED, record)


def _read_fetched(folder: Path) -> Any:
    """`models ls` shows a damaged record as the state of its model."""
    states = [row.state for row in listing(folder)]
    if states != ["whole"]:
        raise UserError(str(states))
    return states


def _adapter(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    make_model(folder / "base")
    adapter = folder / "adapter"
    adapter.mkdir()
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    pair = {f"{name}.lora_A.weight": torch.ones(2, 16), f"{name}.lora_B.weight": torch.ones(16, 2)}
    save_file(pair, adapter / "adapter_model.safetensors", {"format": "pt"})
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 2, "target_modules": ["q_proj"]}
    write_json(adapter / "adapter_config.json", config)
    write_base(adapter, AdapterBase(str(folder / "base"), None, hash_weights(folder / "base")))


def _times(folder: Path) -> None:
    write_json(folder / TIMES, {"student cot": 1.5})


def _read_times(folder: Path) -> Any:
    _keep_times(folder, {})  # seconds are no result: damaged ones are dropped


DESIGN = {"student": "new", "tasks": ["svamp"], "margins": {"svamp": 0.02}, "alpha": 0.05}


def _gate(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    state = open_state(folder / "gate.json", DESIGN)
    state.tasks["svamp"].scores = {f"i{n}": float(n % 2) for n in range(30)}
    state.tasks["svamp"].looks = [(1, 20, 0.5, Verdict.INCONCLUSIVE.value)]
    state.save()


def _read_gate(folder: Path) -> Any:
    return open_state(folder / "gate.json", DESIGN).tasks


CHUNKS = ChunkStore(Path("responses"), {"weights": "w"})


def _chunks(folder: Path) -> None:
    ChunkStore(folder, {"weights": "w"}).write("k", [{"text": f"The answer is {n}."} for n in range(20)])


def _read_chunk(folder: Path) -> Any:
    found = ChunkStore(folder, {"weights": "w"}).read("k")
    return [{"text": f"The answer is {n}."} for n in range(20)] if found is None else found  # computed again


FIGURES = Figures("in", 1, 9, 0, 1.0, 4, 99, 50, 60, 20, 0, 2.5, 1.5, "cpu", "fp32", "eager")


def _training(folder: Path) -> None:
    make_model(folder)
    (folder / "loss.jsonl").write_text('{"step": 1, "loss": 2.5}\n')
    write_result(folder, FIGURES, Timing(1.0, 2.0, 3, 4))


def _read_training(folder: Path) -> Any:
    return read_result(folder).figures


ENVIRONMENT = {"device": "cpu"}


def _work(folder: Path) -> None:
    work = folder / ".out.work"
    with open_workspace(folder / "out", "in", ENVIRONMENT):
        for step in (2, 4):
            checkpoint = work / f"checkpoint-{step}"
            checkpoint.mkdir()
            for name in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
                (checkpoint / name).write_bytes(Random(f"{step}{name}").randbytes(3000))
            seal_checkpoint(checkpoint)


def _read_work(folder: Path) -> Any:
    """The checkpoint that a training goes on from; either gives the same weights."""
    with open_workspace(folder / "out", "in", ENVIRONMENT) as workspace:
        assert workspace.checkpoint is not None
        files = sorted(workspace.checkpoint.glob("[!c]*"))
        step = workspace.checkpoint.name.rpartition("-")[2]
        return all(path.read_bytes() == Random(f"{step}{path.name}").randbytes(3000) for path in files)


RECIPE = """recipe: cot
scheme: cot
base: {path: base}
corpus: {benchmark: micro_problems, limit: 5}
optimisation: {steps: 2, learning_rate: 1e-3}
"""
STUDY = """study: s
title: T
recipes: [cot.yaml]
suites:
  t: {role: target, tasks: [smallsteps_micro_problems]}
"""


def _recipes(folder: Path) -> None:
    (folder / "cot.yaml").write_text(RECIPE)
    (folder / "study.yaml").write_text(STUDY)


BENCHMARK = """schema: 1
name: own
title: Own sums
kind: number
role: target
reader: jsonl
fields: {{question: q, answer: a}}
files:
  rows: {{path: rows.jsonl{0}}}
  packed: {{path: packed.jsonl.gz{1}}}
  table: {{path: table.csv{2}}}
splits: {{train: {{file: rows}}, dev: {{file: packed}}, test: {{file: table}}}}
"""


def make_benchmark(folder: Path, recorded: bool = True) -> None:
    """An own benchmark of three files, one a layout, with or without their digests in its YAML."""
    rows = [{"q": f"What is {n} plus {n}?", "a": str(2 * n)} for n in range(30)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    table = "q,a\n" + "".join(f"{row['q']},{row['a']}\n" for row in rows)
    contents = {"rows.jsonl": lines, "packed.jsonl.gz": lines, "table.csv": table}
    for name, text in contents.items():
        raw = text.encode()
        (folder / name).write_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)
    sums = [f", sha256: {hashlib.sha256(text.encode()).hexdigest()}" for text in contents.values()]
    (folder / "benchmark.yaml").write_text(BENCHMARK.format(*(sums if recorded else [""] * 3)))


def _read_benchmark(folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TASKS, "")
        (name,) = add_place(folder / "benchmark.yaml")
        return [load_problems(name, split) for split in load_benchmark(name).splits]


def _identity(folder: Path) -> None:
    claim_folder(folder / "study", "mine", resume=False)


def _load_model(folder: Path) -> Any:
    from smallsteps.engines.loading import load_engine

    load_engine(folder, dtype="float32", device="cpu")


CASES = (
    Case("student", _student, read_student, ("student.json", "model/*.json", "model/*.safetensors")),
    Case("run", make_run, lambda f: load([f]).table.columns, ("*.json", "*.jsonl", "*.parquet")),
    Case("corpus", _corpus, read_corpus, ("*.json", "*.jsonl")),
    Case("store", _store, _read_store, ("store.sqlite",)),
    Case("stage", _stage, _read_stage, ("notes/*/*.json",)),
    Case("models", _models, _read_models, ("models.json", "base/*.json", "base/*.safetensors")),
    Case(
        "adapter",
        _adapter,
        lambda f: check_adapter(f / "adapter"),
        ("adapter/*.json", "adapter/*.safetensors", "base/model.safetensors"),
        sealed=False,
    ),
    Case("times", _times, _read_times, ("times.json",), sealed=False),
    Case("fetched", _fetched, _read_fetched, ("own/model/fetched.json",), sealed=False),
    Case("gate", _gate, _read_gate, ("gate.json",)),
    Case("responses", _chunks, _read_chunk, ("k.json",)),
    Case(
        "training", _training, _read_training, ("*.safetensors", "training.json", "loss.jsonl", "config.json")
    ),
    Case("checkpoints", _work, _read_work, (".out.work/*.json", ".out.work/checkpoint-4/*")),
    Case(
        "identity",
        _identity,
        lambda f: claim_folder(f / "study", "mine", resume=True),
        ("study/folder.json",),
    ),
    Case("recipe", _recipes, lambda f: load_recipe(f / "cot.yaml"), ("cot.yaml",), sealed=False),
    Case("study", _recipes, lambda f: load_study(f / "study.yaml"), ("study.yaml", "cot.yaml"), sealed=False),
    Case("benchmark", make_benchmark, _read_benchmark, ("benchmark.yaml",), sealed=False),
    Case("problems", make_benchmark, _read_benchmark, ("rows.jsonl", "packed.jsonl.gz", "table.csv")),
    Case("model", make_model, _load_model, ("*.json", "*.safetensors"), sealed=False),
)


def damages(raw: bytes, places: int, seed: str) -> Iterator[tuple[str, bytes]]:
    """Flipped, cut and zeroed at so many places each."""
    rng = Random(seed)
    for _ in range(places):
        place = rng.randrange(len(raw))
        flipped = bytearray(raw)
        flipped[place] ^= 1 << rng.randrange(8)
        yield f"bit flipped at {place}", bytes(flipped)
        yield f"cut at {place}", raw[:place]
        zeroed = raw[:place] + bytes(min(64, len(raw) - place)) + raw[place + 64 :]
        if zeroed != raw:
            yield f"zeroes at {place}", zeroed


def replaced(path: Path, content: bytes) -> None:
    """Put other content in place of a file (a new inode, as a copy from elsewhere has)."""
    path.with_suffix(".new").write_bytes(content)
    shutil.move(path.with_suffix(".new"), path)
