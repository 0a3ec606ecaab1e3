"""How many tokens a text has, by a tokenizer on the disk or from the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from smallsteps.engines.refusals import load_error
from smallsteps.engines.tokenizer_check import check_file
from smallsteps.students.offline import model_folder, pretrained

# Texts to their numbers of tokens, special tokens left out.
Count = Callable[[Sequence[str]], list[int]]


def token_counter(place: str | Path, revision: str | None = None) -> Count:
    """A counter.

    Args:
        place: folder of a tokenizer or model, a `tokenizer.json`, or a hub id.
        revision: hub revision.

    Raises:
        UserError: no tokenizer there.
    """
    path = model_folder(place, revision) or Path(place)
    fast = path / "tokenizer.json" if path.is_dir() else path
    if fast.is_file() and fast.suffix == ".json":
        from tokenizers import Tokenizer

        check_file(fast)
        try:
            rule = Tokenizer.from_file(str(fast))
        except Exception as error:
            raise load_error(str(path.parent if path.is_file() else path), ValueError(str(error))) from error
        rule.no_truncation()
        rule.no_padding()
        return lambda texts: [
            len(found.ids) for found in rule.encode_batch(list(texts), add_special_tokens=False)
        ]
    from transformers import AutoTokenizer

    try:
        source, options = pretrained(place, revision, tokenizer=True)
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
    except (OSError, ValueError) as error:
        raise load_error(str(place), error) from error
    return lambda texts: [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
