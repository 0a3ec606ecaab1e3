"""The student directory: what a student is made of, written once and read everywhere."""

from smallsteps.students.card import Student, read_student, write_student

__all__ = ["Student", "read_student", "write_student"]
