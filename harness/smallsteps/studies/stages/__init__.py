"""The stages of a study, one file for each kind."""

from smallsteps.studies.stages.base import Stage
from smallsteps.studies.stages.corpus import CorpusStage, corpus_stage, section_name
from smallsteps.studies.stages.mix import MixStage, one_corpus
from smallsteps.studies.stages.overlap import OverlapStage, overlap_stage
from smallsteps.studies.stages.run import RunStage, reference_run, student_run
from smallsteps.studies.stages.student import StudentStage, student_stage

__all__ = [
    "CorpusStage",
    "MixStage",
    "OverlapStage",
    "RunStage",
    "Stage",
    "StudentStage",
    "corpus_stage",
    "one_corpus",
    "overlap_stage",
    "reference_run",
    "section_name",
    "student_run",
    "student_stage",
]
