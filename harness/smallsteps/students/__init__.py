"""The student directory: what a student is made of, written once and read everywhere."""

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
