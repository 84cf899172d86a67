#!/usr/bin/env python3
"""Makes tests/fixtures/made/*: small models with random weights, and what PyTorch computes with them.

Run by hand, never by the tests: `pip install torch transformers open_clip_torch`, then `tools/make_fixtures.py`. The
random generator is seeded, so that the same versions of these packages give the same files. Each directory holds a model
as the package saves it, and reference.safetensors with inputs (pixel_values, input_ids) and outputs (image_embeds,
text_embeds, of unit length).
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "made"
VOCABULARY = 300
END = VOCABULARY - 1


def randomise(model):
    """Replaces every weight: what a model begins with is near zero, where activations hardly differ."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in sorted(model.named_parameters()):
            if name in ("logit_scale", "logit_bias"):
                continue
            fan_in = tensor[0].numel() if tensor.dim() > 1 else 1
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.dim() > 1:
                tensor.copy_(noise * 1.5 / fan_in**0.5)
            else:
                tensor.copy_(noise * 0.2 + (1.0 if name.endswith("weight") else 0.0))
    return model.eval()


def randomise_statistics(model):
    """Replaces what batch norms subtract and divide by: a new model's are 0 and 1, which hardly need be read."""
    generator = torch.Generator().manual_seed(11)
    for name, tensor in sorted(model.named_buffers()):
        if name.endswith("running_mean"):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3)
        elif name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 2.0 + 0.3)


def pixels(size):
    return torch.randn((3, 3, size, size), generator=torch.Generator().manual_seed(8))


def clip_ids(lengths, longest, pad):
    """Texts of `lengths` tokens between a begin and an end, filled up to `longest` with `pad`."""
    generator = torch.Generator().manual_seed(9)
    rows = []
    for length in lengths:
        words = torch.randint(3, END - 1, (length,), generator=generator).tolist()
        row = [END - 1, *words, END]
        rows.append(row + [pad] * (longest - len(row)))
    return torch.tensor(rows)


def unit(vectors):
    return (vectors / vectors.norm(dim=-1, keepdim=True)).float().contiguous()


def features(output):
    """transformers 5 wraps what was a tensor before."""
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def write_reference(directory, pixel_values, input_ids, image_embeds, text_embeds):
    tensors = {
        "pixel_values": pixel_values.contiguous(),
        "input_ids": input_ids.contiguous(),
        "image_embeds": unit(image_embeds),
        "text_embeds": unit(text_embeds),
    }
    save_file(tensors, directory / "reference.safetensors")


def fresh(name):
    directory = FIXTURES / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def tower(width, heads, activation, layers=2):
    return {
        "hidden_size": width,
        "intermediate_size": 3 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_act": activation,
    }


@torch.no_grad()
def transformers_model(name, model, input_ids, dtype=torch.float32, shard="1GB"):
    """Saves `model` in `dtype`; the reference is computed in f32 from the rounded weights."""
    directory = fresh(name)
    model = randomise(model).to(dtype)
    model.save_pretrained(directory, max_shard_size=shard)
    model = model.float()
    pixel_values = pixels(model.config.vision_config.image_size)
    write_reference(
        directory,
        pixel_values,
        input_ids,
        features(model.get_image_features(pixel_values=pixel_values)),
        features(model.get_text_features(input_ids=input_ids)),
    )


def clip_legacy_sharded():
    """eos_token_id 2, the rule of the largest id; padded with 0 after the end; weights in several files. The image's
    side is no multiple of the patch's, and a head has 12 values, which fill no register."""
    config = CLIPConfig(
        text_config={
            **tower(48, 4, "quick_gelu"), "vocab_size": VOCABULARY, "max_position_embeddings": 24, "eos_token_id": 2,
            "bos_token_id": 0, "pad_token_id": 1,
        },
        vision_config={**tower(60, 5, "quick_gelu"), "image_size": 45, "patch_size": 14},
        projection_dim=40,
    )
    ids = clip_ids([1, 5, 22], 24, 0)
    transformers_model("clip-legacy-sharded", CLIPModel(config), ids, shard="150KB")


def clip_f16():
    """Weights of f16; the towers' activations differ."""
    config = CLIPConfig(
        text_config={
            **tower(32, 2, "gelu"), "vocab_size": VOCABULARY, "max_position_embeddings": 16, "eos_token_id": END,
            "bos_token_id": END - 1, "pad_token_id": END,
        },
        vision_config={**tower(64, 4, "quick_gelu"), "image_size": 40, "patch_size": 8},
        projection_dim=24,
    )
    transformers_model("clip-f16", CLIPModel(config), clip_ids([0, 3, 14], 16, END), dtype=torch.float16)


def siglip2():
    """The towers' widths differ, as in the largest SigLIP 2; the padding token is 0, and config.json does not say so;
    the image's side is no multiple of the patch's."""
    config = SiglipConfig(
        text_config={
            **tower(36, 3, "gelu_pytorch_tanh"), "vocab_size": VOCABULARY, "projection_size": 56,
            "max_position_embeddings": 20,
        },
        vision_config={**tower(56, 4, "gelu_pytorch_tanh"), "image_size": 46, "patch_size": 14},
    )
    generator = torch.Generator().manual_seed(10)
    rows = []
    for length in (1, 6, 19):
        words = torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()
        rows.append([*words, 1] + [0] * (19 - length))
    transformers_model("siglip2", SiglipModel(config), torch.tensor(rows))


@torch.no_grad()
def open_clip_model(name, settings):
    """open_clip's own names and files."""
    from open_clip.model import CLIP

    directory = fresh(name)
    model = randomise(CLIP(**settings))
    randomise_statistics(model)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != "attn_mask"}
    save_file(weights, directory / "open_clip_model.safetensors")
    (directory / "open_clip_config.json").write_text(json.dumps({"model_cfg": settings}, indent=2) + "\n")
    pixel_values, input_ids = pixels(settings["vision_cfg"]["image_size"]), clip_ids([1, 4, 14], 16, 0)
    write_reference(
        directory, pixel_values, input_ids, model.encode_image(pixel_values), model.encode_text(input_ids)
    )


OPEN_CLIP_TEXT = {"context_length": 16, "vocab_size": VOCABULARY, "width": 32, "heads": 2, "layers": 2}


def open_clip():
    """A Vision Transformer."""
    vision = {"image_size": 32, "layers": 2, "width": 48, "head_width": 24, "patch_size": 8, "mlp_ratio": 3.0}
    settings = {"embed_dim": 40, "quick_gelu": True, "vision_cfg": vision, "text_cfg": OPEN_CLIP_TEXT}
    open_clip_model("open-clip", settings)


def open_clip_resnet():
    """A ResNet with attention pooling; one stage has a block that keeps the size and the channels."""
    vision = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 4, "head_width": 16, "patch_size": None}
    settings = {"embed_dim": 40, "quick_gelu": True, "vision_cfg": vision, "text_cfg": OPEN_CLIP_TEXT}
    open_clip_model("open-clip-resnet", settings)


if __name__ == "__main__":
    clip_legacy_sharded()
    clip_f16()
    siglip2()
    open_clip()
    open_clip_resnet()
