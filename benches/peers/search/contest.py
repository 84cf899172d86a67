"""Lets engines take turns at the queries of a set. A turn is a fresh program, alone in memory."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from common.program import PeerError
from common.reporting import progress
from curves import Point, near_frontier
from peer import Answer, Build, Peer, Setting, built
from sets import SearchSet

# Curves are not followed past this recall, nor measured again below that one.
ENOUGH = 0.995
DULL = 0.7
# A setting is not measured again where another finds more and is this many times as fast.
SLACK = 1.2
# An exact scan answers this many queries a turn.
SCANNED = 100


@dataclass(frozen=True)
class Pace:
    """Turns of each engine, and the seconds for all queries after which no more thorough setting is tried."""

    rounds: int
    patience: float


@dataclass
class Spot:
    """One setting for one kind of query: recall, and queries a second of each round."""

    setting: Setting
    recall: float
    speeds: list[float] = field(default_factory=list)


@dataclass
class Result:
    """What one engine did with one set: curves by kind of query, and of each round what `opened` and `resident` say."""

    peer: Peer
    build: Build
    curves: dict[str, list[Spot]] = field(default_factory=dict)
    opened: list[float] = field(default_factory=list)
    resident: list[dict[str, int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def engine(self) -> str:
        return self.peer.name

    def points(self, kind: str, turn: int) -> list[Point]:
        """As they were in one round."""
        return [(spot.recall, spot.speeds[turn]) for spot in self.curves[kind]]

    def answer(self, measured: SearchSet, kind: str, setting: Setting) -> Answer:
        count = len(measured.queries(kind))
        return self.peer.search(measured, kind, min(count, SCANNED) if self.peer.scans else count, setting)

    def sound(self, measured: SearchSet, kind: str, patience: float) -> None:
        """Finds out which settings lead where, and keeps those that are worth measuring."""
        spots, speeds = [], []
        for setting in self.peer.settings:
            progress(f"{measured.title}: sounding {self.engine}, {kind}, {setting}")
            answer = self.answer(measured, kind, setting)
            spots.append(Spot(setting, measured.recall(kind, answer.found)))
            speeds.append(answer.speed)
            if spots[-1].recall >= ENOUGH or len(answer.found) / answer.speed > patience:
                break
        points = [(spot.recall, speed) for spot, speed in zip(spots, speeds, strict=True)]
        self.curves[kind] = [spots[at] for at in near_frontier(points, SLACK, DULL)]

    def measure(self, measured: SearchSet, kind: str) -> None:
        """Goes along a curve. What comes first is not counted: it brings the index into the caches."""
        spots = self.curves[kind]
        self.answer(measured, kind, spots[0].setting)
        for spot in spots:
            answer = self.answer(measured, kind, spot.setting)
            spot.speeds.append(answer.speed)
            self.waits.append(answer.waited)

    def take_turn(self, measured: SearchSet, work: Path, patience: float) -> None:
        """Starts the program and opens the index; then follows every curve, which the first turn only finds."""
        self.peer.start(self.peer.home(work))
        try:
            opened = self.peer.open(measured, measured.kinds[0], self.peer.settings[0])
            first = not self.curves
            for kind in measured.kinds:
                if first:
                    self.sound(measured, kind, patience)
                else:
                    self.measure(measured, kind)
            if not first:
                self.opened.append(opened)
                self.resident.append(self.peer.resident())
        finally:
            self.peer.close()


def prepare(
    peers: list[Peer], cores: tuple[int, ...], measured: SearchSet, work: Path, again: list[str], notes: list[str]
) -> tuple[list[Result], dict[str, str]]:
    """The engines that can take part, with their indexes built on `cores`, and the versions that they are of."""
    results, versions = [], {}
    for peer in peers:
        progress(f"{measured.title}: building {peer.name}")
        try:
            peer.start(peer.home(work))
            versions.update(peer.ask({"op": "info"})["versions"])
            peer.close()
            build = built(replace(peer, cores=cores), measured, work, peer.name in again)
            results.append(Result(peer, build))
        except PeerError as error:
            peer.close()
            notes.append(f"{peer.name}: {error}")
    return results, versions


def measure_all(results: list[Result], measured: SearchSet, work: Path, pace: Pace, notes: list[str]) -> list[Result]:
    """Goes round, so that drift hits all alike. An error ends an engine's part."""
    for kind in measured.kinds:
        progress(f"{measured.title}: true neighbours, {kind}")
        measured.truth(kind)
    for turn in range(-1, pace.rounds):
        for result in list(results):
            progress(f"{measured.title}: round {turn + 1} of {pace.rounds}, {result.engine}")
            try:
                result.take_turn(measured, work, pace.patience)
            except PeerError as error:
                notes.append(f"{result.engine}: {error}")
                results.remove(result)
    return results
