"""What a logged model says of itself is read as text, whatever somebody wrote there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowcoach.evidence import NotFound
from flowcoach.evidence.artifacts import Artifacts
from flowcoach.evidence.mlmodel import Column, MLmodel, read

COLUMNS = json.dumps([{"name": "PULocationID", "type": "long"}, {"name": "trip_distance", "type": "double"}])
WHOLE = f"""
flavors:
  python_function:
    loader_module: mlflow.sklearn
  sklearn:
    serialization_format: skops
saved_input_example_info:
  artifact_path: input_example.json
signature:
  inputs: '{COLUMNS}'
  outputs: '[{{"type": "tensor", "tensor-spec": {{"dtype": "float64", "shape": [-1]}}}}]'
"""


def model(folder: Path, text: str, requirements: str = "") -> Artifacts:
    (folder / "MLmodel").write_text(text, encoding="utf-8")
    if requirements:
        (folder / "requirements.txt").write_text(requirements, encoding="utf-8")
    return Artifacts(folder, str(folder))


def test_a_model_says_how_it_is_loaded_what_goes_in_and_what_it_needs(tmp_path: Path) -> None:
    found = read(model(tmp_path, WHOLE, "mlflow==3.17.2\n\nscikit-learn==1.9.1\n"))
    assert set(found.flavors) == {"python_function", "sklearn"}
    assert found.serialization_format == "skops"
    assert found.inputs == (Column("PULocationID", "long"), Column("trip_distance", "double"))
    assert found.outputs == (Column("", "tensor"),)
    assert found.requirements == ("mlflow==3.17.2", "scikit-learn==1.9.1")
    assert found.input_example


def test_what_a_model_does_not_say_is_none(tmp_path: Path) -> None:
    assert read(model(tmp_path, "flavors: {}")) == MLmodel()


@pytest.mark.parametrize(
    "text",
    [
        "flavors: [sklearn]",
        "flavors: {sklearn: 1}\nsignature: text",
        "signature: {inputs: 'no JSON', outputs: '{}'}",
        f"signature: {{inputs: '{'[' * 5000}'}}",
        "signature: {inputs: '[1, null]'}\nflavors: {sklearn: {serialization_format: [skops]}}",
    ],
)
def test_odd_words_are_taken_for_none(tmp_path: Path, text: str) -> None:
    found = read(model(tmp_path, text))
    assert found.serialization_format == ""
    assert not found.inputs


@pytest.mark.parametrize("text", ["", "- a list", "{", "!!python/object/apply:os.getcwd []", "\0"])
def test_a_file_that_is_none_is_told_kindly(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotFound, match="`MLmodel` cannot be read"):
        read(model(tmp_path, text))


def test_a_file_that_would_take_seconds_to_build_is_told_kindly(tmp_path: Path) -> None:
    parts = "".join(f"  part{number}: {{a: 1}}\n" for number in range(20_000))
    with pytest.raises(NotFound, match="`MLmodel` cannot be read"):
        read(model(tmp_path, f"flavors:\n{parts}"))


def test_a_signature_of_thousands_of_columns_is_read(tmp_path: Path) -> None:
    columns = json.dumps([{"name": f"zone_{number}", "type": "double"} for number in range(5000)])
    assert len(read(model(tmp_path, f"signature:\n  inputs: '{columns}'")).inputs or ()) == 5000


def test_a_flavor_whose_name_is_a_number_too_long_to_write_is_left_out(tmp_path: Path) -> None:
    assert read(model(tmp_path, f"flavors:\n  ? 0x{'F' * 8000}\n  : {{a: 1}}\n")).flavors == {}


def test_a_model_without_the_file_is_told_kindly(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file `MLmodel`"):
        read(Artifacts(tmp_path, str(tmp_path)))
