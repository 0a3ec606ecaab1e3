"""The student directory: a student's card, its parts and their hashes."""

from smallsteps.students.card import (
    CARD,
    Student,
    check_weights,
    hash_weights,
    part_path,
    read_student,
    write_student,
)

__all__ = ["CARD", "Student", "check_weights", "hash_weights", "part_path", "read_student", "write_student"]
