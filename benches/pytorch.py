"""Times native PyTorch, one thread, f32, on the forward passes of the benchmark.

    python benches/pytorch.py CHECKPOINT SHAPES.json ROUNDS

`CHECKPOINT` is a BERT's folder with config.json and model.safetensors. `SHAPES.json` is {"8x32": [[id, ...], ...], ...}, one
list of ids a sequence. Needs torch and safetensors; with transformers the model is its BertModel, else the same layers of
torch. Prints {"shapes": {"8x32": [ms, ...]}, "torch": version, "model": which}. Within a round the shapes take turns.
"""

import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch.nn import functional as F


def own_bert(folder: Path):
    """BERT as in `config.json`, without a mask: all sequences have the same length."""
    config = json.loads((folder / "config.json").read_text())
    tensors = {name.removeprefix("bert."): tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]

    def linear(x, path):
        return F.linear(x, tensors[f"{path}.weight"], tensors[f"{path}.bias"])

    def norm(x, path):
        weight, bias = tensors[f"{path}.weight"], tensors[f"{path}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias, epsilon)

    def forward(ids):
        count, tokens = ids.shape
        table = lambda name: tensors[f"embeddings.{name}_embeddings.weight"]
        x = F.embedding(ids, table("word")) + table("position")[:tokens] + table("token_type")[0]
        x = norm(x, "embeddings.LayerNorm")
        for layer in range(config["num_hidden_layers"]):
            path = f"encoder.layer.{layer}"
            split = lambda x: x.view(count, tokens, heads, -1).transpose(1, 2)
            q, k, v = (split(linear(x, f"{path}.attention.self.{name}")) for name in ("query", "key", "value"))
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(count, tokens, -1)
            x = norm(x + linear(mixed, f"{path}.attention.output.dense"), f"{path}.attention.output.LayerNorm")
            wide = F.gelu(linear(x, f"{path}.intermediate.dense"))
            x = norm(x + linear(wide, f"{path}.output.dense"), f"{path}.output.LayerNorm")
        return x

    return forward, "layers of torch.nn.functional"


def transformers_bert(folder: Path):
    from transformers import BertModel, __version__

    model = BertModel.from_pretrained(str(folder), dtype=torch.float32).eval()
    return lambda ids: model(input_ids=ids).last_hidden_state, f"transformers {__version__} BertModel"


def main():
    folder, shapes, rounds = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()), int(sys.argv[3])
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    try:
        forward, model = transformers_bert(folder)
    except ImportError:
        forward, model = own_bert(folder)
    batches = {shape: torch.tensor(ids) for shape, ids in shapes.items()}
    samples = {shape: [] for shape in shapes}
    with torch.inference_mode():
        for ids in batches.values():
            until = time.perf_counter() + 0.5
            while time.perf_counter() < until:
                forward(ids)
        for _ in range(rounds):
            for shape, ids in batches.items():
                began, times = time.perf_counter(), 0
                # a sample is 40 ms at least, as in the browser
                while times == 0 or time.perf_counter() - began < 0.04:
                    forward(ids)
                    times += 1
                samples[shape].append(1000 * (time.perf_counter() - began) / times)
    print(json.dumps({"shapes": samples, "torch": torch.__version__, "model": model}))


if __name__ == "__main__":
    main()
