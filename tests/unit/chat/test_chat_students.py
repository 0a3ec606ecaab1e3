"""A chat student from the recipe to lm-eval: trained, evaluated, and asked by `--apply_chat_template`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from chat_templates import CHATML, THINKING

from smallsteps.engines import Decoding
from smallsteps.engines.chat import ChatEngine, load_chat
from smallsteps.engines.loading import load_engine
from smallsteps.engines.prompts import FormatSpec, Rendered, asked
from smallsteps.errors import UserError
from smallsteps.students import read_student
from support.commands import call

CHAT = FormatSpec(kind="chat")


def write_recipe(
    folder: Path, base: Path, scheme: str = "cot", chat: str = "{kind: chat}", steps: int = 3
) -> Path:
    path = folder / "mine.yaml"
    path.write_text(
        f"recipe: mine\nscheme: {scheme}\nbase: {{path: {base}}}\nformat: {chat}\n"
        "corpus: {benchmark: micro_problems, limit: 24, teacher: {kind: oracle}}\n"
        f"optimisation: {{steps: {steps}, learning_rate: 0.002, batch_tokens: 1024}}\n"
    )
    return path


@pytest.fixture(scope="module")
def student(chat_base: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from smallsteps.studies.run import run_recipe

    folder = tmp_path_factory.mktemp("chat_student")
    return run_recipe(write_recipe(folder, chat_base()), folder / "out", workers=1)


def test_the_card_says_the_format(student: Path) -> None:
    card = read_student(student)
    assert card.format == {"kind": "chat", "system": "", "thinking": None}
    assert (student / "model/chat_template.jinja").read_text().strip() == CHATML.strip()


def test_a_run_asks_in_chats(student: Path, tmp_path: Path, capsys: Any) -> None:
    arguments = ("--tasks", "smallsteps_micro", "--limit", 2, "--max-new-tokens", 4)
    code, _, err = call(capsys, "eval", student, *arguments, "--out", tmp_path / "chat")
    assert code == 0, err
    manifest = json.loads((tmp_path / "chat/manifest.json").read_text())
    sha = hashlib.sha256(CHATML.encode()).hexdigest()
    assert manifest["system"]["format"]["model"]["template_sha256"] == sha
    code, _, err = call(capsys, "eval", student, *arguments, "--out", tmp_path / "plain", "--plain")
    assert code == 0, err
    plain = json.loads((tmp_path / "plain/manifest.json").read_text())
    assert "format" not in plain["system"]
    assert plain["key"] != manifest["key"]


def test_engine_and_template_agree(chat_base: Any) -> None:
    """The texts are those of transformers for the template's own token ids."""
    import torch
    from transformers import AutoModelForCausalLM

    place = str(chat_base())
    chat, engine = load_chat(place, CHAT), load_engine(place, dtype="float32", device="cpu")
    assert engine.model is None  # the fast loader: a template does not change tokens
    text = ChatEngine(engine, chat).generate([asked("Q", "Once upon a time")], Decoding(12))[0][0].text
    ids = chat.tokenizer.apply_chat_template(
        [{"role": "user", "content": "Once upon a time"}], add_generation_prompt=True, return_tensors="pt"
    )["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(place)
    with torch.no_grad():
        out = model.generate(ids, max_new_tokens=12, do_sample=False)
    assert text == chat.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


def test_a_rendered_chat_is_not_rendered_again(chat_base: Any) -> None:
    chat = load_chat(str(chat_base()), CHAT)
    text = chat.prompt("How many?")
    assert chat.prompt(Rendered(text)) == text


def test_a_context_too_short_for_a_chat(chat_base: Any) -> None:
    place = str(chat_base())
    engine = ChatEngine(load_engine(place, device="cpu"), load_chat(place, CHAT))
    with pytest.raises(UserError, match="does not fit the context of 512 tokens"):
        engine.generate(["many words " * 400], Decoding(8))


def test_lm_eval_applies_the_template(chat_base: Any, tmp_path: Path, capsys: Any) -> None:
    """The template and its hash are in the results; our tasks are asked by the student's scheme."""
    place = chat_base()
    code, _, err = call(
        capsys, "eval", place, "--chat", "--tasks", "smallsteps_micro", "--limit", 2, "--max-new-tokens", 4,
        "--out", tmp_path / "own",
    )  # fmt: skip
    assert code == 0, err
    drawn: dict[str, list[int]] = {}
    for path in (tmp_path / "own").rglob("samples_*.jsonl"):
        task = path.name.removeprefix("samples_").rpartition("_")[0]
        drawn[task] = [json.loads(line)["doc_id"] for line in path.read_text().splitlines()]
    code, _, err = call(
        capsys, "lm-eval", "run", "--model", "smallsteps", "--model_args",
        f"student={place},max_new_tokens=4,solutions={tmp_path}/s.jsonl", "--tasks", "smallsteps_micro",
        "--samples", json.dumps(drawn), "--apply_chat_template", "--output_path", tmp_path / "out",
        "--log_samples",
    )  # fmt: skip
    assert code == 0, err
    (results,) = (tmp_path / "out").rglob("results_*.json")
    found = json.loads(results.read_text())
    assert found["chat_template"] == CHATML
    assert found["chat_template_sha"] == hashlib.sha256(CHATML.encode()).hexdigest()
    samples = next((tmp_path / "out").rglob("samples_*.jsonl"))
    row = json.loads(samples.read_text().splitlines()[0])
    prompt = row["arguments"]["gen_args_0"]["arg_0"]
    assert prompt.startswith("<|im_start|>user\n")
    assert prompt.endswith("<|im_start|>assistant\n")
    assert _responses(tmp_path / "own") == _responses(tmp_path / "out")


def _responses(folder: Path) -> dict[str, Any]:
    """Responses by item."""
    rows = [
        json.loads(line) for path in folder.rglob("samples_*.jsonl") for line in path.read_text().splitlines()
    ]
    return {row["doc"]["item"]: row["resps"] for row in rows}


@pytest.mark.parametrize("verb", ["plan", "distill"])
@pytest.mark.parametrize(
    ("template", "chat", "message"),
    [
        ("{{ raise_exception('no such role') }}", "{kind: chat}", "the chat template does not render"),
        (CHATML.replace("im_end", "im_stop"), "{kind: chat}", "not a token of this tokenizer"),
        (CHATML, "{kind: plain, system: Be brief.}", "belong to 'kind: chat'"),
    ],
)
def test_a_template_that_cannot_be_used_is_found_before_anything_is_made(
    chat_base: Any, tmp_path: Path, capsys: Any, verb: str, template: str, chat: str, message: str
) -> None:
    path = write_recipe(tmp_path, chat_base(template), chat=chat)
    command = ("recipes", "plan") if verb == "plan" else (verb,)
    code, _, err = call(capsys, *command, path, "--out", tmp_path / "out")
    assert code >= 64
    assert message in err
    assert "mine.yaml:4: format" in err
    assert not (tmp_path / "out").exists()


def test_what_a_template_does_on_its_own_is_said(chat_base: Any, tmp_path: Path, capsys: Any) -> None:
    path = write_recipe(tmp_path, chat_base(THINKING))
    code, _, err = call(capsys, "recipes", "plan", path, "--out", tmp_path / "out")
    assert code == 0
    assert "note: the chat template leaves the thoughts of earlier replies out" in err


def test_a_format_changes_the_student_and_plain_does_not(chat_base: Any, tmp_path: Path) -> None:
    from smallsteps.studies.run import recipe_stages

    def key(chat: str) -> str:
        path = write_recipe(tmp_path, chat_base(), chat=chat)
        return str(recipe_stages(path, tmp_path / "out")[2][-1].key)

    assert key("{kind: chat}") != key("{kind: plain}")
    path = write_recipe(tmp_path, chat_base())
    path.write_text(path.read_text().replace("format: {kind: chat}\n", ""))
    assert recipe_stages(path, tmp_path / "out")[2][-1].key == key("{kind: plain}")


@pytest.mark.parametrize("chat", ["{kind: chat}", "{kind: plain}"])
def test_a_context_too_short_is_found_before_any_part_is_trained(
    chat_base: Any, tmp_path: Path, chat: str
) -> None:
    """The solver's dialogues are longer than the decomposer's plans, which are trained first."""
    from smallsteps.studies.run import run_recipe

    path = write_recipe(tmp_path, chat_base(), "socratic", chat, steps=2)
    path.write_text(f"{path.read_text()}parts: {{solver: {{max_length: 170}}}}\n")
    with pytest.raises(UserError, match="more than max_length = 170 tokens"):
        run_recipe(path, tmp_path / "out", workers=1)
    assert not list((tmp_path / "out").rglob("*.safetensors"))


def test_a_socratic_student_talks_in_turns(
    chat_base: Any, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    from smallsteps.evaluation.system import load_system
    from smallsteps.studies.run import run_recipe

    folder = run_recipe(write_recipe(tmp_path, chat_base(), "socratic", steps=2), tmp_path / "out", workers=1)
    system = load_system(folder)
    seen: list[str] = []
    solver = system.engines["solver"]._engine  # type: ignore[attr-defined]
    generate = type(solver).generate
    monkeypatch.setattr(
        type(solver),
        "generate",
        lambda self, prompts, decoding: seen.extend(prompts) or generate(self, prompts, decoding),
    )
    from smallsteps.engines import Generation

    plan = Generation("How many cats? How many legs?", 0, 0, "eos")
    system.scheme.answer_plans(["Two cats sit."], [[plan]], system.engines, Decoding(4))  # type: ignore[attr-defined]
    assert len(seen) == 2
    assert [text.count("<|im_start|>user") for text in seen] == [1, 2]
    assert seen[1].startswith(
        "<|im_start|>user\nTwo cats sit.\nHow many cats?<|im_end|>\n<|im_start|>assistant\n"
    )
