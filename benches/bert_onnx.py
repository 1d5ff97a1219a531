"""Writes a BERT checkpoint as ONNX, in f32 and dynamically quantised to 8 bits.

    python bert_onnx.py CHECKPOINT OUT        writes OUT/fp32.onnx and OUT/q8.onnx

The graph is what onnxruntime's own optimiser makes of an exported BERT: its fused operators (`Attention`,
`SkipLayerNormalization`, `BiasGelu`) are written down directly, so that no pattern has to be recognised and torch is
not needed. Inputs and output are those of the usual export: `input_ids`, `attention_mask`, `token_type_ids`, int64
[batch, tokens]; `last_hidden_state`, f32 [batch, tokens, hidden]. q8 is `quantize_dynamic` with its defaults.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

ORT = "com.microsoft"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class Graph:
    """Nodes and constants in the order they are added; a value is its name."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name):
        return self.constant(name, self.tensors[name])

    def transposed(self, name):
        return self.constant(name, self.tensors[name].T)

    def op(self, kind, *inputs, domain="", **attributes):
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **attributes))
        return name


def embeddings(graph, epsilon):
    words = graph.op("Gather", graph.weight("embeddings.word_embeddings.weight"), "input_ids")
    types = graph.op("Gather", graph.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
    zero, one, two = (graph.constant(f"int_{i}", np.array([i], np.int64)) for i in range(3))
    tokens = graph.op("Slice", graph.op("Shape", "input_ids"), one, two)
    positions = graph.op("Slice", graph.weight("embeddings.position_embeddings.weight"), zero, tokens, zero)
    x = graph.op("Add", graph.op("Add", words, types), positions)
    norm = [graph.weight(f"embeddings.LayerNorm.{name}") for name in ("weight", "bias")]
    return graph.op("LayerNormalization", x, *norm, axis=-1, epsilon=epsilon)


def block(graph, path, x, mask, heads, epsilon):
    def joined(y, residual, path):
        """Bias, sum with the residual, layer norm."""
        norm = [graph.weight(f"{path}.LayerNorm.{name}") for name in ("weight", "bias")]
        bias = graph.weight(f"{path}.dense.bias")
        return graph.op("SkipLayerNormalization", y, residual, *norm, bias, domain=ORT, epsilon=epsilon)

    def qkv(name):
        tensors = [graph.tensors[f"{path}.attention.self.{part}.{name}"].T for part in ("query", "key", "value")]
        return graph.constant(f"{path}.qkv.{name}", np.concatenate(tensors, axis=-1))

    y = graph.op("Attention", x, qkv("weight"), qkv("bias"), mask, domain=ORT, num_heads=heads)
    y = graph.op("MatMul", y, graph.transposed(f"{path}.attention.output.dense.weight"))
    x = joined(y, x, f"{path}.attention.output")
    y = graph.op("MatMul", x, graph.transposed(f"{path}.intermediate.dense.weight"))
    y = graph.op("BiasGelu", y, graph.weight(f"{path}.intermediate.dense.bias"), domain=ORT)
    y = graph.op("MatMul", y, graph.transposed(f"{path}.output.dense.weight"))
    return joined(y, x, f"{path}.output")


def bert(config, tensors):
    graph = Graph(tensors)
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
    x = embeddings(graph, epsilon)
    mask = graph.op("Cast", "attention_mask", to=TensorProto.INT32)
    for layer in range(config["num_hidden_layers"]):
        x = block(graph, f"encoder.layer.{layer}", x, mask, heads, epsilon)
    graph.nodes[-1].output[0] = "last_hidden_state"

    axes = ["batch", "tokens"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in INPUTS]
    states = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*axes, config["hidden_size"]])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "bert", inputs, [states], graph.constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(ORT, 1)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return model


def main(checkpoint, out):
    out.mkdir(parents=True, exist_ok=True)
    config = json.loads((checkpoint / "config.json").read_text())
    onnx.save(bert(config, load_file(checkpoint / "model.safetensors")), out / "fp32.onnx")
    # shape inference knows nothing of onnxruntime's own operators, but all of them give f32
    options = {"DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(out / "fp32.onnx", out / "q8.onnx", weight_type=QuantType.QInt8, extra_options=options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
