"""Scans belong to patients: what names a patient becomes the label of a group, which reports may show.

A patient's number is no name, and yet it leads to a person. Labels are the first bytes of its SHA-256: equal where the
patient is, across files and sets. Whoever knows the numbers can try them all: ``private`` reports show no groups.
"""

import hashlib
from collections.abc import Sequence


def patient_groups(patients: Sequence[str | None]) -> tuple[str, ...] | None:
    """A label of its patient for each item; None where a patient is not known."""
    known = [patient for patient in patients if patient]
    if len(known) < len(patients):
        return None
    return tuple(f"patient {hashlib.sha256(patient.encode()).hexdigest()[:12]}" for patient in known)


def said_of_patients(patients: Sequence[str | None]) -> str:
    """What notes say of them."""
    if not any(patients):
        return "no item tells its patient"
    if not all(patients):
        return (
            f"{sum(not patient for patient in patients)} of {len(patients)} items do not tell their patient: no groups"
        )
    return f"items are of {len(set(patients))} patients, which groups='source' (--groups source) keeps together"
