"""The trouble of Jupyter: a notebook that runs on another Python than the one where the course is installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from flowcoach.coach.doctor.patient import Patient
from flowcoach.coach.doctor.trouble import Finding, trouble
from flowcoach.coach.start import KERNEL

REGISTER = f'python -m ipykernel install --sys-prefix --name {KERNEL} --display-name "Python ({KERNEL})"'
CHOOSE = f"Kernel → Change Kernel → Python ({KERNEL})"


@trouble("wrong-kernel")
def wrong_kernel(patient: Patient) -> Iterator[Finding]:
    """A notebook runs on a Python in which the course is not installed."""
    lacking = {error.where for error in patient.said(r"No module named '(mlflow|flowcoach)'")}
    for where in sorted(lacking):
        yield Finding("the saved error “No module named …”", where, CHOOSE)
    for name in sorted({source.kernel for source in patient.sources if source.kernel} if patient.kernels else ()):
        notebook = next(source.name for source in patient.sources if source.kernel == name)
        found = next((path for folder in patient.kernels if (path := folder / name / "kernel.json").is_file()), None)
        if found is None:
            yield Finding(f"it asks for a kernel “{name}”, which Jupyter does not know here", notebook, REGISTER)
        elif why := _fault(found):
            yield Finding(f"its kernel “{name}” starts {why}", notebook, REGISTER if name == KERNEL else CHOOSE)


def _fault(path: Path) -> str | None:
    """What is wrong with the Python that a kernel starts; None when nothing is, or one cannot tell.

    The form is Jupyter's: https://jupyter-client.readthedocs.io/en/stable/kernels.html#kernel-specs.
    """
    try:
        command = json.loads(path.read_text(encoding="utf-8"))["argv"][0]
        python = Path(command)
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None
    if not python.is_absolute():
        return None
    if not python.exists():
        return f"{python}, which is not there any more"
    home = python.parent.parent
    if not (home / "pyvenv.cfg").is_file():
        return None
    libraries = [*home.glob("lib/python3.*/site-packages"), home / "Lib" / "site-packages"]
    if any((place / "mlflow").is_dir() for place in libraries):
        return None
    return f"{python}, where MLflow is not installed"
