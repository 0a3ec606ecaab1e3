"""Teachers: endpoints, local models, files and the oracle of the micro-world. `corpora` collects."""

from smallsteps.teachers.files import FileTeacher, import_file, read_rationales
from smallsteps.teachers.model import Emit, Request, Sample, Sampling, Status, Teacher, sample_key
from smallsteps.teachers.oracle import OracleTeacher

__all__ = [
    "Emit",
    "FileTeacher",
    "OracleTeacher",
    "Request",
    "Sample",
    "Sampling",
    "Status",
    "Teacher",
    "import_file",
    "read_rationales",
    "sample_key",
]
