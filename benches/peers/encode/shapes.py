"""The models that are compared: real shapes, random weights, in each form that an engine reads.

`python shapes.py SHAPE DIRECTORY` makes what is missing there: model.safetensors and config.json (transformers),
image.onnx and text.onnx, and both as .int8.onnx (ONNX Runtime's dynamic quantization) and .int8.xml (NNCF's).
"""

import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIP_WORDS = {"bos_token_id": 49406, "eos_token_id": 49407}


@dataclass(frozen=True)
class Shape:
    """One model: `settings` go to its configuration class, `positions` is the longest text in tokens."""

    title: str
    family: str
    positions: int
    settings: dict[str, Any]


SHAPES = {
    "b32": Shape("CLIP ViT-B/32", "clip", 77, {"text_config": CLIP_WORDS, "vision_config": {"patch_size": 32}}),
    "b16": Shape("CLIP ViT-B/16", "clip", 77, {"text_config": CLIP_WORDS, "vision_config": {"patch_size": 16}}),
    "l14": Shape(
        "CLIP ViT-L/14",
        "clip",
        77,
        {
            "projection_dim": 768,
            "text_config": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, **CLIP_WORDS},
            "vision_config": {
                "patch_size": 14,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "num_hidden_layers": 24,
                "num_attention_heads": 16,
            },
        },
    ),
    "s16": Shape("SigLIP B/16-224", "siglip", 64, {"vision_config": {"patch_size": 16}}),
}


def make_weights(shape: Shape, directory: Path) -> None:
    """Saves the model with seeded weights: a new model's are near zero, where activations hardly differ."""
    import torch
    from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

    torch.manual_seed(0)
    if shape.family == "clip":
        model = CLIPModel(CLIPConfig(**shape.settings))
    else:
        model = SiglipModel(SiglipConfig(**shape.settings))
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in sorted(model.named_parameters()):
            if name in ("logit_scale", "logit_bias"):
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.dim() > 1:
                tensor.copy_(noise * 1.5 / tensor[0].numel() ** 0.5)
            else:
                tensor.copy_(noise * 0.2 + (1.0 if name.endswith("weight") else 0.0))
    model.save_pretrained(directory)


def add_tokenizer(shape: Shape, directory: Path) -> None:
    """clipdex opens whole models alone. Inputs are ids, so which tokenizer a SigLIP has does not matter."""
    fixture = "clip-tokenizer" if shape.family == "clip" else "made/tokenizer-unigram"
    fixtures = Path(__file__).resolve().parents[3] / "tests" / "fixtures"
    shutil.copy(fixtures / fixture / "tokenizer.json", directory)


def load_torch(directory: Path) -> Any:
    """The model as transformers computes it, for inference."""
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    return AutoModel.from_pretrained(directory).eval()


def export_onnx(shape: Shape, directory: Path) -> None:
    """Writes both towers, from pixels or ids to unit vectors; how many there are, and CLIP's text length, stay open."""
    import torch

    model = load_torch(directory)

    class Tower(torch.nn.Module):
        def __init__(self, features: Callable[..., Any]) -> None:
            super().__init__()
            self.model, self.features = model, features

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.normalize(self.features(x).pooler_output, dim=-1)

    size = model.config.vision_config.image_size
    clip = shape.family == "clip"
    ids = torch.randint(3, 30_000, (2, 12 if clip else shape.positions))
    text_axes = {0: "texts", 1: "tokens"} if clip else {0: "texts"}
    towers = {
        "image": (lambda x: model.get_image_features(pixel_values=x), torch.randn(2, 3, size, size), {0: "images"}),
        "text": (lambda x: model.get_text_features(input_ids=x), ids, text_axes),
    }
    for name, (features, example, axes) in towers.items():
        torch.onnx.export(
            Tower(features),
            (example,),
            directory / f"{name}.onnx",
            dynamo=False,
            opset_version=17,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": axes, "y": {0: axes[0]}},
        )


def quantize_for_onnxruntime(directory: Path) -> None:
    """Dynamic quantization of the matrix products; 7 bits of weight where 8 would overflow 16-bit sums (no VNNI)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from engines import processor_has

    for tower in ("image", "text"):
        quantize_dynamic(
            directory / f"{tower}.onnx",
            directory / f"{tower}.int8.onnx",
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            reduce_range=not processor_has("avx512_vnni", "avx_vnni"),
            weight_type=QuantType.QInt8,
        )


def quantize_for_openvino(shape: Shape, directory: Path) -> None:
    """Post-training quantization by NNCF, calibrated with inputs that are not measured."""
    import nncf
    import openvino

    import inputs

    ids = inputs.calibration_ids(shape)
    pixels = inputs.pixels(shape, 32, seed=2)
    samples = {"image": [image[None] for image in pixels], "text": ids}
    for tower, data in samples.items():
        model = openvino.Core().read_model(directory / f"{tower}.onnx")
        model = nncf.quantize(model, nncf.Dataset(data), model_type=nncf.ModelType.TRANSFORMER, subset_size=len(data))
        openvino.save_model(model, directory / f"{tower}.int8.xml", compress_to_fp16=False)


def make(shape: Shape, directory: Path) -> None:
    """Makes each form that is missing; a quantized one that cannot be made is left out, and its engine will say so."""
    directory.mkdir(parents=True, exist_ok=True)
    steps: list[tuple[str, Callable[[], None]]] = [
        ("model.safetensors", lambda: make_weights(shape, directory)),
        ("tokenizer.json", lambda: add_tokenizer(shape, directory)),
        ("text.onnx", lambda: export_onnx(shape, directory)),
        ("text.int8.onnx", lambda: quantize_for_onnxruntime(directory)),
        ("text.int8.xml", lambda: quantize_for_openvino(shape, directory)),
    ]
    for last_file, step in steps:
        if (directory / last_file).exists():
            continue
        print(f"{shape.title}: making {last_file}", file=sys.stderr)
        try:
            step()
        except Exception as error:  # a quantizer's; without weights and ONNX files there is nothing to measure
            if ".int8" not in last_file:
                raise
            print(f"{shape.title}: {last_file} is left out: {error}", file=sys.stderr)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    make(SHAPES[sys.argv[1]], Path(sys.argv[2]))
