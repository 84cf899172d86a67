"""A set of vectors to search: files that a generator wrote, and the true neighbours of its queries."""

import json
from functools import cached_property
from pathlib import Path

import numpy as np

# How many neighbours are asked for.
K = 10
TITLES = {"image": "image queries", "text": "cross-modal queries", "definition": "definitions"}


class SearchSet:
    """The directory holds set.json, base.f32, training.f32 and a file of queries for each kind that set.json names."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        about = json.loads((directory / "set.json").read_text())
        self.title: str = about["title"]
        self.dim: int = about["dim"]
        self.kinds: list[str] = about["queries"]

    @cached_property
    def base(self) -> np.ndarray:
        """[vectors, dim], read when it is touched."""
        return np.memmap(self.directory / "base.f32", "<f4", "r").reshape(-1, self.dim)

    def query_file(self, kind: str) -> Path:
        return self.directory / f"{kind}-queries.f32"

    def queries(self, kind: str) -> np.ndarray:
        return np.fromfile(self.query_file(kind), "<f4").reshape(-1, self.dim)

    def truth(self, kind: str) -> np.ndarray:
        """Scores of the true neighbours [queries, K], descending; computed once and kept beside the set."""
        file = self.directory / f"{kind}-truth.npy"
        if not file.exists() or file.stat().st_mtime < (self.directory / "base.f32").stat().st_mtime:
            np.save(file, exact_scores(self.base, self.queries(kind), K))
        return np.load(file)

    def recall(self, kind: str, found: np.ndarray) -> float:
        """The share of the K true neighbours that are among `found` [queries, K], rows of the base.

        A row counts when its score reaches the K-th true one, so that equal scores are worth the same; a row that is
        named twice counts once, and one that does not exist does not count.
        """
        queries = self.queries(kind)[: len(found)]
        least = self.truth(kind)[: len(found), K - 1] - 1e-6
        hits = 0
        for query, rows, score in zip(queries, found, least, strict=True):
            rows = np.unique(rows[rows < len(self.base)])
            hits += int((self.base[rows].astype(np.float64) @ query.astype(np.float64) >= score).sum())
        return hits / found.size


def exact_scores(base: np.ndarray, queries: np.ndarray, keep: int) -> np.ndarray:
    """The greatest scores in f64. f32 products choose more than are kept, so that rounding there decides nothing."""
    spare = min(len(base), 4 * keep)
    best_scores = np.full((len(queries), 0), -np.inf, np.float32)
    best_rows = np.zeros((len(queries), 0), np.int64)
    for start in range(0, len(base), 50_000):
        scores = queries @ base[start : start + 50_000].T
        rows = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
        scores, rows = np.hstack([best_scores, scores]), np.hstack([best_rows, rows])
        chosen = np.argpartition(-scores, min(spare, scores.shape[1]) - 1, axis=1)[:, :spare]
        best_scores, best_rows = np.take_along_axis(scores, chosen, 1), np.take_along_axis(rows, chosen, 1)
    wide = queries.astype(np.float64)
    exact = [base[rows].astype(np.float64) @ query for rows, query in zip(best_rows, wide, strict=True)]
    return -np.sort(-np.array(exact), axis=1)[:, :keep]
