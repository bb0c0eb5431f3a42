"""What MLflow loads: a registered model as a function of a feature frame.

``mlflow.pyfunc.load_model("models:/smarketing@champion")`` imports this module, from the project
or from the copy of it that was packed beside the model, and calls `_load_pyfunc`. Our own model
folder holds no pickle, so that nothing else is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from models.conversion import ConversionModel


@dataclass(frozen=True)
class PyfuncModel:
    """A conversion model behind MLflow's interface.

    Parameters
    ----------
    model : the model it wraps; ``loaded.get_raw_model()`` gives it to whoever wants more than
        probabilities.
    """

    model: ConversionModel

    def predict(
        self,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - MLflow's signature
    ) -> pd.DataFrame:
        """Return one column ``probability_{days}d`` per horizon, rows as given.

        Parameters
        ----------
        model_input : one column per feature of the model, as `FeatureMatrix.values` has them;
            further columns are ignored.
        params : unused.
        """
        columns = probability_columns(self.model.horizons)
        values = self.model.probabilities(model_input)
        return pd.DataFrame(values, columns=columns, index=model_input.index)

    def get_raw_model(self) -> ConversionModel:
        """Return the conversion model itself, as MLflow's ``get_raw_model`` asks for it."""
        return self.model


def probability_columns(horizons: tuple[int, ...]) -> list[str]:
    """Return the names of the probability columns.

    >>> probability_columns((30, 90))
    ['probability_30d', 'probability_90d']
    """
    return [f"probability_{horizon}d" for horizon in horizons]


def _load_pyfunc(path: str) -> PyfuncModel:
    """Load what MLflow found at `path`; the name is MLflow's contract with a loader module."""
    return PyfuncModel(ConversionModel.load(path))
