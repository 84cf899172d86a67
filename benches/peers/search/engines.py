"""The peers, each a program that speaks the protocol of README.md: `python engines.py ENGINE`.

An index lies in the working directory. Graphs have M 16 (32 neighbours at the lowest level) and ef construction 200.
"""

import importlib
import json
import math
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from common.serving import Unavailable, answers_alone, processor_has, serve, version

M = 16
EF_CONSTRUCTION = 200
FILE = "index.bin"
Setting = dict[str, Any]


class Engine:
    """An index. `save` is not timed, and neither are reading the base and importing the `module`."""

    package = ""
    module = ""

    def __init__(self) -> None:
        self.library = importlib.import_module(self.module)

    def build(self, base: np.ndarray, threads: int) -> None:
        raise NotImplementedError

    def save(self) -> None:
        raise NotImplementedError

    def open(self, base_file: Path, dim: int) -> None:
        """Opens what was saved, for one thread; some engines need the base as well."""
        raise NotImplementedError

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        """The rows of the `k` nearest of each query [queries, k], by one call where there is one for many queries."""
        raise NotImplementedError


class Hnswlib(Engine):
    package = module = "hnswlib"

    def build(self, base: np.ndarray, threads: int) -> None:
        self.index = self.library.Index("ip", base.shape[1])
        self.index.init_index(len(base), M=M, ef_construction=EF_CONSTRUCTION)
        self.index.add_items(base, num_threads=threads)

    def save(self) -> None:
        self.index.save_index(FILE)

    def open(self, base_file: Path, dim: int) -> None:
        self.index = self.library.Index("ip", dim)
        self.index.load_index(FILE)
        self.index.set_num_threads(1)

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        self.index.set_ef(setting["ef"])
        return self.index.knn_query(queries, k)[0]


class Faiss(Engine):
    """An index of faiss's factory. `{lists}` in its name stands for how many partitions suit the number of vectors."""

    package, module = "faiss-cpu", "faiss"

    def __init__(self, factory: str) -> None:
        super().__init__()
        self.factory = factory

    def build(self, base: np.ndarray, threads: int) -> None:
        self.library.omp_set_num_threads(threads)
        lists = 2 ** round(math.log2(3 * math.sqrt(len(base))))
        factory = self.factory.format(lists=lists)
        self.index = self.library.index_factory(base.shape[1], factory, self.library.METRIC_INNER_PRODUCT)
        if "HNSW" in self.factory:
            self.graph(self.index).hnsw.efConstruction = EF_CONSTRUCTION
        self.index.train(base)
        self.index.add(base)

    def graph(self, index: Any) -> Any:
        index = self.library.downcast_index(index)
        return self.library.downcast_index(index.base_index) if hasattr(index, "base_index") else index

    def save(self) -> None:
        self.library.write_index(self.index, FILE)

    def open(self, base_file: Path, dim: int) -> None:
        self.library.omp_set_num_threads(1)
        self.index = self.library.read_index(FILE)

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        parameters = None
        if "ef" in setting:
            parameters = self.library.SearchParametersHNSW(efSearch=setting["ef"])
        elif "lists" in setting:
            parameters = self.library.SearchParametersIVF(nprobe=setting["lists"])
        if "reorder" in setting:
            factor = setting["reorder"] / k
            parameters = self.library.IndexRefineSearchParameters(k_factor=factor, base_index_params=parameters)
        return self.index.search(queries, k, params=parameters)[1]


class FaissFlat(Faiss):
    """The exact scan. It is asked query by query, since for many at once it would be a matrix product."""

    def __init__(self) -> None:
        super().__init__("Flat")

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        return np.concatenate([self.index.search(query[None], k)[1] for query in queries])


class Usearch(Engine):
    package, module = "usearch", "usearch.index"

    def __init__(self, values: str) -> None:
        super().__init__()
        self.values = values

    def build(self, base: np.ndarray, threads: int) -> None:
        self.index = self.library.Index(
            ndim=base.shape[1], metric="cos", dtype=self.values, connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        self.index.add(np.arange(len(base)), base, threads=threads)

    def save(self) -> None:
        self.index.save(FILE)

    def open(self, base_file: Path, dim: int) -> None:
        self.index = self.library.Index.restore(FILE)

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        self.index.expansion_search = setting["ef"]
        return np.asarray(self.index.search(queries, k, threads=1).keys)


class Glass(Engine):
    """8-bit codes."""

    package = module = "glassppy"

    def __init__(self) -> None:
        if not processor_has("avx512f"):
            raise Unavailable("its packages need AVX-512, which this processor lacks")
        super().__init__()

    def build(self, base: np.ndarray, threads: int) -> None:
        self.library.set_num_threads(threads)
        self.graph = self.library.Index("HNSW", base.shape[1], "IP", R=2 * M, L=EF_CONSTRUCTION).build(base)

    def save(self) -> None:
        self.graph.save(FILE)

    def open(self, base_file: Path, dim: int) -> None:
        base = read_vectors(base_file, dim)
        self.searcher = self.library.Searcher(self.library.Graph(FILE), base, "IP", 1)
        self.searcher.optimize(1)

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        self.searcher.set_ef(setting["ef"])
        return self.searcher.batch_search(queries, k, 1).reshape(-1, k)


class Svs(Engine):
    """Vamana over f32, or over LVQ's codes of `bits`."""

    package, module = "scalable-vs", "svs"
    parts = ("config", "graph", "data")

    def __init__(self, bits: tuple[int, int] | None = None) -> None:
        if bits and "GenuineIntel" not in Path("/proc/cpuinfo").read_text():
            raise Unavailable("it computes with LVQ's codes on Intel's processors alone")
        super().__init__()
        self.bits = bits

    def build(self, base: np.ndarray, threads: int) -> None:
        svs = self.library
        parameters = svs.VamanaBuildParameters(alpha=0.95, graph_max_degree=2 * M, window_size=EF_CONSTRUCTION)
        data: Any = base
        if self.bits:
            svs.write_vecs(base, "base.fvecs")
            loader = svs.VectorDataLoader("base.fvecs", svs.DataType.float32, dims=base.shape[1])
            data = svs.LVQLoader(loader, primary=self.bits[0], residual=self.bits[1])
        self.index = svs.Vamana.build(parameters, data, svs.DistanceType.MIP, num_threads=threads)

    def save(self) -> None:
        for part in self.parts:
            Path(part).mkdir(exist_ok=True)
        self.index.save(*self.parts)

    def open(self, base_file: Path, dim: int) -> None:
        svs = self.library
        config, graph, data = self.parts
        loader = svs.LVQLoader(data) if self.bits else svs.VectorDataLoader(data, svs.DataType.float32)
        self.index = svs.Vamana(config, svs.GraphLoader(graph), loader, svs.DistanceType.MIP, num_threads=1)

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        self.index.search_window_size = setting["ef"]
        return self.index.search(queries, k)[0]


class Scann(Engine):
    package = module = "scann"

    def build(self, base: np.ndarray, threads: int) -> None:
        leaves = round(math.sqrt(10 * len(base)))
        builder = self.library.scann_ops_pybind.builder(base, 10, "dot_product").set_n_training_threads(threads)
        builder = builder.tree(leaves, leaves // 10, training_sample_size=min(len(base), 250_000))
        builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2)
        self.index = builder.reorder(100).build()

    def save(self) -> None:
        Path("scann").mkdir(exist_ok=True)
        self.index.serialize(str(Path("scann").resolve()))

    def open(self, base_file: Path, dim: int) -> None:
        self.index = self.library.scann_ops_pybind.load_searcher(str(Path("scann").resolve()))

    def search(self, queries: np.ndarray, k: int, setting: Setting) -> np.ndarray:
        return self.index.search_batched(queries, k, setting["reorder"], setting["lists"])[0]


ENGINES: dict[str, Any] = {
    "hnswlib": Hnswlib,
    "faiss-hnsw": lambda: Faiss(f"HNSW{M},Flat"),
    "faiss-hnsw-sq8": lambda: Faiss(f"HNSW{M},SQ8"),
    "faiss-hnsw-sq8-refined": lambda: Faiss(f"HNSW{M},SQ8,RFlat"),
    "faiss-ivf": lambda: Faiss("IVF{lists},Flat"),
    "faiss-ivf-pq": lambda: Faiss("IVF{lists},PQ256x4fs,RFlat"),
    "faiss-flat": FaissFlat,
    "usearch-f32": lambda: Usearch("f32"),
    "usearch-i8": lambda: Usearch("i8"),
    "glass": Glass,
    "svs": Svs,
    "svs-lvq": lambda: Svs((8, 0)),
    "scann": Scann,
}


def read_vectors(file: Path, dim: int) -> np.ndarray:
    return np.fromfile(file, "<f4").reshape(-1, dim)


def timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Server:
    """One engine, and the width of the vectors that it has opened."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.dim = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "info":
            return {"versions": {self.engine.package: version(self.engine.package)}}
        if request["op"] == "search":
            return self.search(request)
        directory = Path(request["set"])
        self.dim = json.loads((directory / "set.json").read_text())["dim"]
        if request["op"] == "build":
            base = read_vectors(directory / "base.f32", self.dim)
            seconds = timed(lambda: self.engine.build(base, request.get("threads", 1)))
            self.engine.save()
            return {"built": {"seconds": seconds, "apart": {}}}
        first = read_vectors(Path(request["queries"]), self.dim)[:1]

        def open_and_ask() -> None:
            self.engine.open(directory / "base.f32", self.dim)
            self.engine.search(first, request["k"], request["setting"])

        return {"seconds": [timed(open_and_ask)]}

    def search(self, request: dict[str, Any]) -> dict[str, Any]:
        queries = read_vectors(Path(request["queries"]), self.dim)[: request["count"]]
        seconds = []
        for _ in range(request["repeat"]):
            start = time.perf_counter()
            found = self.engine.search(queries, request["k"], request["setting"])
            seconds.append(time.perf_counter() - start)
        # -1 of an engine that found fewer becomes the greatest row, which does not exist.
        np.asarray(found).astype(np.int64).astype("<u4").tofile("found.bin")
        return {"seconds": seconds, "file": "found.bin"}


def main() -> None:
    warnings.filterwarnings("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    make = ENGINES[sys.argv[1]]
    serve(lambda: Server(make()), answers_alone(), Server.answer)


if __name__ == "__main__":
    main()
