"""The teacher of a `teacher:` section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.teachers.model import Teacher
from smallsteps.teachers.spec import FileSpec, OpenAISpec, OracleSpec, StudentSpec, TeacherSpec, find


def make_teacher(spec: TeacherSpec, *, folders: Sequence[Path] = ()) -> Teacher:
    """The teacher of a section.

    Args:
        spec: the section.
        folders: where relative file paths are looked for, in order (the recipe's folder, the data folder).

    Raises:
        UserError: a file, key or model is missing.
    """
    if isinstance(spec, OracleSpec):
        from smallsteps.teachers.oracle import OracleTeacher

        return OracleTeacher(spec.error_rate)
    if isinstance(spec, FileSpec):
        from smallsteps.teachers.files import FileTeacher

        return FileTeacher(find(spec.path, folders), spec.format)
    if isinstance(spec, OpenAISpec) and spec.batch:
        from smallsteps.teachers.batch import BatchTeacher

        return BatchTeacher(spec)
    if isinstance(spec, OpenAISpec):
        from smallsteps.teachers.openai import OpenAITeacher

        return OpenAITeacher(spec)
    if isinstance(spec, StudentSpec):
        raise UserError(
            f"the teacher is a student of the recipe '{spec.recipe}', which only a study trains",
            fix="name both recipes in a study and use 'smallsteps run'",
        )
    from smallsteps.teachers.huggingface import HuggingFaceTeacher

    return HuggingFaceTeacher(spec)
