"""A BERT as ONNX, by hand: the same graph for every rival that reads ONNX.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy
import shapes


class Builder:
    """Nodes and initializers in order; every method returns a value's name."""

    def __init__(self, weights):
        self.weights, self.nodes, self.initializers = weights, [], {}

    def constant(self, name, array):
        self.initializers[name] = numpy.ascontiguousarray(array)
        return name

    def node(self, op, *inputs, **attributes):
        from onnx import helper

        name = f"{op}_{len(self.nodes)}"
        node = helper.make_node(op, inputs, [name], name=name, **attributes)
        self.nodes.append(node)
        return name

    def dense(self, x, name):
        # The names of a checkpoint: [N, K]; MatMul wants [K, N].
        w = self.constant(f"{name}.weight", self.weights[f"{name}.weight"].T)
        b = self.constant(f"{name}.bias", self.weights[f"{name}.bias"])
        return self.node("Add", self.node("MatMul", x, w), b)

    def norm(self, x, name):
        parts = (
            self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"])
            for part in ("weight", "bias")
        )
        return self.node("LayerNormalization", x, *parts, axis=-1, epsilon=1e-12)

    def gelu(self, x):
        root = self.constant("root", numpy.float32(numpy.sqrt(2)))
        one = self.constant("one", numpy.float32(1))
        half = self.constant("half", numpy.float32(0.5))
        erf = self.node("Erf", self.node("Div", x, root))
        product = self.node("Mul", x, self.node("Add", erf, one))
        return self.node("Mul", product, half)


def _layer(builder, model, index, x, mask, heads, merged):
    prefix = f"encoder.layer.{index}."

    def split(name, order):
        projected = builder.dense(x, f"{prefix}attention.self.{name}")
        shaped = builder.node("Reshape", projected, heads)
        return builder.node("Transpose", shaped, perm=order)

    query = split("query", (0, 2, 1, 3))
    key = split("key", (0, 2, 3, 1))
    value = split("value", (0, 2, 1, 3))
    width = numpy.float32(numpy.sqrt(model.hidden // model.heads))
    scale = builder.constant("scale", width)
    scores = builder.node("Div", builder.node("MatMul", query, key), scale)
    weights = builder.node("Softmax", builder.node("Add", scores, mask), axis=-1)
    mixed = builder.node("MatMul", weights, value)
    mixed = builder.node("Transpose", mixed, perm=(0, 2, 1, 3))
    mixed = builder.node("Reshape", mixed, merged)
    out = builder.dense(mixed, f"{prefix}attention.output.dense")
    x = builder.norm(builder.node("Add", out, x), f"{prefix}attention.output.LayerNorm")
    middle = builder.gelu(builder.dense(x, f"{prefix}intermediate.dense"))
    out = builder.dense(middle, f"{prefix}output.dense")
    return builder.norm(builder.node("Add", out, x), f"{prefix}output.LayerNorm")


def export(model, batch, length):
    """Path of a model with inputs tokens and mask, i64[batch, length], and the
    output hidden, f32[batch, length, H]. Static shapes: a rival's best case."""
    path = shapes.CACHE / f"{model.name}-{batch}x{length}.onnx"
    if path.exists():
        return path
    from onnx import TensorProto, helper, numpy_helper, save

    shapes.CACHE.mkdir(parents=True, exist_ok=True)
    builder = Builder(shapes.bert_weights(model))
    width = model.hidden // model.heads
    word, position, kind = (
        builder.weights[f"embeddings.{name}_embeddings.weight"]
        for name in ("word", "position", "token_type")
    )
    # One sequence only: the type's row is added to every position.
    table = builder.constant("word", word)
    places = builder.constant("positions", (position[:length] + kind[0])[None])
    x = builder.node("Add", builder.node("Gather", table, "tokens"), places)
    x = builder.norm(x, "embeddings.LayerNorm")
    # The nodes that ONNX Runtime's optimizer looks for; -10000 is finite in bf16.
    mask = "mask"
    for axis in (1, 2):
        place = builder.constant(f"axis{axis}", numpy.array([axis]))
        mask = builder.node("Unsqueeze", mask, place)
    mask = builder.node("Cast", mask, to=TensorProto.FLOAT)
    one = builder.constant("one", numpy.float32(1))
    least = builder.constant("least", numpy.float32(-10000))
    mask = builder.node("Mul", builder.node("Sub", one, mask), least)
    heads = builder.constant("heads", numpy.array([0, 0, model.heads, width]))
    merged = builder.constant("merged", numpy.array([0, 0, model.hidden]))
    for index in range(model.layers):
        x = _layer(builder, model, index, x, mask, heads, merged)
    builder.nodes[-1].output[0] = "hidden"
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, [batch, length])
        for name in ("tokens", "mask")
    ]
    hidden = [batch, length, model.hidden]
    output = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, hidden)
    tensors = [
        numpy_helper.from_array(array, name)
        for name, array in builder.initializers.items()
    ]
    graph = helper.make_graph(builder.nodes, model.name, inputs, [output], tensors)
    opset = [helper.make_opsetid("", 17)]
    part = path.with_suffix(".part")
    save(helper.make_model(graph, opset_imports=opset, ir_version=9), part)
    part.rename(path)
    return path
