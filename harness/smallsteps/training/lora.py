"""Training an adapter instead of all weights, with peft."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smallsteps.engines.adapters import AdapterBase, quiet_peft, require_peft, write_base
from smallsteps.errors import UserError
from smallsteps.students.card import hash_weights
from smallsteps.students.offline import model_folder
from smallsteps.training.settings import BaseSpec, LoraSpec


def add_adapter(model: Any, spec: LoraSpec) -> Any:
    """The model with an adapter in it, all other weights frozen; peft's wrapper, whose base is `model`.

    Raises:
        UserError: peft is missing, or no layer is called as `targets` say.
    """
    require_peft()
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=spec.rank,
        lora_alpha=spec.alpha,  # type: ignore[arg-type]  # peft takes any number
        lora_dropout=spec.dropout,
        target_modules=spec.targets if isinstance(spec.targets, str) else list(spec.targets),
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
    )
    try:
        with quiet_peft():
            return get_peft_model(model, config)
    except ValueError as error:
        layers = sorted(
            {name.rsplit(".", 1)[-1] for name, one in model.named_modules() if hasattr(one, "weight")}
        )
        raise UserError(
            f"no adapter can be added: {str(error).splitlines()[0][:200]}",
            where="lora.targets",
            fix=f"give 'all-linear', or names among: {', '.join(layers)}",
        ) from error


def save(wrapped: Any, spec: LoraSpec, base: BaseSpec, folder: Path) -> None:
    """Write the adapter with the name and hash of its base, or the merged model; training can go on."""
    if spec.keep == "merged":
        wrapped.get_base_model().save_pretrained(folder, state_dict=merged_weights(wrapped))
        return
    assert base.place is not None
    place = model_folder(base.place, base.revision)
    wrapped.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)  # peft's template of a card, empty
    wrapped.get_base_model().generation_config.save_pretrained(folder)
    write_base(folder, AdapterBase(base.place, base.revision, hash_weights(place) if place else ""))


def merged_weights(wrapped: Any) -> dict[str, Any]:
    """All weights by the names that they have without peft, adapters added in; the model is left as it is."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    model = wrapped.get_base_model()
    merged = {
        name.replace(".base_layer.", "."): tensor
        for name, tensor in model.state_dict().items()
        if ".lora_" not in name
    }
    for name, layer in model.named_modules():
        if isinstance(layer, BaseTunerLayer):
            (adapter,) = layer.active_adapters
            own = f"{name}.weight"
            change = layer.get_delta_weight(adapter)  # type: ignore[attr-defined]  # every kind of layer has it
            merged[own] = merged[own] + change.to(merged[own].dtype)
    return merged
