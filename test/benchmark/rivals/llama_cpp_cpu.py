"""llama.cpp through its C interface, defaults but for the threads.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import ctypes

import llama_cpp as api
import numpy
from rivals.base import Base


class System(Base):
    def version(self):
        return api.__version__

    def prepare(self):
        work = self.work
        api.llama_log_set(_errors, None)
        api.llama_backend_init()
        tokens = numpy.array(work["tokens"], numpy.int32)
        rows, length = tokens.shape
        model = api.llama_model_load_from_file(
            work["gguf"].encode(), api.llama_model_default_params()
        )
        if not model:
            raise RuntimeError("".join(_said).strip() or "the model does not load")
        params = api.llama_context_default_params()
        params.n_ctx = rows * (length + 32)
        params.n_seq_max = rows
        params.n_threads = params.n_threads_batch = work["threads"]
        self.context = api.llama_init_from_model(model, params)
        if not self.context:
            raise RuntimeError("".join(_said).strip() or "no context")
        self.memory = api.llama_get_memory(self.context)
        self.vocabulary = api.llama_vocab_n_tokens(api.llama_model_get_vocab(model))
        self.start = 0
        if work["kind"] == "decode":
            self.start = length - 1
            for row in range(rows):  # fits the largest batch
                self._decode(tokens[row : row + 1, :-1], 0, row)
        self.step = tokens[:, self.start :]

    def _decode(self, tokens, position, first=0):
        """Appends tokens [rows, count]; the logits of each row's last."""
        rows, count = tokens.shape
        batch = api.llama_batch_init(rows * count, 0, 1)
        batch.n_tokens = rows * count
        for index in range(rows * count):
            row, column = divmod(index, count)
            batch.token[index] = int(tokens[row, column])
            batch.pos[index] = position + column
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = first + row
            batch.logits[index] = column == count - 1
        self._run(batch)
        api.llama_batch_free(batch)

    def _run(self, batch):
        status = api.llama_decode(self.context, batch)
        if status:
            raise RuntimeError(f"llama_decode: {status} {''.join(_said)}".strip())
        api.llama_synchronize(self.context)

    def run(self):
        self._decode(self.step, self.start)

    def reset(self):
        api.llama_memory_seq_rm(self.memory, -1, self.start, -1)

    def output(self):
        rows, count = self.step.shape
        return numpy.stack(
            [
                numpy.ctypeslib.as_array(
                    api.llama_get_logits_ith(self.context, (row + 1) * count - 1),
                    (self.vocabulary,),
                ).copy()
                for row in range(rows)
            ]
        )


_said = []


@api.llama_log_callback
def _errors(level, text, _):
    if level >= 4:  # GGML_LOG_LEVEL_ERROR
        _said.append(ctypes.cast(text, ctypes.c_char_p).value.decode())
