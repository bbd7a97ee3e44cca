"""ONNX Runtime on the ONNX graph, fused by its own BERT optimizer.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

from pathlib import Path

import numpy
import onnxruntime
from onnxruntime.transformers import optimizer
from rivals.base import Base


class System(Base):
    def version(self):
        return onnxruntime.__version__

    def prepare(self):
        path = Path(self.work["onnx"])
        fused = path.with_suffix(".fused.onnx")
        if not fused.exists():
            shapes = {
                "num_heads": self.work["heads"],
                "hidden_size": self.work["hidden"],
            }
            made = optimizer.optimize_model(str(path), "bert", opt_level=0, **shapes)
            made.save_model_to_file(str(fused))
        if self.work["compute"] == "bf16":
            fused = bf16(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.work["threads"]
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        self.session = onnxruntime.InferenceSession(
            str(fused), options, providers=["CPUExecutionProvider"]
        )
        tokens = numpy.array(self.work["tokens"], numpy.int64)
        self.inputs = {"tokens": tokens, "mask": numpy.ones_like(tokens)}

    def run(self):
        self.result = self.session.run(["hidden"], self.inputs)

    def output(self):
        return self.result[0]


def bf16(path):
    """The graph with all floats bf16; what runs it is the library's affair."""
    import onnx

    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            bits = onnx.numpy_helper.to_array(tensor).view(numpy.uint32) >> 16
            tensor.raw_data = bits.astype(numpy.uint16).tobytes()
            tensor.data_type = onnx.TensorProto.BFLOAT16
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to":
                attribute.i = onnx.TensorProto.BFLOAT16
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
    made = path.with_suffix(".bf16.onnx")
    onnx.save(model, made)
    return made
