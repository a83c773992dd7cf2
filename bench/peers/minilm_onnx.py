"""ONNX Runtime on all-MiniLM-L6-v2: minilm_onnx.py MODEL.safetensors THREADS RUNS. The last line is RESULT {…}, in ms.

No package has the model as ONNX, so the graph is made here, of the operators that an export has.
"""
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

LAYERS, WIDTH, HEADS = 6, 384, 12
HEAD = WIDTH // HEADS
EPSILON = 1e-12
SHAPES = [(1, 32), (8, 32), (1, 128)]
WARM_UP_RUNS = 3


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    floats = {name: tensor for name, tensor in header.items() if tensor["dtype"] == "F32"}
    return {
        name: np.frombuffer(data[start + tensor["data_offsets"][0] : start + tensor["data_offsets"][1]], np.float32)
        .reshape(tensor["shape"])
        for name, tensor in floats.items()
    }


class Graph:
    """Nodes and constants, named as they come."""

    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights, self.nodes, self.constants = weights, [], []

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes) -> str:
        output = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def linear(self, x: str, name: str) -> str:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return self.add("Add", self.add("MatMul", x, self.constant(weight.T)), self.constant(bias))

    def norm(self, x: str, name: str) -> str:
        parameters = [self.constant(self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.add("LayerNormalization", x, *parameters, epsilon=EPSILON)


def build(weights: dict[str, np.ndarray]) -> bytes:
    graph = Graph(weights)
    words = graph.constant(weights["embeddings.word_embeddings.weight"])
    x = graph.norm(graph.add("Add", graph.add("Gather", words, "tokens"), "positions"), "embeddings.LayerNorm")
    apart = graph.constant(np.array([0, 0, HEADS, HEAD]))
    beside = graph.constant(np.array([0, 0, WIDTH]))
    scale = graph.constant(np.array(HEAD**-0.5, np.float32))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"

        def heads(part: str, order: list[int]) -> str:
            rows = graph.linear(x, f"{name}.attention.self.{part}")
            return graph.add("Transpose", graph.add("Reshape", rows, apart), perm=order)

        query, key, value = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
        scores = graph.add("Softmax", graph.add("Mul", graph.add("MatMul", query, key), scale), axis=-1)
        mixed = graph.add("Transpose", graph.add("MatMul", scores, value), perm=[0, 2, 1, 3])
        attention = graph.linear(graph.add("Reshape", mixed, beside), f"{name}.attention.output.dense")
        x = graph.norm(graph.add("Add", attention, x), f"{name}.attention.output.LayerNorm")
        hidden = graph.add("Gelu", graph.linear(x, f"{name}.intermediate.dense"))
        x = graph.norm(graph.add("Add", graph.linear(hidden, f"{name}.output.dense"), x), f"{name}.output.LayerNorm")
    output = graph.add("ReduceMean", x, graph.constant(np.array([1])), keepdims=0)
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "length"]),
        helper.make_tensor_value_info("positions", TensorProto.FLOAT, ["batch", "length", WIDTH]),
    ]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    model = helper.make_graph(graph.nodes, "minilm", inputs, outputs, graph.constants)
    return helper.make_model(model, opset_imports=[helper.make_opsetid("", 20)], ir_version=9).SerializeToString()


def session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def inputs(weights: dict[str, np.ndarray], batch: int, length: int) -> dict[str, np.ndarray]:
    tokens = (1000 + np.arange(batch * length) * 37 % 20_000).reshape(batch, length)
    types = weights["embeddings.token_type_embeddings.weight"][0]
    positions = weights["embeddings.position_embeddings.weight"][:length] + types
    return {"tokens": tokens, "positions": np.ascontiguousarray(np.broadcast_to(positions, (batch, length, WIDTH)))}


def main() -> None:
    path, threads, runs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    weights = read_safetensors(path)
    model = session(build(weights), threads)
    result = {}
    for batch, length in SHAPES:
        feed = inputs(weights, batch, length)
        times = []
        for _ in range(WARM_UP_RUNS + runs):
            start = time.perf_counter()
            model.run(None, feed)
            times.append((time.perf_counter() - start) * 1e3)
        result[f"{batch}x{length}"] = times[WARM_UP_RUNS:]
    print(f"RESULT {json.dumps(result)}")


if __name__ == "__main__":
    main()
