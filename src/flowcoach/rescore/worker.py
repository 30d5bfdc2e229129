"""Load models and let them predict months: run by path, in a process of its own, on copies.

It stands in a folder with `order.json`: {"models": [{"file", "format", "columns", "vectorizer"}], "months": [file, …],
"tasks": [[model, month], …]}. For task n it writes `n.f64`, the predictions as 64-bit floats in the machine's order, or
`n.txt`, why there are none. The months hold features only: no model can look at what it should predict.
"""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

# Types of a forest that skops asks about; all others that it does not know by itself are refused.
TRUSTED = ("sklearn.tree._tree.Tree", "sklearn._loss.link.IdentityLink", "sklearn._loss.link.Interval")
PAIR = ("PU_DO", "trip_distance")


def main() -> None:
    """Do every task of the order; one that fails says so in its file, and the next goes on."""
    import pandas as pd

    order = json.loads(Path("order.json").read_text(encoding="utf-8"))
    models: dict[int, Any] = {}
    for number, (which, month) in enumerate(order["tasks"]):
        try:
            wanted = order["models"][which]
            if which not in models:
                models[which] = load(wanted["file"], wanted["format"])
            frame = pd.read_parquet(order["months"][month])
            predictions = predict(models[which], frame, wanted)
            predictions.astype("float64").tofile(f"{number}.f64")
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            Path(f"{number}.txt").write_text(text[:500], encoding="utf-8")


def load(file: str, format: str) -> Any:
    """A model from its file. Raises whatever the library raises, and ValueError for types that are not trusted."""
    if format == "skops":
        from skops import io

        strange = sorted(set(io.get_untrusted_types(file=file)) - set(TRUSTED))
        if strange:
            raise ValueError(f"it holds types that are not trusted: {', '.join(strange)[:200]}")
        return io.load(file, trusted=list(TRUSTED))
    with Path(file).open("rb") as stream:
        return pickle.load(stream)


def predict(model: Any, frame: Any, wanted: dict[str, Any]) -> Any:
    """What a model predicts for a month: from its columns, or from what its vectorizer makes of zones and distance."""
    import numpy as np

    if wanted["vectorizer"]:
        vectorizer = load(wanted["vectorizer"], "pickle")
        known = {name.partition("=")[0] for name in vectorizer.get_feature_names_out()}
        columns = [name for name in ("PU_DO", "PULocationID", "DOLocationID", "trip_distance") if name in known]
        features = vectorizer.transform(frame[columns or list(PAIR)].to_dict(orient="records"))
        if features.shape[1] != getattr(model, "n_features_in_", features.shape[1]):
            raise ValueError(
                f"the model takes {model.n_features_in_} features, and its vectorizer makes {features.shape[1]}"
            )
    else:
        named = getattr(model, "feature_names_in_", None)
        columns = list(named) if named is not None else list(wanted["columns"] or ())
        if not columns:
            raise ValueError("the model does not say which columns it takes, and no vectorizer lies beside it")
        features = frame[columns]
    return np.asarray(model.predict(features), dtype="float64").reshape(-1)


if __name__ == "__main__":
    sys.path[:] = [
        place for place in sys.path if place != str(Path(__file__).parent)
    ]  # its neighbours are not libraries
    main()
