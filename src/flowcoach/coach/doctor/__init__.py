"""`flowcoach doctor`: the troubles that learners have on the way, each found by its evidence. It changes nothing.

A trouble is a function that looks and a docstring that explains, in one of the modules beside this one.
"""

from __future__ import annotations

from flowcoach.coach.doctor import addresses, code, kernel, show, store
from flowcoach.coach.doctor.patient import Patient
from flowcoach.coach.doctor.trouble import Diagnosis, Finding, Trouble
from flowcoach.problem import Problem

TROUBLES = tuple(
    known
    for module in (addresses, store, code, kernel)
    for known in vars(module).values()
    if isinstance(known, Trouble)
)

__all__ = ["TROUBLES", "Diagnosis", "Finding", "Patient", "Trouble", "examine", "show"]


def examine(patient: Patient) -> tuple[Diagnosis, ...]:
    """The troubles that a workspace has, in the order in which they are worth curing; none when it is healthy.

    Raises Problem when the store cannot be read and no trouble says why: then nothing can be said.
    """
    try:
        found = [Diagnosis(known.id, known.sentence, tuple(known.look(patient))) for known in TROUBLES]
        diagnoses = tuple(diagnosis for diagnosis in found if diagnosis.findings)
        if not diagnoses and isinstance(patient.evidence, Problem):
            raise patient.evidence
        return diagnoses
    finally:
        patient.close()
