"""The peers, each a program that speaks the protocol of README.md: `python engines.py ENGINE PRECISION DIRECTORY`."""

import io
import os
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from common.serving import Unavailable, answers_alone, processor_has, serve, version

BATCH = 32
Work = Callable[[], np.ndarray]


def need(path: Path) -> Path:
    if not path.exists():
        raise Unavailable(f"{path.name} could not be made; what shapes.py printed says why")
    return path


class Engine:
    """An encoder. Both methods prepare an input, which is not timed, and return the work that is."""

    packages: tuple[str, ...] = ()

    def images(self, pixels: np.ndarray) -> Work:
        """Pixels [n, 3, side, side], normalised; the work returns vectors [n, width]."""
        raise NotImplementedError

    def texts(self, ids: np.ndarray) -> Work:
        """Token ids [n, length], all texts of one length; the work returns vectors [n, width]."""
        raise NotImplementedError


class Torch(Engine):
    """transformers' own code on PyTorch: the reference."""

    packages = ("torch", "transformers")

    def __init__(self, precision: str, directory: Path) -> None:
        import torch

        from shapes import load_torch

        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        self.torch = torch
        self.dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
        self.model = load_torch(directory).to(self.dtype)

    def work(self, features: Callable[[], Any]) -> Work:
        def run() -> np.ndarray:
            with self.torch.inference_mode():
                return self.torch.nn.functional.normalize(features().pooler_output.float(), dim=-1).numpy()

        return run

    def images(self, pixels: np.ndarray) -> Work:
        tensor = self.torch.from_numpy(pixels).to(self.dtype)
        return self.work(lambda: self.model.get_image_features(pixel_values=tensor))

    def texts(self, ids: np.ndarray) -> Work:
        tensor = self.torch.from_numpy(ids)
        return self.work(lambda: self.model.get_text_features(input_ids=tensor))


class OnnxRuntime(Engine):
    packages = ("onnxruntime", "onnx")

    def __init__(self, precision: str, directory: Path) -> None:
        self.directory = directory
        self.suffix = {"f32": ".onnx", "int8": ".int8.onnx"}[precision]
        self.sessions: dict[str, Any] = {}

    def session(self, tower: str) -> Any:
        import onnxruntime

        if tower not in self.sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
            options.log_severity_level = 3
            file = need(self.directory / f"{tower}{self.suffix}")
            self.sessions[tower] = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        return self.sessions[tower]

    def images(self, pixels: np.ndarray) -> Work:
        session = self.session("image")
        return lambda: session.run(None, {"x": pixels})[0]

    def texts(self, ids: np.ndarray) -> Work:
        session = self.session("text")
        return lambda: session.run(None, {"x": ids})[0]


class OpenVino(Engine):
    """One input at a time and images run on a model compiled for their very shape, batches of texts on an open one."""

    packages = ("openvino", "nncf")

    def __init__(self, precision: str, directory: Path) -> None:
        if precision == "bf16" and not processor_has("avx512_bf16", "amx_bf16"):
            raise Unavailable("not on this processor: it has neither AVX512_BF16 nor AMX")
        import openvino

        self.core = openvino.Core()
        self.directory = directory
        self.suffix = ".int8.xml" if precision == "int8" else ".onnx"
        self.hint = "bf16" if precision == "bf16" else "f32"
        self.requests: dict[tuple[str, tuple[int, ...]], Any] = {}

    def work(self, tower: str, x: np.ndarray, shape: tuple[int, ...]) -> Work:
        key = (tower, shape)
        if key not in self.requests:
            model = self.core.read_model(need(self.directory / f"{tower}{self.suffix}"))
            model.reshape(list(shape))
            settings = {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": 1,
                "NUM_STREAMS": 1,
                "ENABLE_CPU_PINNING": False,
                "INFERENCE_PRECISION_HINT": self.hint,
            }
            self.requests[key] = self.core.compile_model(model, "CPU", settings).create_infer_request()
        request = self.requests[key]
        return lambda: request.infer([x], share_inputs=True)[0]

    def images(self, pixels: np.ndarray) -> Work:
        return self.work("image", pixels, pixels.shape)

    def texts(self, ids: np.ndarray) -> Work:
        return self.work("text", ids, ids.shape if len(ids) == 1 else (-1, -1))


class FasterClip(Engine):
    """Takes image files and knows one model, whose place in its cache ours takes; its texts are another model's."""

    packages = ("faster-clip",)

    def __init__(self, precision: str, directory: Path) -> None:
        if directory.name != "b32":
            raise Unavailable("it knows ViT-B/32 alone")
        place = Path.cwd() / "cache/sentence-transformers__clip-ViT-B-32/0_CLIPModel/model.safetensors"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(directory / "model.safetensors")
        os.environ["FASTER_CLIP_CACHE"] = str(Path.cwd() / "cache")
        import faster_clip

        self.model = faster_clip.ClipModel()

    def images(self, pixels: np.ndarray) -> Work:
        from PIL import Image

        from inputs import as_pictures

        files = []
        for picture in as_pictures(pixels, "clip"):
            file = io.BytesIO()
            Image.fromarray(picture.transpose(1, 2, 0)).save(file, "BMP")
            files.append(file.getvalue())
        return lambda: np.array(self.model.encode_image(files), np.float32)

    def texts(self, ids: np.ndarray) -> Work:
        raise Unavailable("its texts are those of another model, a multilingual one")


ENGINES: dict[str, type[Engine]] = {
    "torch": Torch,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "faster-clip": FasterClip,
}


def repeat(works: list[Work], repetitions: int) -> tuple[list[float], list[np.ndarray]]:
    """Does all works that many times: seconds of each time, and what the last one returned."""
    seconds, vectors = [], []
    for _ in range(repetitions):
        start = time.perf_counter()
        vectors = [work() for work in works]
        seconds.append(time.perf_counter() - start)
    return seconds, vectors


def images(engine: Engine, request: dict[str, Any]) -> tuple[list[float], np.ndarray]:
    pixels = np.fromfile(request["file"], np.float32).reshape(request["shape"])
    seconds, (vectors,) = repeat([engine.images(pixels)], request["repeat"])
    return seconds, vectors


def texts(engine: Engine, request: dict[str, Any]) -> tuple[list[float], np.ndarray]:
    """Batches texts of one length, so that none is computed at more positions than it has."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for row, ids in enumerate(request["ids"]):
        by_length[len(ids)].append(row)
    batches = [rows[at : at + BATCH] for rows in by_length.values() for at in range(0, len(rows), BATCH)]
    works = [engine.texts(np.array([request["ids"][row] for row in rows], np.int64)) for rows in batches]
    seconds, parts = repeat(works, request["repeat"])
    order = np.argsort(np.concatenate(batches))
    return seconds, np.concatenate(parts)[order]


def answer(engine: Engine, request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "info":
        return {"versions": {package: version(package) for package in engine.packages}}
    seconds, vectors = {"images": images, "texts": texts}[request["op"]](engine, request)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors.astype("<f4").tofile("out.bin")
    return {"seconds": seconds, "file": "out.bin", "shape": list(vectors.shape)}


def main() -> None:
    warnings.filterwarnings("ignore")
    name, precision, directory = sys.argv[1:]
    serve(lambda: ENGINES[name](precision, Path(directory)), answers_alone(), answer)


if __name__ == "__main__":
    main()
