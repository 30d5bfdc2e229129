"""Before anything is loaded, a model's files are looked at: what models are made of may load, and nothing else."""

from __future__ import annotations

import io
import json
import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowcoach.evidence import Artifacts, Unavailable
from flowcoach.rescore import pickles
from flowcoach.rescore.pickles import Unfit
from flowcoach.rescore.vet import Vetted, vet

SKLEARN = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle", "code": None}
FUNCTION = {"loader_module": "mlflow.sklearn", "model_path": "model.pkl"}
HARMLESS = pickle.dumps({"coefficients": [1.0, 2.0]})


class Calls:
    """Unpickling calls this with these arguments."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call = (call, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Vetted]:
    """Vet a model of these files and settings."""

    def look(content: bytes = HARMLESS, sklearn: Any = None, function: Any = None, **flavors: Any) -> Vetted:
        told = {"sklearn": {**SKLEARN, **(sklearn or {})}, "python_function": {**FUNCTION, **(function or {})}}
        about = {"flavors": {**told, **flavors}, "run_id": "r" * 32}
        (tmp_path / "MLmodel").write_text(yaml.safe_dump(about), encoding="utf-8")
        if not (tmp_path / "model.pkl").is_symlink():
            (tmp_path / "model.pkl").write_bytes(content)
        return vet(Artifacts(tmp_path, "models:/m-1"))

    return look


def skops(**schema: Any) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    return packed.getvalue()


def test_a_model_that_holds_plain_data_may_be_loaded(model: Callable[..., Vetted]) -> None:
    found = model()
    assert (found.format, found.run_id, found.file.name) == ("pickle", "r" * 32, "model.pkl")


class TestItsDescription:
    @pytest.mark.parametrize("flavor", ["pytorch", "keras", "langchain"])
    def test_another_kind_of_model_is_named(self, model: Callable[..., Vetted], flavor: str) -> None:
        with pytest.raises(Unfit, match=flavor):
            model(**{flavor: {"code": None}})

    def test_a_foreign_loader_is_named(self, model: Callable[..., Vetted]) -> None:
        with pytest.raises(Unfit, match="asks for the loader “my_loader”"):
            model(function={"loader_module": "my_loader"})

    @pytest.mark.parametrize("key", ["code", "model_code_path", "data"])
    def test_code_of_its_own_is_refused(self, model: Callable[..., Vetted], key: str) -> None:
        with pytest.raises(Unfit, match=f"code or data of its own \\({key}"):
            model(function={key: "code"})

    @pytest.mark.parametrize("name", ["../model.pkl", "/etc/passwd", "..\\model.pkl", ["model.pkl"], None])
    def test_a_file_outside_of_it_is_refused(self, model: Callable[..., Vetted], name: Any) -> None:
        with pytest.raises(Unfit, match="names the model's file"):
            model(sklearn={"pickled_model": name})

    def test_a_link_out_of_it_is_refused(self, model: Callable[..., Vetted], tmp_path: Path) -> None:
        outside = tmp_path.parent / f"{tmp_path.name}-outside.pkl"
        outside.write_bytes(HARMLESS)
        try:
            (tmp_path / "model.pkl").symlink_to(outside)
        except OSError:
            pytest.skip("this machine makes no links")
        with pytest.raises(Unavailable, match="missing"):
            model()

    def test_a_description_that_is_no_yaml_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "MLmodel").write_text("flavors: !!python/object/apply:os.system [id]", encoding="utf-8")
        with pytest.raises(Unfit, match="MLmodel cannot be read"):
            vet(Artifacts(tmp_path, "models:/m-1"))


class TestAPickle:
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    @pytest.mark.parametrize(
        ("harm", "named"),
        [
            (Calls(os.system, "id"), r"\w+\.system"),
            (Calls(eval, "1"), r"\w+\.eval"),
            (Calls(getattr, "", "join"), r"\w+\.getattr"),
            (Calls(__import__, "os"), r"\w+\.__import__"),
        ],
        ids=["system", "eval", "getattr", "import"],
    )
    def test_a_call_that_no_model_needs_is_named(
        self, model: Callable[..., Vetted], harm: Calls, named: str, protocol: int
    ) -> None:
        with pytest.raises(Unfit, match=f"would call {named}"):
            model(pickle.dumps({"model": [harm]}, protocol))

    def test_a_frame_that_ends_between_a_module_and_its_name_hides_nothing(self) -> None:
        def frame(content: bytes) -> bytes:
            return b"\x95" + len(content).to_bytes(8, "little") + content

        honest = b"\x80\x04" + frame(b"\x8c\x0bcollections\x94") + frame(b"\x8c\x0bOrderedDict\x94\x93.")
        assert pickle.loads(honest).__name__ == "OrderedDict"
        assert list(pickles.names(honest)) == [("collections", "OrderedDict")]

    def test_a_name_that_comes_out_of_the_memo_is_followed(self) -> None:
        crafted = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93."
        assert list(pickles.names(crafted)) == [("os", "system")]

    @pytest.mark.parametrize(
        "crafted",
        [
            pytest.param(b"\x80\x04U\x02osU\x06system\x93.", id="names-as-bytes"),
            pytest.param(b"\x80\x04\x8c\x08builtins\x8c\x03set\x8c\x01x0\x93.", id="after-a-pop"),
            pytest.param(b"\x80\x04\x8c\x08builtins]\x940h\x00\x93.", id="a-list-out-of-the-memo"),
            pytest.param(b"\x80\x04(ios\nsystem\n.", id="inst"),
            pytest.param(b"\x80\x04(cbuiltins\nset\no.", id="obj"),
            pytest.param(b"\x80\x02\x82\x01.", id="extension"),
            pytest.param(b"\x80\x04Phere\n.", id="persistent"),
            pytest.param(b"\x80\x05\x97.", id="buffer-from-outside"),
            pytest.param(HARMLESS + b"cos\nsystem\n.", id="something-after-its-end"),
            pytest.param(HARMLESS[:-1], id="cut-short"),
            pytest.param(b"", id="empty"),
            pytest.param(b"no pickle", id="no-pickle"),
        ],
    )
    def test_what_cannot_be_followed_is_refused(self, model: Callable[..., Vetted], crafted: bytes) -> None:
        with pytest.raises(Unfit):
            model(crafted)

    def test_a_name_that_leads_on_from_a_known_one_is_refused(self, model: Callable[..., Vetted]) -> None:
        crafted = b"\x80\x04\x8c\x08builtins\x8c\x0eset.__class__.\x93."
        with pytest.raises(Unfit, match="would call builtins"):
            model(crafted)

    def test_no_known_name_runs_code_that_a_pickle_brings(self) -> None:
        assert not any(
            pickles.is_known(module, name)
            for module in ("builtins", "__builtin__", "os", "posix", "nt", "subprocess", "operator", "functools")
            for name in ("eval", "exec", "compile", "getattr", "__import__", "open", "system", "Popen", "partial")
        )

    def test_looking_executes_nothing(self, model: Callable[..., Vetted], tmp_path: Path) -> None:
        with pytest.raises(Unfit):
            model(pickle.dumps(Calls(os.mkdir, str(tmp_path / "made"))))
        assert not (tmp_path / "made").exists()

    def test_the_reader_of_opcodes_is_the_librarys_own(self) -> None:
        assert {opcode.name for opcode in pickletools.opcodes} >= pickles.FOLLOWED


SKOPS = {"serialization_format": "skops"}


class TestASkopsFile:
    def test_a_pipeline_is_what_it_may_hold(self, model: Callable[..., Vetted]) -> None:
        pipeline = skops(__loader__="ObjectNode", __module__="sklearn.pipeline", __class__="Pipeline", content={})
        assert model(pipeline, SKOPS).format == "skops"

    @pytest.mark.parametrize(
        ("loader", "module", "name"),
        [
            ("ObjectNode", "subprocess", "Popen"),
            ("FunctionNode", "builtins", "eval"),
            ("MethodNode", "sklearn.pipeline", "Pipeline"),
            ("OperatorFuncNode", "operator", "methodcaller"),
            ("ObjectNode", None, None),
        ],
    )
    def test_anything_else_is_named_however_deep_it_lies(
        self, model: Callable[..., Vetted], loader: str, module: str | None, name: str | None
    ) -> None:
        deep = {"steps": [{"content": {"__loader__": loader, "__module__": module, "__class__": name}}]}
        with pytest.raises(Unfit, match=f"would build “{module}.{name}”"):
            model(skops(__loader__="DictNode", __module__="builtins", __class__="dict", content=deep), SKOPS)

    @pytest.mark.parametrize("schema", [b"{", b"[" * 100_000], ids=["no-json", "too-deep"])
    def test_a_description_that_cannot_be_read_is_refused(self, model: Callable[..., Vetted], schema: bytes) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("schema.json", schema)
        with pytest.raises(Unfit, match="cannot be read"):
            model(packed.getvalue(), SKOPS)

    def test_what_unpacks_without_end_is_refused(self, model: Callable[..., Vetted]) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schema.json", "{}")
            archive.writestr("array.npy", bytes(20_000_000))
        with pytest.raises(Unfit, match="unpack to more"):
            model(packed.getvalue(), SKOPS)

    def test_what_is_no_archive_is_refused(self, model: Callable[..., Vetted]) -> None:
        with pytest.raises(Unfit, match="is no skops file"):
            model(HARMLESS, SKOPS)
