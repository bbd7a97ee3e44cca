"""OpenVINO's CPU plug-in on the ONNX graph.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy
import openvino
from rivals.base import Base


class System(Base):
    def version(self):
        return openvino.__version__.split("-")[0]

    def prepare(self):
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": self.work["compute"],
            "INFERENCE_NUM_THREADS": self.work["threads"],
            "PERFORMANCE_HINT": "LATENCY",
        }
        model = core.compile_model(self.work["onnx"], "CPU", settings)
        self.request = model.create_infer_request()
        tokens = numpy.array(self.work["tokens"], numpy.int64)
        for name, array in (("tokens", tokens), ("mask", numpy.ones_like(tokens))):
            self.request.set_tensor(name, openvino.Tensor(array))

    def run(self):
        self.request.infer()

    def output(self):
        return self.request.get_tensor("hidden").data
