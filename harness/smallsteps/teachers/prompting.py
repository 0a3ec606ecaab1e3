"""Prompt templates: Jinja in a sandbox, versioned by the hash of their source."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.files import read_text
from smallsteps.problems import Problem

_SHIPPED = Path(__file__).parent / "prompts"


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt template.

    Attributes:
        name: shipped name, or the path it was read from.
        source: the Jinja text.
    """

    name: str
    source: str

    @property
    def version(self) -> str:
        """First 12 hex digits of the source's sha256."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:12]

    def render(self, problem: Problem, **extra: Any) -> str:
        """The prompt of one problem. Problem text is data: template syntax inside it stays text.

        Raises:
            UserError: the template is wrong, or asks for what the sandbox refuses.
        """
        import jinja2

        from smallsteps.teachers.template_rules import TemplateRuleError, render

        values = {"problem": _view(problem), "question": problem.question, **extra}
        try:
            return render(_compiled(self.source), values)
        except TemplateRuleError as error:
            raise UserError(
                f"template: {error}",
                where=f"{self.name}:{error.line}",
                fix="prompt templates show, choose and list; make longer texts before, in the data",
                code=DATA,
            ) from error
        except jinja2.TemplateSyntaxError as error:
            raise UserError(
                f"template: {error.message}", where=f"{self.name}:{error.lineno}", code=DATA
            ) from error
        except (
            jinja2.TemplateError, TypeError, ValueError, ZeroDivisionError, OverflowError, RecursionError
        ) as error:  # fmt: skip
            raise UserError(f"template: {str(error)[:500]}", where=self.name, code=DATA) from error


@lru_cache(maxsize=64)
def _compiled(source: str) -> Any:
    from smallsteps.teachers.template_rules import compile_template

    return compile_template(source)


def _view(problem: Problem) -> dict[str, Any]:
    """What a template may see of a problem: never its gold answer."""
    return {
        "id": problem.id,
        "question": problem.question,
        "kind": str(problem.kind),
        "choices": list(problem.choices),
    }


def load_template(name: str, folders: Sequence[Path] = ()) -> Template:
    """A shipped template by name, or one from a `.jinja` file.

    Raises:
        UserError: neither exists.
    """
    if name.endswith(".jinja"):
        for candidate in (Path(name), *(folder / name for folder in folders)):
            if candidate.exists():
                return Template(name, read_text(candidate))
        raise UserError("no such prompt template", where=name)
    path = _SHIPPED / f"{name}.jinja"
    if not path.exists():
        raise unknown_name("prompt template", name, template_names())
    return Template(name, read_text(path))


def template_names() -> list[str]:
    """Names of the shipped templates."""
    return sorted(path.stem for path in _SHIPPED.glob("*.jinja"))
