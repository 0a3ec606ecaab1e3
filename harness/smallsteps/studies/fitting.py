"""Checks for what would stop a training run, before its corpus is collected or paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.engines.counting import token_counter
from smallsteps.errors import DATA, UserError, nearest
from smallsteps.files import read_object
from smallsteps.problems import load_problems
from smallsteps.schemes.base import prompt_of
from smallsteps.students.offline import model_folder
from smallsteps.studies.recipe import Recipe
from smallsteps.training import BaseSpec

END_OF_TEXT = ("</s>", "<|endoftext|>", "<eos>", "<|im_end|>")  # mean only one thing, declared or not
_CONTEXTS = ("max_position_embeddings", "n_positions", "max_seq_len")


@dataclass(frozen=True, slots=True)
class Misfit:
    """An error with the key of the recipe that it belongs to."""

    key: tuple[str, ...]
    error: UserError


def misfits(recipe: Recipe, base: BaseSpec, data: Path | None, *, prompts: bool = True) -> Iterator[Misfit]:
    """What is wrong with a recipe's tokenizer, prompts and marks.

    Args:
        base: with folders for names, as far as they are on the disk; a hub id is not looked at.
        prompts: whether the problems are loaded and their prompts measured.
    """
    named = base.tokenizer or base.place
    folder = None if named is None else model_folder(named, None if base.tokenizer else base.revision)
    if named is None or folder is None:
        return
    try:
        if recipe.format.kind == "plain":
            _check_end(base, folder)
    except UserError as error:
        yield Misfit(("base",), error)
        return
    try:
        student_marks(recipe, base)
    except UserError as error:
        yield Misfit(("corpus", "thoughts"), error)
    if prompts:
        yield from _long_prompts(recipe, base, named, data)


def _check_end(base: BaseSpec, folder: Path) -> None:
    """Whether there is a token for the end of a text, by the tokenizer's files where they say it.

    Raises:
        UserError: there is none, or the one that is named is no token.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        from smallsteps.training.models import load_tokenizer

        if load_tokenizer(base).eos_token is None:
            raise _no_end(folder)
        return
    from tokenizers import Tokenizer

    try:
        tokens = Tokenizer.from_file(str(file))
    except Exception:  # noqa: BLE001  (tokenizers raises no other kind; loading says what is wrong)
        return
    declared = base.eos_token or _declared(folder)
    if declared is None:
        if all(tokens.token_to_id(token) is None for token in END_OF_TEXT):
            raise _no_end(folder)
        return
    if not _known(declared, folder, tokens):
        close = nearest(declared, [token for token in tokens.get_vocab() if not token.isalnum()])
        raise UserError(
            f"the end token {declared!r} is not a token of the tokenizer",
            where=str(folder),
            fix=f"{f'did you mean {close!r}? ' if close else ''}Name one of its tokens with 'eos_token' in"
            " the recipe's 'base' section",
            code=DATA,
        )


def _known(token: str, folder: Path, tokens: Any) -> bool:
    """Whether a token is in the vocabulary, or in one of the lists that tokenizers add to it."""
    if tokens.token_to_id(token) is not None:
        return True
    config = _optional(folder / "tokenizer_config.json")
    listed = config.get("added_tokens_decoder")
    added = [entry.get("content") for entry in listed.values()] if isinstance(listed, Mapping) else []
    return token in added or token in _optional(folder / "added_tokens.json")


def _declared(folder: Path) -> str | None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        found = _optional(folder / name).get("eos_token")
        found = found.get("content") if isinstance(found, Mapping) else found
        if isinstance(found, str) and found:
            return found
    return None


def _optional(path: Path) -> dict[str, Any]:
    return read_object(path) if path.is_file() else {}


def _no_end(folder: Path) -> UserError:
    return UserError(
        "the tokenizer has no token for the end of a text, so the student would never learn to stop",
        where=str(folder),
        fix="name one with 'eos_token' in the recipe's 'base' section, or use another tokenizer",
        code=DATA,
    )


def student_marks(recipe: Recipe, base: BaseSpec) -> dict[str, str]:
    """Marks around the thoughts that a student learns; empty for one that does not think.

    Raises:
        UserError: texts would leave a mark out.
    """
    if recipe.corpus is None or recipe.corpus.thoughts != "learn":
        return {}
    from smallsteps.engines.chat import marks_for
    from smallsteps.training.models import load_tokenizer

    place = base.tokenizer or base.place or ""
    marks = marks_for(place, load_tokenizer(base), recipe.format, recipe.corpus.thought_marks)
    return marks._asdict()


def _long_prompts(recipe: Recipe, base: BaseSpec, named: str, data: Path | None) -> Iterator[Misfit]:
    """Problems whose prompt alone fills what an example may have; replies are not known yet."""
    parts = {part: recipe.optimisation_of(part) for part in recipe.trained}
    strict = [part for part, optimisation in parts.items() if optimisation.too_long == "error"]
    if recipe.corpus is None or not strict:
        return
    shortest = min(strict, key=lambda part: parts[part].max_length)
    allowed = parts[shortest].max_length
    context = _context(base)
    try:
        problems = load_problems(recipe.corpus.benchmark, recipe.corpus.split, data)[: recipe.corpus.limit]
    except UserError:  # said where the data is needed
        return
    texts = [problem.question for problem in problems]
    if recipe.format.kind == "chat":
        from smallsteps.engines.chat import load_chat

        chat = load_chat(named, recipe.format, None if base.tokenizer else base.revision)
        texts = [chat.prompt(prompt_of(text)) for text in texts]
    lengths = token_counter(named, None if base.tokenizer else base.revision)(texts)
    longest = max(range(len(lengths)), key=lengths.__getitem__, default=None)
    room = allowed if context is None else min(allowed, context)
    if longest is None or lengths[longest] < room:
        return
    count = sum(length >= room for length in lengths)
    short = context is not None and context <= allowed
    limit = f"the base's context of {context} tokens" if short else f"max_length = {allowed} tokens"
    own = "max_length" in recipe.parts.get(shortest, {})
    length = ("parts", shortest, "max_length") if own else ("optimisation", "max_length")
    remedy = "use a base with a longer context" if short else "raise 'max_length'"
    error = UserError(
        f"{count} of {len(lengths)} prompts leave no room for a reply in {limit}: that of problem "
        f"'{problems[longest].id}' has {lengths[longest]}",
        fix=f"{remedy}, or set 'too_long: drop' to leave such examples out",
        code=DATA,
    )
    yield Misfit(("base",) if short else length, error)


def _context(base: BaseSpec) -> int | None:
    """Positions of the base; None where there is no bound, or where it is not on the disk."""
    config: Mapping[str, Any] = base.architecture or {}
    if base.place is not None:
        folder = model_folder(base.place, base.revision)
        config = _optional(folder / "config.json") if folder is not None and folder.is_dir() else {}
    found = [config[name] for name in _CONTEXTS if isinstance(config.get(name), int)]
    return found[0] if found else None
