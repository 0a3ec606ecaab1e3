"""A check that examples can be trained on, before the first part of a student is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from smallsteps.engines.prompts import FormatSpec
from smallsteps.training.settings import BaseSpec, Optimisation

if TYPE_CHECKING:
    from smallsteps.schemes import Example


def check_examples(
    examples: Sequence[Example],
    base: BaseSpec,
    optimisation: Optimisation,
    format: FormatSpec | None = None,  # noqa: A002 - the recipe's key
) -> None:
    """Tokenise as `train` will, and train nothing.

    Raises:
        UserError: see `encode` and `load_chat`; an example does not fit `max_length` or the context.
    """
    from transformers import AutoConfig

    from smallsteps.students.offline import pretrained
    from smallsteps.training.models import from_scratch, load_tokenizer, quiet
    from smallsteps.training.tokens import encode

    tokenizer = load_tokenizer(base)
    chat = None
    if format is not None and format.kind == "chat":
        from smallsteps.engines.chat import load_chat

        chat = load_chat(base.tokenizer or base.place or "", format, tokenizer=tokenizer)
    with quiet():
        if base.place is None:
            config = from_scratch(base.architecture or {}, tokenizer)
        else:
            source, options = pretrained(base.place, base.revision)
            config = AutoConfig.from_pretrained(source, **options)
    positions = getattr(config, "max_position_embeddings", None)
    encode(
        examples,
        tokenizer,
        encoder_decoder=bool(config.is_encoder_decoder),
        max_length=min(optimisation.max_length, positions or optimisation.max_length),
        drop_long=optimisation.too_long == "drop",
        chat=chat,
    )
