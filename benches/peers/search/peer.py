"""An engine that searches, as README.md defines it, and the index that it keeps in a directory of its own."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.program import Program
from sets import K, SearchSet

Setting = dict[str, Any]


@dataclass(kw_only=True)
class Peer(Program):
    """An engine, and the settings that it is measured with.

    `scans` says that it compares every vector, `index_of` whose index it uses where it has none of its own.
    """

    name: str
    settings: list[Setting]
    scans: bool = False
    index_of: str = ""

    def home(self, work: Path) -> Path:
        return work / (self.index_of or self.name).replace(" ", "-")

    def open(self, measured: SearchSet, kind: str, setting: Setting) -> float:
        """Seconds until the index is open and its first query answered, its files being in memory."""
        # Systems give memory back that was not used for some minutes, the other engines' turns.
        for file in files_of(self.directory):
            with file.open("rb", buffering=0) as bytes_of_file:
                while bytes_of_file.read(1 << 22):
                    pass
        request = {"op": "open", "set": str(measured.directory), "queries": str(measured.query_file(kind))}
        return self.ask({**request, "k": K, "setting": setting})["seconds"][0]

    def search(self, measured: SearchSet, kind: str, count: int, setting: Setting) -> "Answer":
        """Answers the first `count` queries of a kind."""
        request = {"op": "search", "queries": str(measured.query_file(kind)), "count": count, "k": K}
        start = time.perf_counter()
        answer, waited = self.ask_timed({**request, "setting": setting, "repeat": 1})
        share = waited / (time.perf_counter() - start)
        found = np.fromfile(self.directory / answer["file"], "<u4").reshape(count, K)
        return Answer(count / answer["seconds"][0], found, share)

    def resident(self) -> dict[str, int]:
        """MiB of memory that the program holds: all, and of these what is mapped from files."""
        assert self.process
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        sizes = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines if line.endswith(" kB")}
        return {"all": sizes["VmRSS"], "files": sizes["RssFile"]}


@dataclass
class Answer:
    """Queries a second, the rows found [queries, K], and the share of its time that the engine stood in line."""

    speed: float
    found: np.ndarray
    waited: float


@dataclass
class Build:
    """How an index was built: seconds, the same apart for what other engines do not do, and bytes on disk."""

    seconds: float
    threads: int
    waited: float
    date: str
    bytes: int
    apart: dict[str, float] = field(default_factory=dict)


def built(peer: Peer, measured: SearchSet, work: Path, again: bool) -> Build:
    """The index of a set, from an earlier run unless `again`, or the engine's program or the set is newer."""
    home = peer.home(work)
    record = home / "build.json"
    newest = max(file.stat().st_mtime for file in (Path(peer.command[0]), measured.directory / "base.f32"))
    if record.exists() and not again and newest < record.stat().st_mtime:
        return Build(**json.loads(record.read_text()))
    record.unlink(missing_ok=True)
    peer.start(home)
    try:
        threads = len(peer.cores)
        start = time.perf_counter()
        answer, waited = peer.ask_timed({"op": "build", "set": str(measured.directory), "threads": threads})
        share = max(waited, 0.0) / (time.perf_counter() - start) / threads
    finally:
        peer.close()
    seconds, apart = answer["built"]["seconds"], answer["built"]["apart"]
    size = sum(file.stat().st_size for file in files_of(home))
    build = Build(seconds, threads, share, time.strftime("%Y-%m-%d", time.gmtime()), size, apart)
    record.write_text(json.dumps(vars(build)))
    return build


def files_of(directory: Path) -> list[Path]:
    return [file for file in directory.rglob("*") if file.is_file()]
