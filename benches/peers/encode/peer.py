"""An engine that embeds, as README.md defines it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.program import PeerError, Program


@dataclass
class Answer:
    """Seconds of each repetition, unit vectors of the last one, and how long the program stood in line for its core."""

    seconds: list[float]
    vectors: np.ndarray
    waited: float


@dataclass(kw_only=True)
class Peer(Program):
    """An engine at one precision."""

    name: str
    precision: str
    measures_peak: bool = False

    @property
    def title(self) -> str:
        cores = f", {len(self.cores)} cores" if len(self.cores) > 1 else ""
        return f"{self.name} {self.precision}{cores}"

    def start(self, scratch: Path) -> None:
        """Starts it in a directory of its own."""
        super().start(scratch / self.title.replace(" ", "-").replace(",", ""))

    def embed(self, request: dict[str, Any]) -> Answer:
        """Sends a request for vectors, and reads and checks them."""
        answer, waited = self.ask_timed(request)
        vectors = np.fromfile(self.directory / answer["file"], "<f4").reshape(answer["shape"])
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
            raise PeerError("its vectors are not of unit length")
        if len(answer["seconds"]) != request["repeat"]:
            raise PeerError(f"asked for {request['repeat']} repetitions, it timed {len(answer['seconds'])}")
        return Answer(answer["seconds"], vectors, waited)
