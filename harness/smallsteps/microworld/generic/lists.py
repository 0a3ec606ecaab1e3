"""Tasks on lists of words."""

from __future__ import annotations

from random import Random

from smallsteps.microworld.generic.task import GenericTask, Item, listed, named
from smallsteps.microworld.words import COLORS, KINDS, NAMES, THINGS
from smallsteps.problems import AnswerKind

_COUNTED = ("animal", "fruit", "tool")
_WORDS = tuple(sorted({word for kind in _COUNTED for word in KINDS[kind]}))
_ALL = tuple(dict.fromkeys(word for kind in KINDS.values() for word in kind))
_SPELLED = tuple(word for word in _WORDS if word[0] != "a")  # text comparison drops the article "a"


def word_sorting(rng: Random) -> Item:
    """Three or four words in alphabetical order."""
    words = rng.sample(_WORDS, rng.randint(3, 4))
    ordered = sorted(words)
    first, *rest = ordered
    rationale = f"First {first}. " + " ".join(f"Then {word}." for word in rest)
    return f"Sort these words: {' '.join(words)}", rationale, " ".join(ordered)


def reversed_list(rng: Random) -> Item:
    """Three or four words backwards."""
    words = rng.sample(_WORDS, rng.randint(3, 4))
    back = words[::-1]
    rationale = f"First {back[0]}. " + " ".join(f"Then {word}." for word in back[1:])
    return f"Reverse these words: {' '.join(words)}", rationale, " ".join(back)


def first_letters(rng: Random) -> Item:
    """The first letters of two or three words."""
    words = rng.sample(_SPELLED, rng.randint(2, 3))
    rationale = " ".join(f"{word} starts with {word[0]}." for word in words)
    return f"What are the first letters of {listed(words)}?", rationale, " ".join(word[0] for word in words)


def odd_one_out(rng: Random) -> Item:
    """Three words of one kind and one of another."""
    many, one = rng.sample(tuple(KINDS), 2)
    odd = rng.choice(KINDS[one])
    words = [(word, many) for word in rng.sample(KINDS[many], 3)] + [(odd, one)]
    rng.shuffle(words)
    rationale = " ".join(f"{word}: {kind}." for word, kind in words)
    row = [word for word, _ in words]
    asked = f"Which is the odd one out: {', '.join(row)}?"
    if rng.random() < 0.5:
        asked = f"Of {listed(row)}, which is the odd one out?"
    return asked, rationale, odd


def object_counting(rng: Random) -> Item:
    """How many things of one kind are in a list of numbers of things."""
    asked = rng.choice(_COUNTED)
    inside = rng.randint(1, 2)
    others = [kind for kind in _COUNTED if kind != asked]
    words = rng.sample(KINDS[asked], inside) + [
        rng.choice(KINDS[rng.choice(others)]) for _ in range(3 - inside)
    ]
    rng.shuffle(words)
    counts = [rng.randint(2, 9) for _ in words]
    mine = [count for word, count in zip(words, counts, strict=True) if word in KINDS[asked]]
    rationale = f"{mine[0]} + {mine[1]} = {sum(mine)}." if inside == 2 else f"Only {mine[0]} {asked}s."
    have = listed([f"{count} {word}s" for word, count in zip(words, counts, strict=True)])
    name = rng.choice(NAMES)
    question = f"How many {asked}s does {name} have?"
    if rng.random() < 0.5:
        question = f"What is the number of {asked}s that {name} has?"
    return f"{name} has {have}. {question}", rationale, str(sum(mine))


def colored_objects(rng: Random) -> Item:
    """The color of one of three things."""
    things, colors = rng.sample(THINGS, 3), rng.sample(COLORS, 3)
    row = [f"a {color} {thing}" for color, thing in zip(colors, things, strict=True)]
    place = rng.randrange(3)
    if place > 0 and rng.random() < 0.3:
        asked = f"What color is the thing after the {things[place - 1]}?"
        rationale = f"After the {things[place - 1]} is a {colors[place]} {things[place]}."
    else:
        asked = f"What color is the {things[place]}?"
        rationale = f"It is a {colors[place]} {things[place]}."
    return f"There is {listed(row)}. {asked}", rationale, colors[place]


TASKS = (
    GenericTask("word_sorting", "words in alphabetical order", AnswerKind.TEXT, word_sorting),
    GenericTask("reversed_list", "words backwards", AnswerKind.TEXT, reversed_list),
    GenericTask("first_letters", "first letters of words", AnswerKind.TEXT, first_letters),
    GenericTask("odd_one_out", "the word of another kind", AnswerKind.TEXT, odd_one_out, named(_ALL)),
    GenericTask("object_counting", "count the things of one kind", AnswerKind.NUMBER, object_counting),
    GenericTask(
        "colored_objects", "the color of a thing in a row", AnswerKind.TEXT, colored_objects, named(COLORS)
    ),
)
