"""What a prompt template may do: show, choose and list. Nothing that makes a long text out of a short one.

A template may come with somebody else's recipe. Jinja's sandbox keeps it from reaching out; these rules keep
it from filling memory (`'a' * 10**10`, doubling by `set`) and from running on (loops in loops).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import StrictUndefined, TemplateRuntimeError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_PROMPT = 1_000_000  # characters
_LONGEST_SOURCE = 100_000
_STEPS = 100_000  # rounds of all loops of one rendering
_BUDGET = "loop_budget_of_smallsteps"
_BOUNDED = "bounded_by_smallsteps"
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Tuple, nodes.List,
    nodes.Dict, nodes.Pair, nodes.Keyword, nodes.CondExpr, nodes.Test, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Concat, nodes.Compare, nodes.Operand, nodes.Add, nodes.Sub, nodes.Div, nodes.FloorDiv,
    nodes.Neg, nodes.Pos, nodes.Not, nodes.And, nodes.Or, nodes.If, nodes.For,
)  # fmt: skip
_CONSTANT = (nodes.Const, nodes.Tuple, nodes.List, nodes.Dict, nodes.Pair, nodes.Name)
_FILTERS = frozenset(
    ("abs", "capitalize", "count", "d", "default", "e", "escape", "first", "float", "int", "join", "last",
     "length", "list", "lower", "max", "min", "replace", "reverse", "round", "sort", "string", "title",
     "trim", "unique", "upper", "wordcount")
)  # fmt: skip
_METHODS = frozenset(
    ("capitalize", "endswith", "lower", "lstrip", "rstrip", "split", "splitlines", "startswith", "strip",
     "title", "upper")
)  # fmt: skip


class TemplateRuleError(Exception):
    """Something that prompt templates may not do. `line`: where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class LoopBudget:
    """Rounds left to all the loops of one rendering."""

    left: int = _STEPS

    def spend(self) -> None:
        """Take one.

        Raises:
            TemplateRuntimeError: none is left.
        """
        self.left -= 1
        if self.left < 0:
            raise TemplateRuntimeError(f"its loops take more than {_STEPS} rounds")


def compile_template(source: str) -> Any:
    """The compiled template.

    Raises:
        TemplateRuleError: it does something that a prompt template may not do.
        jinja2.TemplateSyntaxError: it is not a template.
    """
    if len(source) > _LONGEST_SOURCE:
        raise TemplateRuleError(f"the template has more than {_LONGEST_SOURCE} characters", 1)
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"join": _join, "replace": _replace, _BOUNDED: _bounded}
    try:
        tree = environment.parse(source)
        for node in _all_nodes(tree):
            _check(node)
        for loop in list(tree.find_all(nodes.For)):
            loop.iter = nodes.Filter(loop.iter, _BOUNDED, [], [], None, None, lineno=loop.lineno)
            loop.iter.set_environment(environment)
        return environment.from_string(tree)
    except RecursionError:
        raise TemplateRuleError("the template is nested too deeply", 1) from None


def render(template: Any, values: dict[str, Any]) -> str:
    """The text of a template.

    Raises:
        jinja2.TemplateRuntimeError: it is longer than a prompt can be.
    """
    parts: list[str] = []
    size = 0
    for part in template.generate({**values, _BUDGET: LoopBudget()}):
        size += len(part)
        if size > LONGEST_PROMPT:
            raise TemplateRuntimeError(f"the prompt is longer than {LONGEST_PROMPT} characters")
        parts.append(part)
    return "".join(parts)


def _all_nodes(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all_nodes(child)


def _check(node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter):
        if node.name not in _FILTERS or node.node is None:
            raise TemplateRuleError(f"the filter '{node.name}' is not allowed here", node.lineno)
    elif isinstance(node, nodes.Call):
        if not isinstance(node.node, nodes.Getattr) or node.node.attr not in _METHODS:
            raise TemplateRuleError("calls are not allowed here, but for methods such as strip", node.lineno)
    elif isinstance(node, nodes.Assign):
        if not all(isinstance(part, _CONSTANT) for part in _all_nodes(node.node)) or list(
            node.node.find_all(nodes.Name)
        ):
            raise TemplateRuleError("'set' may only name a constant", node.lineno)
    elif not isinstance(node, _NODES):
        raise TemplateRuleError(f"'{type(node).__name__.lower()}' is not allowed here", node.lineno)
    elif isinstance(node, nodes.For) and node.recursive:
        raise TemplateRuleError("recursive loops are not allowed here", node.lineno)


@pass_context
def _bounded(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    budget = context[_BUDGET]
    for value in values:
        budget.spend()
        yield value


def _join(values: Iterable[Any], between: str = "") -> str:
    """Like Jinja's filter, up to the length of a prompt."""
    size, texts = 0, []
    for value in values:
        texts.append(str(value))
        size += len(texts[-1]) + len(str(between))
        if size > LONGEST_PROMPT:
            raise TemplateRuntimeError(f"'join' makes more than {LONGEST_PROMPT} characters")
    return str(between).join(texts)


def _replace(text: Any, old: str, new: str) -> str:
    """The same."""
    text, old, new = str(text), str(old), str(new)
    if len(text) + text.count(old) * len(new) > LONGEST_PROMPT:
        raise TemplateRuntimeError(f"'replace' makes more than {LONGEST_PROMPT} characters")
    replaced: str = text.replace(old, new)
    return replaced
