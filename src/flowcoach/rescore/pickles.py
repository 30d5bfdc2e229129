"""What a pickle would call when it is loaded, read from its opcodes; nothing of it is executed.

A pickle is a program for a small machine with a stack (https://docs.python.org/3/library/pickletools.html). It reaches
what lies outside of it only by name: GLOBAL and INST carry the name, STACK_GLOBAL takes it from the two texts on top of
the stack. What is not understood is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from pathlib import Path

_LARGEST = 2**28  # bytes
_MOST = 5_000_000  # opcodes; a large forest takes a tenth

# Names that a regressor of scikit-learn is made of: a linear model keeps numbers of numpy, boosted trees their loss.
_MODULES = {
    "builtins": {"slice", "bytearray", "set", "frozenset", "complex"},
    "__builtin__": {"slice", "bytearray", "set", "frozenset", "complex"},
    "_codecs": {"encode"},
    "collections": {"OrderedDict", "defaultdict"},
    "copyreg": {"_reconstructor"},
    "copy_reg": {"_reconstructor"},
    "numpy": {"dtype", "ndarray", "float64", "float32", "int64", "int32", "bool_", "bool", "str_"},
    "numpy.random._mt19937": {"MT19937"},
    "numpy.random._pickle": {"__bit_generator_ctor", "__randomstate_ctor"},
    "numpy.random.bit_generator": {"SeedSequence", "__pyx_unpickle_SeedSequence"},
    "numpy.random.mtrand": {"RandomState"},
    "scipy.sparse._csr": {"csr_matrix", "csr_array"},
    "scipy.sparse.csr": {"csr_matrix"},
    "sklearn._loss._loss": {"CyHalfSquaredError"},
    "sklearn._loss.link": {"IdentityLink", "Interval"},
    "sklearn._loss.loss": {"HalfSquaredError"},
    "sklearn.compose._column_transformer": {"ColumnTransformer", "_RemainderColsList"},
    "sklearn.dummy": {"DummyRegressor"},
    "sklearn.ensemble._forest": {"RandomForestRegressor", "ExtraTreesRegressor"},
    "sklearn.ensemble._gb": {"GradientBoostingRegressor"},
    "sklearn.ensemble._gb_losses": {"LeastSquaresError"},
    "sklearn.feature_extraction._dict_vectorizer": {"DictVectorizer"},
    "sklearn.linear_model._base": {"LinearRegression"},
    "sklearn.linear_model._coordinate_descent": {"ElasticNet", "Lasso"},
    "sklearn.linear_model._ridge": {"Ridge"},
    "sklearn.linear_model._stochastic_gradient": {"SGDRegressor"},
    "sklearn.pipeline": {"Pipeline"},
    "sklearn.preprocessing._data": {"StandardScaler", "MinMaxScaler"},
    "sklearn.preprocessing._encoders": {"OneHotEncoder", "OrdinalEncoder"},
    "sklearn.preprocessing._function_transformer": {"FunctionTransformer"},
    "sklearn.svm._classes": {"LinearSVR"},
    "sklearn.tree._classes": {"DecisionTreeRegressor", "ExtraTreeRegressor"},
    "sklearn.tree._tree": {"Tree"},
    **{f"numpy.{core}.multiarray": {"_reconstruct", "scalar"} for core in ("core", "_core")},
    **{f"numpy.{core}.numeric": {"_frombuffer"} for core in ("core", "_core")},
}
_TEXT = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_GET = {"GET", "BINGET", "LONG_BINGET"}
# Everything that builds numbers, texts and collections, calls what was named, and fills objects.
_PLAIN = {
    *("APPEND", "APPENDS", "BINBYTES", "BINBYTES8", "BINFLOAT", "BININT", "BININT1", "BININT2", "BINSTRING", "BUILD"),
    *(
        "BYTEARRAY8",
        "DICT",
        "DUP",
        "EMPTY_DICT",
        "EMPTY_LIST",
        "EMPTY_SET",
        "EMPTY_TUPLE",
        "ADDITEMS",
        "FLOAT",
    ),
    *(
        "FROZENSET",
        "INT",
        "LIST",
        "LONG",
        "LONG1",
        "LONG4",
        "MARK",
        "NEWFALSE",
        "NEWOBJ",
        "NEWOBJ_EX",
        "NEWTRUE",
        "NONE",
    ),
    *("POP", "POP_MARK", "PROTO", "REDUCE", "SETITEM", "SETITEMS", "SHORT_BINBYTES", "SHORT_BINSTRING", "STOP"),
    *("STRING", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
}
FOLLOWED = _TEXT | _PUT | _GET | _PLAIN | {"GLOBAL", "STACK_GLOBAL", "MEMOIZE", "FRAME"}


class Unfit(Exception):
    """Loading this file would, or might, run something that no model needs; the text names it."""


def inspect(path: Path) -> None:
    """Read a pickle's opcodes. Raises Unfit for a name outside the list, and for what cannot be followed."""
    if path.stat().st_size > _LARGEST:
        raise Unfit(f"{path.name} is larger than {_LARGEST // 2**20} MB")
    with path.open("rb") as file:
        try:
            for module, name in names(file.read()):
                if not is_known(module, name):
                    raise Unfit(f"loading {path.name} would call {module[:80]}.{name[:80]}, which no model here needs")
        except Unfit:
            raise
        except Exception as error:  # pickletools meets crafted bytes in many ways
            raise Unfit(f"{path.name} is no pickle that can be followed: {str(error)[:200]}") from error


def is_known(module: str, name: str) -> bool:
    """Whether a regressor of scikit-learn is made of such things."""
    return name in _MODULES.get(module, ())


def names(pickle: bytes) -> Iterator[tuple[str, str]]:
    """Every (module, name) that a pickle refers to. Raises Unfit for an opcode that may hide one."""
    memo: dict[int, str | None] = {}
    top: list[str | None] = []  # what was pushed last, as far as it is text; anything else empties it
    end = 0
    for count, (opcode, argument, position) in enumerate(pickletools.genops(pickle)):
        if count > _MOST:
            raise Unfit("the pickle has more steps than can be followed")
        kind, end = opcode.name, position or 0
        if kind in _TEXT:
            top.append(str(argument))
        elif kind == "MEMOIZE":
            memo[len(memo)] = top[-1] if top else None
        elif kind in _PUT:
            memo[_index(argument)] = top[-1] if top else None
        elif kind in _GET:
            top.append(memo.get(_index(argument)))
        elif kind == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            yield module, name
            top = []
        elif kind == "STACK_GLOBAL":
            if len(top) < 2 or top[-1] is None or top[-2] is None:
                raise Unfit("the pickle hides what it would call")
            yield top[-2], top[-1]
            top = []
        elif kind in _PLAIN:
            top = []
        elif kind == "FRAME":
            continue  # says how many bytes follow; in a long pickle, also between a module and its name
        else:
            raise Unfit(f"the pickle uses the opcode {kind}, which no model here needs")
    if end + 1 != len(pickle):
        raise Unfit("something follows after the end of the pickle")


def _index(argument: object) -> int:
    if not isinstance(argument, int | str):
        raise Unfit("the pickle counts in a way that cannot be followed")
    return int(argument)
