"""Troubles of code: seen in the learner's scripts and notebooks, and in the errors that notebooks keep."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata

from flowcoach.coach.doctor.patient import Patient
from flowcoach.coach.doctor.sources import Call, Source, calls_in, text_of
from flowcoach.coach.doctor.trouble import Finding, trouble
from flowcoach.evidence import Evidence, ModelVersion, NotFound, Unavailable

_FITS = {"fit", "fit_transform", "partial_fit", "train", "optimize", "fmin", "cross_val_score", "cross_validate"}
_DENSE_INDICES = {"Lasso", "ElasticNet", "SGDRegressor", "SGDClassifier", "LinearSVR", "LinearSVC"}
_OPENERS = {"load_model", "register_model"}


@trouble("autolog-too-late")
def autolog_too_late(patient: Patient) -> Iterator[Finding]:
    """Autolog hears only what comes after it: switched on after the fit, it logs nothing."""
    for source in patient.sources:
        calls = source.calls()
        on = [number for number, call in enumerate(calls) if call.last == "autolog" and _switches_on(call)]
        fitting = _FITS | _functions_that_fit(source)
        fits = [number for number, call in enumerate(calls) if call.last in fitting]
        if on and fits and max(fits) < min(on):
            yield Finding(
                f"the last fit is before autolog is switched on ({calls[max(fits)].where})",
                calls[min(on)].where,
                "mlflow.sklearn.autolog(log_models=False)  (above the fit, then fit again)",
            )


def _switches_on(call: Call) -> bool:
    disable = call.argument("disable")
    return not (isinstance(disable, ast.Constant) and disable.value is True)


def _functions_that_fit(source: Source) -> set[str]:
    """The functions of a source in which something is fitted: to call one is to fit."""
    functions = [
        node
        for part in source.parts
        for node in ast.walk(part.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found: set[str] = set()
    for _ in functions:  # one may call another
        found |= {one.name for one in functions if any(call.last in _FITS | found for call in calls_in(one))}
    return found


@trouble("sparse-indices")
def sparse_indices(patient: Patient) -> Iterator[Finding]:
    """DictVectorizer gives a matrix with 64-bit indices, and Lasso and its relatives take only 32-bit ones."""
    cure = "X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)"
    for error in patient.said("Only sparse matrices with 32-bit integer indices"):
        yield Finding("the saved error “Only sparse matrices with 32-bit integer indices …”", error.where, cure)
    if _version("scikit-learn") < (1, 9):
        return
    for source in patient.sources:
        calls = source.calls()
        dense = [call for call in calls if call.last == "DictVectorizer" and call.argument("sparse") is not None]
        sparse = [call for call in calls if call.last == "DictVectorizer" and call not in dense]
        models = [call for call in calls if call.last in _DENSE_INDICES]
        if sparse and models and not {"indices", "toarray", "todense"} & source.attributes():
            yield Finding(f"{models[0].last} on what a DictVectorizer made", models[0].where, cure)


def _version(package: str) -> tuple[int, ...]:
    with suppress(metadata.PackageNotFoundError):
        return tuple(int(part) for part in re.findall(r"\d+", metadata.version(package))[:2])
    return ()


@trouble("removed")
def removed(patient: Patient) -> Iterator[Finding]:
    """The code calls something that was removed or renamed since the material it comes from was written."""
    for source in patient.sources:
        for call in source.calls():
            if call.last == "mean_squared_error" and call.argument("squared") is not None:
                yield Finding("the argument squared=", call.where, "root_mean_squared_error(y_true, y_pred)")
            elif call.last == "log_model" and call.argument("artifact_path") is not None:
                yield Finding("the argument artifact_path=", call.where, f'{call.name}(model, name="model")')
            elif call.last in _SUCCESSORS and "." in call.name:
                yield Finding(f"{call.last}(…)", call.where, f"{_SUCCESSORS[call.last]}")


_SUCCESSORS = {
    "list_experiments": "mlflow.search_experiments()",
    "list_run_infos": "mlflow.search_runs(experiment_names=[name])",
    "list_registered_models": "mlflow.search_registered_models()",
    "get_feature_names": "get_feature_names_out()",
}


@trouble("run-still-active")
def run_still_active(patient: Patient) -> Iterator[Finding]:
    """A run that was opened without `with` stays open until it is ended, and the next `start_run` fails."""
    for error in patient.said(r"Run with UUID \w+ is already active"):
        yield Finding("the saved error “Run … is already active”", error.where, "mlflow.end_run()")


@trouble("parameter-changed")
def parameter_changed(patient: Patient) -> Iterator[Finding]:
    """A parameter that stands in a run cannot be changed: a second try needs a run of its own."""
    for error in patient.said("Changing param values is not allowed"):
        yield Finding("the saved error “Changing param values is not allowed”", error.where, _WITH)


_WITH = "with mlflow.start_run():"


@trouble("model-address")
def model_address(patient: Patient) -> Iterator[Finding]:
    """A model's address leads to no model: it is written `runs:/`, the run's id, and the name that `log_model` got."""
    for source in patient.sources:
        for call in source.calls():
            address = text_of(_address(call)) if call.last in _OPENERS else None
            if address and re.match(r"(runs/|run:/|runs://|model:/|models://)", address):
                yield Finding(f"the address {address}", call.where, f'{call.name}(f"runs:/{{run_id}}/model")')
    if isinstance(patient.evidence, Evidence):
        yield from _ghosts(patient.evidence)


def _address(call: Call) -> ast.expr | None:
    return call.argument("model_uri", 0)


def _ghosts(evidence: Evidence) -> Iterator[Finding]:
    """Versions behind which there is no model."""
    for version in _newest_versions(evidence):
        try:
            evidence.artifacts(version)
        except NotFound:
            yield Finding(
                f"version {version.version} points at {version.source}, where no model was logged",
                f"registered model “{version.name}”",
                f'mlflow.register_model(f"runs:/{{run_id}}/model", "{version.name}")',
            )
        except Unavailable:
            continue


def _newest_versions(evidence: Evidence) -> Iterable[ModelVersion]:
    return (model.versions[-1] for model in evidence.models if model.versions)
