"""Memory by part and time on named hardware."""

from __future__ import annotations

import pytest
from training_cases import optimisation

from smallsteps.errors import UserError
from smallsteps.training.cost import cost
from smallsteps.training.forecast import BESIDE, MACHINES, Teacher, forecast

SHAPES = {"model.embed_tokens.weight": (1000, 64), "layer.weight": (64, 64)}
CONFIG = {"num_hidden_layers": 2, "hidden_size": 64}
PARAMETERS = 64 * 1000 + 64 * 64


def test_adamw_holds_sixteen_bytes_a_parameter() -> None:
    settings = optimisation(optimizer="adamw", steps=10, batch_tokens=100)
    found = forecast(cost(SHAPES, CONFIG, settings), settings, MACHINES["h100"])
    held = [found.memory[name] for name in ("weights", "gradients", "optimizer")]
    assert held == [4 * PARAMETERS, 4 * PARAMETERS, 8 * PARAMETERS]
    assert found.total == cost(SHAPES, CONFIG, settings).memory
    assert found.tokens == 1000
    assert found.flops == 6 * PARAMETERS * 1000


def test_muon_holds_one_number_of_a_hidden_matrix() -> None:
    settings = optimisation(optimizer="muon", steps=10)
    found = forecast(cost(SHAPES, CONFIG, settings), settings, MACHINES["h100"])
    assert found.memory["optimizer"] == 8 * PARAMETERS - 4 * 64 * 64


def test_fsdp_divides_and_offload_moves_to_main_memory() -> None:
    settings = optimisation(optimizer="adamw", steps=10)
    priced = cost(SHAPES, CONFIG, settings)
    divided = forecast(priced, settings, MACHINES["h100"], devices=4, strategy="fsdp")
    assert divided.memory["optimizer"] == 2 * PARAMETERS
    moved = forecast(priced, settings, MACHINES["h100"], devices=4, strategy="offload")
    held = 4 * PARAMETERS  # two layers: all that one device ever holds is the embedding and both
    assert moved.memory == {**divided.memory, "weights": held, "gradients": held, "optimizer": 0}
    assert moved.memory["other"] == BESIDE


def test_devices_share_the_time_and_checkpointing_takes_a_third_more() -> None:
    plain = optimisation(optimizer="adamw", steps=10)
    priced = cost(SHAPES, CONFIG, plain)
    one, four = (forecast(priced, plain, MACHINES["a100"], devices=n).seconds for n in (1, 4))
    assert one is not None
    assert four == pytest.approx(one / 4)
    again = plain.model_copy(update={"gradient_checkpointing": True})
    slower = forecast(cost(SHAPES, CONFIG, again), again, MACHINES["a100"])
    assert slower.seconds == pytest.approx(one * 8 / 6)
    assert slower.memory["activations"] <= forecast(priced, plain, MACHINES["a100"]).memory["activations"]


def test_epochs_leave_tokens_open() -> None:
    settings = optimisation(steps=None, epochs=2.0)
    found = forecast(cost(SHAPES, CONFIG, settings), settings, MACHINES["h100"])
    assert found.tokens is None
    assert "follow from the examples" in found.lines()[-1]


def test_what_cannot_fit_is_refused_with_a_remedy() -> None:
    settings = optimisation(optimizer="adamw", steps=10)
    large = cost({"w": (100_000, 100_000)}, CONFIG, settings)
    found = forecast(large, settings, MACHINES["h100"])
    with pytest.raises(
        UserError, match=r"needs about 150\.0 GiB on each device, h100 has 74\.5 GiB"
    ) as caught:
        found.check("large")
    assert "strategy: fsdp" in (caught.value.fix or "")
    forecast(large, settings, MACHINES["h100"], devices=4, strategy="fsdp").check("large")


def test_a_teacher_adds_its_weights_and_a_forward_pass() -> None:
    settings = optimisation(optimizer="adamw", steps=10, batch_tokens=100)
    priced = cost(SHAPES, CONFIG, settings)
    alone = forecast(priced, settings, MACHINES["h100"])
    taught = forecast(priced, settings, MACHINES["h100"], teacher=Teacher(5000, 10_000))
    assert taught.total == alone.total + 10_000
    assert alone.flops is not None
    assert taught.flops == alone.flops + 10 * 100 * 2 * 5000


def test_weights_in_bf16_halve_what_is_held() -> None:
    whole, half = (
        forecast(cost(SHAPES, CONFIG, settings), settings, MACHINES["h100"])
        for settings in (
            optimisation(optimizer="adamw"),
            optimisation(optimizer="adamw", precision="bf16_weights"),
        )
    )
    for name in ("weights", "gradients", "optimizer"):
        assert 2 * half.memory[name] == whole.memory[name]
