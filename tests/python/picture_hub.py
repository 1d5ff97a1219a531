"""Goldens of AdapterHub's adapters on the tiny ViT and CLIP that `picture_models.py` and `tower_models.py` made.

    python tests/python/picture_hub.py

It writes tests/fixtures/pictures/vit-hub and tests/fixtures/towers/clip-hub. Made with adapters 1.3.0, torch 2.8 and transformers 4.57.
"""

from pathlib import Path

import adapters
import torch
from adapters import DoubleSeqBnConfig, LoRAConfig, SeqBnConfig, ViTAdapterModel
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection, ViTForImageClassification

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
KINDS = {
    "pfeiffer": SeqBnConfig(reduction_factor=4),
    "houlsby": DoubleSeqBnConfig(reduction_factor=8),
    "lora": LoRAConfig(r=2, alpha=8),
}


def random(model, name):
    for key, parameter in model.named_parameters():
        if f".{name}." in key:
            parameter.data = (torch.randn_like(parameter) * 0.3).to(torch.float16).to(torch.float32)


def values_of(pixels):
    values = (pixels.to(torch.float64) * (1 / 255)).to(torch.float32)
    values = (values - torch.tensor([0.5, 0.4, 0.3])) / torch.tensor([0.5, 0.25, 0.2])
    return values.permute(2, 0, 1)[None]


def read(file, name):
    with safe_open(FIXTURES / file, "pt") as tensors:
        return tensors.get_tensor(name)


def save(model, name, folder, head=False):
    folder.mkdir(parents=True, exist_ok=True)
    model.save_adapter(folder, name)
    for file in list(folder.iterdir()):
        if "head" in file.name and not head:
            file.unlink()


def vit(tensors):
    """A head of the library's own, and one of transformers' class."""
    source = FIXTURES / "pictures" / "vit"
    for kind, config in KINDS.items():
        model = ViTAdapterModel.from_pretrained(source).eval()
        model.add_adapter(kind, config=config)
        model.add_image_classification_head(kind, num_labels=3, layers=2 if kind == "houlsby" else 1)
        random(model, kind)
        model.set_active_adapters(kind)
        model.active_head = kind
        save(model, kind, FIXTURES / "pictures" / "vit-hub" / kind, True)
        for index in range(2):
            with torch.no_grad():
                values = values_of(read("pictures/vit.safetensors", f"{index}.pixels"))
                logits = model(pixel_values=values, interpolate_pos_encoding=True).logits[0]
            tensors[f"{kind}.{index}.logits"] = logits.contiguous()
    model = ViTForImageClassification.from_pretrained(source).eval()
    adapters.init(model)
    model.add_adapter("static", config=KINDS["pfeiffer"])
    random(model, "static")
    model.set_active_adapters("static")
    save(model, "static", FIXTURES / "pictures" / "vit-hub" / "static", True)
    for index in range(2):
        with torch.no_grad():
            values = values_of(read("pictures/vit.safetensors", f"{index}.pixels"))
            logits = model(pixel_values=values, interpolate_pos_encoding=True).logits[0]
        tensors[f"static.{index}.logits"] = logits.contiguous()


def clip(tensors):
    source = FIXTURES / "towers" / "clip"
    for tower, kind in [("text", CLIPTextModelWithProjection), ("vision", CLIPVisionModelWithProjection)]:
        for name, config in KINDS.items():
            model = kind.from_pretrained(source, projection_dim=12).eval()
            adapters.init(model)
            model.add_adapter(name, config=config)
            random(model, name)
            model.set_active_adapters(name)
            save(model, name, FIXTURES / "towers" / "clip-hub" / f"{tower}-{name}")
            for index in range(2):
                with torch.no_grad():
                    if tower == "text":
                        out = model(input_ids=read("towers/clip.safetensors", f"{index}.ids").long()[None]).text_embeds[0]
                    else:
                        values = values_of(read("towers/clip.safetensors", f"{index}.pixels"))
                        out = model(pixel_values=values, interpolate_pos_encoding=True).image_embeds[0]
                tensors[f"{tower}-{name}.{index}.embeds"] = (out / out.norm()).contiguous()


def main():
    torch.manual_seed(17)
    for folder, make in [("pictures/vit-hub", vit), ("towers/clip-hub", clip)]:
        tensors = {}
        make(tensors)
        save_file(tensors, FIXTURES / f"{folder}.safetensors")


if __name__ == "__main__":
    main()
