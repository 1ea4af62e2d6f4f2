"""A grid search of scikit-learn, which joblib spreads over processes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from scheduler import handler

from .hold import hold


class Held:
    """A metric that waits where the test wants it."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def __call__(self, model: Any, x: Any, y: Any) -> float:
        hold(self.path)
        return float(np.mean(model.predict(x) == y))


@handler("grid_search")
def grid_search(data: Any) -> Any:
    """Find the best regularisation in two processes: {}."""
    x, y = make_classification(n_samples=2_000, n_features=20, random_state=7)
    search = GridSearchCV(
        LogisticRegression(max_iter=200),
        {"C": [0.01, 1.0, 100.0]},
        scoring=Held(data.get("hold")),
        cv=3,
        n_jobs=2,
    )
    search.fit(x, y)
    return {"candidates": len(search.cv_results_["params"]), "good": bool(search.best_score_ > 0.7)}
