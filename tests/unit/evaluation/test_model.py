"""The lm-eval model: order, copies, prompts as they are or wrapped, likelihoods, arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.errors import UserError
from smallsteps.evaluation.model import SmallstepsLM
from smallsteps.evaluation.requests import Defaults, asks_of, decoding_of
from smallsteps.schemes import prompt_of

QUESTIONS = ["Tom has 3 apples .", "how many apples now ?", "Tom buys 2 pears and eats 1 ."]


def request(text: str, prompt: str | None = "question", task: str = "toy", **options: Any) -> Any:
    from lm_eval.api.instance import Instance

    doc = {"item": f"{hash(text) % 16**16:016x}"} | ({"prompt": prompt} if prompt else {})
    return Instance("generate_until", doc, (text, {"max_gen_toks": 8, **options}), 0, (task, 0, 1))


def model(folder: Path, **options: Any) -> SmallstepsLM:
    return SmallstepsLM(student=str(folder), dtype="float32", device="cpu", **options)


def test_questions_are_wrapped_and_prompts_are_not(llama: Path) -> None:
    lm = model(llama)
    asked = [request(q) for q in QUESTIONS]
    whole = [request(prompt_of(q), prompt="raw") for q in QUESTIONS]
    foreign = [request(prompt_of(q), prompt=None) for q in QUESTIONS]
    wrapped = lm.generate_until(asked)
    assert [text.strip() for text in lm.generate_until(whole)] == wrapped
    assert lm.generate_until(foreign) == lm.generate_until(whole)
    mixed = lm.generate_until([asked[0], whole[1], asked[2]])
    assert [mixed[0], mixed[1].strip(), mixed[2]] == wrapped


def test_raw_prompts_and_likelihoods_go_to_the_solver(pair: Path) -> None:
    lm, solver = model(pair), model(pair / "solver")
    raw = [request(q, prompt="raw") for q in QUESTIONS]
    assert lm.generate_until(raw) == solver.generate_until(raw)
    from lm_eval.api.instance import Instance

    pairs = [Instance("loglikelihood", {}, ("Tom has", f" {n}"), 0, ("toy", 0, 1)) for n in (1, 2, 3)]
    assert lm.loglikelihood(pairs) == solver.loglikelihood(pairs)
    assert lm.loglikelihood(pairs) != model(pair / "decomposer").loglikelihood(pairs)


def test_copies_of_a_request_become_samples(llama: Path) -> None:
    """lm-eval hands over K times the same object for K repeats."""
    one, two = (request(q, do_sample=True, temperature=1.0) for q in QUESTIONS[:2])
    lm = model(llama)
    texts = lm.generate_until([one] * 4 + [two] * 4)
    assert len(texts) == 8
    assert len(set(texts[:4])) > 1
    assert [len(row) for row in lm.answered.values()] == [4, 4]
    assert lm.system.engines.counts()["model"].prompts == 2
    assert model(llama).generate_until([one] * 2) == texts[:2]
    assert model(llama, seed=9).generate_until([one] * 4) != texts[:4]


def test_equal_requests_of_two_documents_stay_two() -> None:
    asks = asks_of([request(QUESTIONS[0]), request(QUESTIONS[0])], Defaults())
    assert [ask.decoding.samples for ask in asks] == [1, 1]


def test_side_file(pair: Path, tmp_path: Path, lines: Any) -> None:
    side = tmp_path / "solutions.jsonl"
    model(pair, solutions=str(side)).generate_until([request(q) for q in QUESTIONS])
    rows = lines(side)
    assert len(rows) == 3
    assert set(rows[0]) == {"task", "item", "sample", "response", "tokens", "stop", "turns"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Decoding(max_new_tokens=256)),
        ({"until": "\n", "max_gen_toks": 9}, Decoding(max_new_tokens=9, stop=("\n",))),
        ({"until": ["Q:", "\n\n"], "do_sample": False, "temperature": 0.7}, Decoding(stop=("Q:", "\n\n"))),
        ({"do_sample": True}, Decoding(temperature=1.0)),
        ({"temperature": 0.5, "top_p": 0.9}, Decoding(temperature=0.5, top_p=0.9)),
        ({"num_beams": 1}, Decoding()),
    ],
)
def test_generation_options(options: dict[str, Any], expected: Decoding) -> None:
    assert decoding_of(options, Defaults()) == expected


@pytest.mark.parametrize("options", [{"num_beams": 4}, {"top_k": 5}, {"temperature": "hot"}])
def test_generation_options_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="task toy"):
        decoding_of(options, Defaults(), "toy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"student": "./nowhere"}, "no such folder"),
        ({"studnet": "x"}, "did you mean 'student'"),
        ({}, "no student given"),
        ({"student": ".", "batch_size": "many"}, "not a number"),
    ],
)
def test_mistakes_in_model_args(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        SmallstepsLM(**options)
    assert message in str(caught.value)


def test_model_args_win_over_lm_evals_own_options(llama: Path) -> None:
    """lm-eval hands over both, and a plain call would fail with two values for one argument."""
    given = {"student": str(llama), "device": "cpu", "batch_size": 3}
    lm = SmallstepsLM.create_from_arg_obj(
        given, {"device": "cuda:0", "batch_size": 1, "max_batch_size": None}
    )
    assert lm.system.identity["device"] == "cpu"
    assert lm.system.identity["batch_size"] == 3
    lm = SmallstepsLM.create_from_arg_obj({"student": str(llama)}, {"batch_size": 1})
    assert lm.system.identity["batch_size"] == 1024


def test_rolling_likelihood_is_refused(llama: Path) -> None:
    with pytest.raises(UserError, match="perplexity"):
        model(llama).loglikelihood_rolling([])


def test_registered_beside_the_built_in_models() -> None:
    from lm_eval.api.registry import get_model

    assert get_model("smallsteps") is SmallstepsLM
    assert get_model("hf").__name__ == "HFLM"
