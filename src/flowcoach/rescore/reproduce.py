"""Believe a logged metric after its run's own model reproduced it."""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from flowcoach import isolation
from flowcoach.evidence import Artifacts, Evidence, Figure, NotFound, Outcome, Run, Unavailable, Verdict
from flowcoach.isolation import Limits, NoResult, NotIsolated, Trust
from flowcoach.rescore.memory import Memory, key
from flowcoach.rescore.months import Month, Months, UnknownMonth
from flowcoach.rescore.vet import VECTORIZERS, Unfit, Vetted, describe, vet, vet_pickle

# Minutes. The same model on the same trips differs by 1e-12 between machines; a learner may log three decimals.
TOLERANCE = 0.001
_LIMITS = Limits(seconds=120, memory=3 * 2**30, disk=2**30)
_WORKER = Path(__file__).with_name("worker.py")
_BESIDE = ("homework", "homework/output", "output", "models")  # where the original course's scripts put a vectorizer
_MODELS = 3  # of one run are tried; who logs more has logged the same again

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Task:
    """One model of a run to ask about one month."""

    figure: Figure
    model: Vetted
    vectorizer: Path | None
    month: Month


@dataclass
class Reproducer:
    """Re-computes figures, and remembers within one look what it found.

    `months` finds the trips, `trust` says whose work it is, `memory` is what one's own workspace keeps (None for
    somebody else's). Without `compute`, only what is remembered is told. `say` is told before models are loaded.
    """

    months: Months
    trust: Trust
    memory: Memory | None = None
    compute: bool = True
    limits: Limits = _LIMITS
    say: Say = lambda _: None
    _found: dict[tuple[str, str, str], Verdict] = field(default_factory=dict)
    _months: dict[str, Month] = field(default_factory=dict)

    def __call__(self, evidence: Evidence, figures: Sequence[Figure]) -> tuple[Verdict | None, ...]:
        """A verdict on each figure; None for one that is not remembered when nothing may be computed.

        Raises NotFound for a run that did not log the metric.
        """
        open = {}
        for figure in figures:
            figure.run.metric(figure.metric)
            if _name(figure) not in self._found:
                open[_name(figure)] = figure
        for figure in open.values():
            self._recall(evidence, figure)
        tasks: list[_Task] = []
        for name, figure in open.items():
            if name in self._found or not self.compute:
                continue
            prepared = self._prepare(evidence, figure)
            if isinstance(prepared, Verdict):
                self._found[_name(figure)] = prepared
            else:
                tasks += prepared
        if tasks:
            self._ask(tasks)
        return tuple(self._found.get(_name(figure)) for figure in figures)

    def _prepare(self, evidence: Evidence, figure: Figure) -> list[_Task] | Verdict:
        """What to ask for a figure; a verdict where nothing can be asked."""
        try:
            month = self._month(figure.month)
            models = _models(evidence, figure.run)
        except (UnknownMonth, Unavailable) as reason:
            return _irreproducible(figure, str(reason).rstrip("."))
        tasks, refused, missing = [], [], []
        for files in models[:_MODELS]:
            try:
                fit = vet(files)
                if fit.run_id not in ("", figure.run.id):
                    missing.append(f"the files of its model say that another run logged them ({fit.run_id[:32]})")
                    continue
                vectorizer = None if fit.columns else _vectorizer(evidence, figure.run, files)
                if vectorizer is not None:
                    vet_pickle(vectorizer)
                tasks.append(_Task(figure, fit, vectorizer, month))
            except Unfit as reason:
                refused.append(str(reason))
            except Unavailable as reason:
                missing.append(str(reason))
        if tasks:
            return tasks
        if refused:
            return Verdict(
                figure, Outcome.NOT_ALLOWED, _logged(figure), reason=f"its model is not loaded: {refused[0]}"
            )
        return _irreproducible(figure, missing[0] if missing else "the run logged no model")

    def _month(self, name: str) -> Month:
        if name not in self._months:
            self._months[name] = Month(self.months(name))
        return self._months[name]

    def _recall(self, evidence: Evidence, figure: Figure) -> None:
        """What the same model gave before: it was looked at then, so only its content is compared now."""
        if self.memory is None or not self.memory.folder.is_dir():
            return
        with suppress(UnknownMonth, Unavailable, Unfit, OSError):
            month = self._month(figure.month)
            for files in _models(evidence, figure.run)[:_MODELS]:
                model = describe(files)
                if model.run_id not in ("", figure.run.id):
                    continue
                vectorizer = None if model.columns else _vectorizer(evidence, figure.run, files)
                rmse = self.memory.recall(key(model, vectorizer, month))
                if rmse is not None:
                    self._judge(figure, rmse)

    def _ask(self, tasks: Sequence[_Task]) -> None:
        """Let models predict, many in one process where that is safe, for loading libraries takes longest.

        That is one's own work, and what skops builds from types that are trusted; a stranger's pickle has a process to
        itself, so that it can touch no other's figure.
        """
        self.say(f"Asking {len(tasks)} logged {'model' if len(tasks) == 1 else 'models'} again")
        own = self.trust is Trust.OWN
        safe = [task for task in tasks if own or (task.model.format == "skops" and task.vectorizer is None)]
        batches = [*([safe] if safe else []), *([task] for task in tasks if task not in safe)]
        for batch in batches:
            try:
                answers = _predictions(batch, self.trust, self.limits)
            except NotIsolated as reason:
                answers = [reason] * len(batch)
            for task, answer in zip(batch, answers, strict=True):
                if isinstance(answer, NotIsolated):
                    verdict = Verdict(task.figure, Outcome.NOT_ALLOWED, _logged(task.figure), reason=str(answer))
                    self._found.setdefault(_name(task.figure), verdict)
                elif isinstance(answer, str):
                    reason = answer + _other_version(task.model)
                    self._found.setdefault(_name(task.figure), _irreproducible(task.figure, reason))
                else:
                    if self.memory is not None:
                        self.memory.keep(key(task.model, task.vectorizer, task.month), answer)
                    self._judge(task.figure, answer)

    def _judge(self, figure: Figure, rmse: float) -> None:
        """Compare; of several models of a run, the one that comes nearest speaks for it."""
        logged = _logged(figure)
        before = self._found.get(_name(figure))
        near = abs(rmse - logged)
        if before is not None and before.recomputed is not None and abs(before.recomputed - logged) <= near:
            return
        outcome = Outcome.REPRODUCED if near <= TOLERANCE else Outcome.DIFFERS
        self._found[_name(figure)] = Verdict(figure, outcome, logged, rmse)


def _predictions(tasks: Sequence[_Task], trust: Trust, limits: Limits) -> list[float | str]:
    """The RMSE in minutes that each task's model really has, or why there is none. Raises NotIsolated."""
    with tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        order = _order(tasks, folder)
        (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
        done = isolation.run([sys.executable, "-I", str(_WORKER)], folder=folder, trust=trust, limits=limits)
        answers: list[float | str] = []
        for number, task in enumerate(tasks):
            try:
                answers.append(_rmse(isolation.read_result(folder, f"{number}.f64"), task.month))
            except NoResult:
                answers.append(_reason(folder, number) or f"its model gave no answer: {done.why(limits)}")
            except ValueError as reason:
                answers.append(str(reason))
        return answers


def _order(tasks: Sequence[_Task], folder: Path) -> dict[str, object]:
    """Copies of everything the worker needs in `folder`, and what it shall do with them."""
    models: dict[Path, int] = {}
    months: dict[Path, int] = {}
    described: list[dict[str, object]] = []
    for task in tasks:
        if task.month.path not in months:
            task.month.features.to_parquet(folder / f"month-{len(months)}.parquet", index=False)
            months[task.month.path] = len(months)
        if task.model.file in models:
            continue
        number = models[task.model.file] = len(models)
        shutil.copyfile(task.model.file, folder / f"model-{number}")
        if task.vectorizer is not None:
            shutil.copyfile(task.vectorizer, folder / f"vectorizer-{number}")
        described.append(
            {
                "file": f"model-{number}",
                "format": task.model.format,
                "columns": task.model.columns,
                "vectorizer": f"vectorizer-{number}" if task.vectorizer else None,
            }
        )
    return {
        "models": described,
        "months": [f"month-{number}.parquet" for number in months.values()],
        "tasks": [[models[task.model.file], months[task.month.path]] for task in tasks],
    }


def _rmse(raw: bytes, month: Month) -> float:
    """The RMSE of predictions against the true durations. Raises ValueError for what is no prediction per trip."""
    import numpy as np

    durations = month.durations
    if len(raw) != 8 * len(durations):
        raise ValueError(f"its model gave {len(raw) // 8:,} predictions for {len(durations):,} trips")
    predictions = np.frombuffer(raw, dtype="float64")
    if not np.isfinite(predictions).all():
        raise ValueError("its model predicts what is no number")
    with np.errstate(over="ignore"):
        rmse = float(np.sqrt(np.mean((predictions - durations) ** 2)))
    if not math.isfinite(rmse):
        raise ValueError("its model predicts what is no duration")
    return rmse


def _reason(folder: Path, number: int) -> str:
    """What the worker says kept a model from predicting; a stranger's model may have written it."""
    try:
        text = isolation.read_result(folder, f"{number}.txt", most=4096).decode("utf-8", errors="replace")
    except NoResult:
        return ""
    return f"its model cannot predict here ({' '.join(text.split())[:300]})"


def _other_version(model: Vetted) -> str:
    """A word on the library when the model was saved by another version of it."""
    from importlib.metadata import version

    here = version("scikit-learn")
    for line in model.requirements:
        name, _, pinned = line.partition("==")
        if name.strip() == "scikit-learn" and pinned.split(".")[:2] != here.split(".")[:2]:
            return f"; it was saved with scikit-learn {pinned[:20]}, here is {here}"
    return ""


def _models(evidence: Evidence, run: Run) -> list[Artifacts]:
    """The files of the models that a run logged, the newest first. Raises Unavailable when none came along."""
    found, missing = [], None
    for model in reversed(run.models):
        if model.status != "READY":
            continue
        try:
            found.append(evidence.artifacts(model))
        except (Unavailable, NotFound) as reason:
            missing = reason
    if found:
        return found
    try:  # before MLflow 3, a model lay among its run's artifacts
        files = evidence.artifacts(run)
    except NotFound:
        files = None
    except Unavailable:
        if missing is None:
            raise
        files = None
    if files is not None:
        folders = [path.removesuffix("/MLmodel") for path in files.files() if path.endswith("/MLmodel")]
        found = [below for folder in folders if (below := files.below(folder)) is not None]
    if not found and missing is not None:
        raise Unavailable(str(missing) if isinstance(missing, Unavailable) else "the files of its model are gone")
    return found


def _vectorizer(evidence: Evidence, run: Run, model: Artifacts) -> Path | None:
    """The vectorizer that belongs to a bare model: among the run's files, or where the scripts put it."""
    places = [model]
    with suppress(NotFound, Unavailable):
        places.append(evidence.artifacts(run))
    for files in places:
        for path in files.files():
            if path.rsplit("/", 1)[-1] in VECTORIZERS:
                return files.file(path)
    for folder in _BESIDE:
        for name in VECTORIZERS:
            try:
                return evidence.file(f"{folder}/{name}")
            except (NotFound, Unavailable):
                continue
    return None


def _name(figure: Figure) -> tuple[str, str, str]:
    return figure.run.id, figure.metric, figure.month


def _logged(figure: Figure) -> float:
    return figure.run.metrics[figure.metric]


def _irreproducible(figure: Figure, reason: str) -> Verdict:
    return Verdict(figure, Outcome.IRREPRODUCIBLE, _logged(figure), reason=reason)
