"""Lets engines take turns at one measure, and checks every vector that they return."""

import statistics
from dataclasses import dataclass, field

import numpy as np

from common.program import PeerError
from common.reporting import progress
from measures import Measure
from peer import Peer

REFERENCE = "torch f32"
# Least cosine to the reference for a result to count. Quantized vectors are the reader's to judge, from the table.
LEAST_COSINE = {"f32": 0.9999, "bf16": 0.98, "int8": 0.5}


@dataclass(frozen=True)
class Pace:
    """How long is measured.

    Turns of each engine; seconds that a turn lasts where one repetition is shorter; seconds after which a slow engine
    has no more turns (it has two at least).
    """

    rounds: int
    turn: float
    patience: float

    def repetitions(self, seconds: float) -> int:
        """Of a turn. The first of several is dropped: it finds another engine's weights in the caches."""
        return 1 + min(50, int(self.turn / seconds)) if seconds < self.turn else 1


@dataclass
class Result:
    """What one engine did in one measure: seconds of every repetition that counts, by turn."""

    peer: Peer
    measure: Measure
    turns: list[list[float]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    cosine: float = 1.0

    @property
    def engine(self) -> str:
        return self.peer.title

    def turn_medians(self) -> list[float]:
        return [statistics.median(turn) for turn in self.turns]

    def seconds(self) -> float:
        return statistics.median(second for turn in self.turns for second in turn)

    def waited(self) -> float:
        """Share of its time that the engine stood in line for its core."""
        return statistics.mean(self.waits)

    def embed(self, repetitions: int, reference: np.ndarray | None) -> tuple[list[float], np.ndarray]:
        """Does the measure's work, and holds the vectors against the reference."""
        answer = self.peer.embed({**self.measure.request, "repeat": repetitions})
        self.waits.append(answer.waited / sum(answer.seconds))
        if reference is not None:
            if answer.vectors.shape != reference.shape:
                raise PeerError(f"{self.measure.title}: vectors of shape {answer.vectors.shape}, not {reference.shape}")
            self.cosine = min(self.cosine, float((answer.vectors * reference).sum(axis=1).min()))
            if self.cosine < LEAST_COSINE[self.peer.precision]:
                raise PeerError(f"{self.measure.title}: wrong, with a cosine of {self.cosine:.5f} to {REFERENCE}")
        return answer.seconds, answer.vectors

    def take_turn(self, repetitions: int, reference: np.ndarray) -> None:
        seconds, _ = self.embed(repetitions, reference)
        self.turns.append(seconds[1:] if repetitions > 1 else seconds)
        if self.measure.key == "images" and self.peer.measures_peak:
            self.peaks.append(self.peer.ask({"op": "peak"})["gflops"])


def measure_all(peers: list[Peer], measure: Measure, pace: Pace, notes: list[str]) -> list[Result]:
    """Warms every engine up, then goes round, so that drift hits all alike. An error ends an engine's part."""
    results = {peer.title: Result(peer, measure) for peer in peers}
    shortest: dict[str, float] = {}
    reference: np.ndarray | None = None
    for turn in range(-1, pace.rounds):
        for engine, result in list(results.items()):
            progress(f"{measure.title}: round {turn + 1} of {pace.rounds}, {engine}")
            try:
                if reference is None or engine not in shortest:
                    seconds, vectors = result.embed(2, reference)
                    shortest[engine] = min(seconds)
                    reference = vectors if reference is None else reference
                    result.waits.clear()
                elif turn < 2 or turn * shortest[engine] < pace.patience:
                    result.take_turn(pace.repetitions(shortest[engine]), reference)
            except PeerError as error:
                if engine == REFERENCE:
                    raise
                notes.append(f"{engine}: {error}")
                del results[engine]
    return list(results.values())
