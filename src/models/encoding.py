"""From feature values to numbers: categories become codes, a design for linear models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = npt.NDArray[np.float64]


class FeatureEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """Turn a frame of feature values into one float matrix, one column per feature.

    Numbers stay as they are, missing stays NaN, an infinity becomes NaN. A category becomes the
    rank of its level among the frequent levels seen in training; rarer and unseen levels share
    one further code, so that a level first met after training is always safe.

    Parameters
    ----------
    categorical : columns that hold categories, by name (by position for an array); None takes
        every column that is not numeric.
    min_count : a level seen less often counts as rare.
    max_levels : at most this many levels of a column get a code of their own.

    Attributes
    ----------
    levels_ : the frequent levels of each categorical column by position, most frequent first.
    """

    def __init__(
        self, categorical: Sequence[Any] | None = None, min_count: int = 20, max_levels: int = 30
    ) -> None:
        self.categorical = categorical
        self.min_count = min_count
        self.max_levels = max_levels

    def __sklearn_tags__(self) -> Any:
        """Say to scikit-learn that missing values are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # scikit-learn passes y
        """Learn the levels of each categorical column."""
        frame = self._frame(X, reset=True)
        names = self._categories(frame)
        self.levels_ = {
            position: _frequent(frame[name], self.min_count, self.max_levels)
            for position, name in enumerate(frame.columns)
            if name in names
        }
        return self

    def transform(self, X: Any) -> Floats:
        """Return the matrix, shape (rows, columns)."""
        check_is_fitted(self, "levels_")
        frame = self._frame(X, reset=False)
        return encode(frame, self.levels_)

    def _frame(self, X: Any, *, reset: bool) -> pd.DataFrame:
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, skip_check_array=True, reset=reset)
            return X
        array = validate_data(self, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
        if array.dtype != object:
            return pd.DataFrame(array).astype("float64")
        strange = [value for value in array.ravel() if not isinstance(value, str | int | float)]
        if strange:
            raise TypeError(f"argument must be a string or a number, not {type(strange[0])}")
        return pd.DataFrame(array).infer_objects()

    def _categories(self, frame: pd.DataFrame) -> set[Any]:
        if self.categorical is not None:
            return set(self.categorical)
        return {
            name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name].dtype)
        }


def encode(frame: pd.DataFrame, levels: dict[int, tuple[str, ...]]) -> Floats:
    """Return a frame as a float matrix, the columns at `levels` as codes of those levels."""
    encoded = np.empty(frame.shape, dtype=np.float64)
    numeric = [position for position in range(frame.shape[1]) if position not in levels]
    encoded[:, numeric] = frame.iloc[:, numeric].to_numpy(dtype=np.float64, na_value=np.nan)
    encoded[~np.isfinite(encoded)] = np.nan
    for position, known in levels.items():
        encoded[:, position] = _codes(frame.iloc[:, position], known)
    return encoded


def encode_lines(
    numbers: Floats,
    texts: Mapping[int, Iterable[Any]],
    codes: Mapping[int, Mapping[str, int]],
) -> Floats:
    """Do as `encode` does, for few rows that are in no frame.

    Parameters
    ----------
    numbers : float64 (features, rows); the lines at `codes` mean nothing.
    texts : by position, the strings of each row of a feature, NaN where missing.
    codes : the code of each level, for each categorical feature by position.
    """
    encoded = _finite_rows(np.ascontiguousarray(numbers))
    for position, known in codes.items():
        encoded[:, position] = [
            known.get(each, len(known)) if isinstance(each, str) else np.nan
            for each in texts[position]
        ]
    return encoded


@njit(cache=True, nogil=True)
def _finite_rows(lines: Floats) -> Floats:
    """Return lines as rows, NaN in place of infinities."""
    features, count = lines.shape
    rows = np.empty((count, features))
    for row in range(count):
        for feature in range(features):
            value = lines[feature, row]
            rows[row, feature] = value if np.isfinite(value) else np.nan
    return rows


def is_plain(X: Any, width: int) -> bool:
    """Tell whether scikit-learn's checks can be spared: they take longer than a prediction.

    Parameters
    ----------
    X : what somebody hands to an estimator.
    width : how many columns it was fitted to.
    """
    return (
        type(X) is np.ndarray
        and X.dtype == np.float64
        and X.ndim == 2
        and len(X) > 0
        and X.shape[1] == width
        and not np.isinf(X).any()
    )


def _codes(values: pd.Series, known: tuple[str, ...]) -> Floats:
    plain = values.to_numpy(dtype=object)
    found = pd.Index(known, dtype=object).get_indexer(pd.Index(plain, dtype=object))
    codes = np.where(found < 0, len(known), found).astype(np.float64)
    codes[pd.isna(plain)] = np.nan
    return codes


def _frequent(values: pd.Series, min_count: int, max_levels: int) -> tuple[str, ...]:
    counts = values.astype(object).dropna().value_counts()
    ranked = sorted(counts[counts >= min_count].items(), key=lambda pair: (-pair[1], str(pair[0])))
    return tuple(str(level) for level, _ in ranked[:max_levels])


class LinearDesign(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # sklearn is untyped
    """The design matrix of a linear model from an encoded matrix.

    A number is put on a signed logarithmic scale, filled with its median where missing, then
    standardised, with an indicator beside it where training had missing values. A category code
    becomes one column per code and one for missing. Columns stay in the order of their source,
    so that effects can be summed back onto the declared features.

    Parameters
    ----------
    categorical : positions of the columns that hold category codes.

    Attributes
    ----------
    starts_ : for each input column, the position of its first output column.
    """

    FITTED = ("indicator_", "codes_", "medians_", "centers_", "scales_", "category_", "starts_")

    def __init__(self, categorical: Sequence[int] = ()) -> None:
        self.categorical = categorical

    def __sklearn_tags__(self) -> Any:
        """Say to scikit-learn that missing values are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # scikit-learn passes y
        """Learn medians, scales and the number of codes."""
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        missing = np.isnan(X)
        category = np.isin(np.arange(X.shape[1]), np.asarray(self.categorical, dtype=np.int64))
        self.indicator_ = missing.any(axis=0) & ~category
        self.codes_ = np.where(category, np.nanmax(np.where(missing, -1, X), axis=0) + 1, 0).astype(
            np.int64
        )
        logs = _signed_log(X)
        self.medians_ = np.array([_median(column) for column in logs.T])
        filled = np.where(missing, self.medians_, logs)
        spread = filled.std(axis=0)
        self.centers_ = filled.mean(axis=0)
        self.scales_ = np.where(spread > 1e-9, spread, 1.0)
        self.category_ = category
        self.starts_ = np.concatenate([[0], np.cumsum(self.widths)[:-1]]).astype(np.int64)
        return self

    def without_last(self) -> Self:
        """Return the fitted design of all columns but the last."""
        shorter = type(self)(self.categorical)
        for name in self.FITTED:
            setattr(shorter, name, getattr(self, name)[:-1])
        shorter.n_features_in_ = len(shorter.starts_)
        return shorter

    @property
    def widths(self) -> npt.NDArray[np.int64]:
        """Number of output columns of each input column."""
        return np.where(self.category_, self.codes_ + 1, 1 + self.indicator_).astype(np.int64)

    def transform(self, X: Any) -> Floats:
        """Return the design, shape (rows, sum of `widths`), without any missing value."""
        check_is_fitted(self, "starts_")
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        return self.design(X)

    def design(self, X: Floats) -> Floats:
        """Do the same as `transform` on a matrix known to be good, without its checks."""
        missing = np.isnan(X)
        values = (np.where(missing, self.medians_, _signed_log(X)) - self.centers_) / self.scales_
        last_width = self.codes_[-1] + 1 if self.category_[-1] else 1 + self.indicator_[-1]
        design = np.zeros((len(X), int(self.starts_[-1] + last_width)))
        places = np.flatnonzero(self.category_)
        numeric = np.flatnonzero(~self.category_) if len(places) else slice(None)
        design[:, self.starts_[numeric]] = values[:, numeric]
        flagged = np.flatnonzero(self.indicator_)
        if len(flagged):
            design[:, self.starts_[flagged] + 1] = missing[:, flagged]
        if not len(places):
            return design
        last = self.codes_[places]
        code = np.where(missing[:, places], last, np.minimum(X[:, places], last)).astype(np.int64)
        design[np.arange(len(X))[:, None], self.starts_[places] + code] = 1.0
        return design


def _signed_log(X: Floats) -> Floats:
    return np.ascontiguousarray(np.sign(X) * np.log1p(np.abs(X)))


def _median(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0
