#!/usr/bin/env python3
"""Writes the seed inputs of the fuzz targets into corpus/ beside this file.

The files are committed; run this after changing it. Standard library only.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import hashlib
import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def write(target, name, data):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


# GGUF ------------------------------------------------------------------------


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def strings(*values):
    return struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))


def gguf(version=3, metadata=(), tensors=(), data=b""):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, kind, payload in metadata:
        out += text(key) + struct.pack("<I", kind) + payload
    for name, dims, kind, offset in tensors:
        out += text(name) + struct.pack("<I", len(dims))
        out += struct.pack(f"<{len(dims)}QIQ", *dims, kind, offset)
    return out + bytes(-len(out) % 32) + data


def gguf_seeds():
    scalars = [
        (f"k{kind}", kind, struct.pack("<" + code, 1))
        for kind, code in enumerate("BbHhIif?")
    ] + [
        (f"k{kind}", kind, struct.pack("<" + code, 1))
        for kind, code in [(10, "Q"), (11, "q"), (12, "d")]
    ]
    arrays = [
        ("a.text", 9, strings("x", "yz")),
        ("a.numbers", 9, struct.pack("<IQ3I", 4, 3, 1, 2, 3)),
        ("a.nested", 9, struct.pack("<IQ", 9, 1) + strings("deep")),
    ]
    write("gguf", "metadata", gguf(metadata=scalars + arrays))
    # f32, f16, q4_0, q4_1, q5_0, q5_1, q8_0, bf16 and one known by name only.
    kinds = [(0, 128), (1, 64), (2, 18), (3, 20), (6, 22), (7, 24), (8, 34)]
    kinds += [(30, 64), (10, 0)]
    tensors, data = [], b""
    for kind, size in kinds:
        tensors.append((f"t{kind}", (32,), kind, len(data)))
        data += bytes(range(size))
        data += bytes(-len(data) % 32)
    write("gguf", "tensors", gguf(2, tensors=tensors, data=data))
    tensors, data = [], b""
    for kind, size in [(12, 144), (13, 176), (14, 210)]:  # q4_k, q5_k, q6_k
        tensors.append((f"t{kind}", (256,), kind, len(data)))
        data += bytes(range(size))
        data += bytes(-len(data) % 32)
    write("gguf", "superblocks", gguf(3, tensors=tensors, data=data))
    bpe = [
        ("tokenizer.ggml.model", 8, text("gpt2")),
        ("tokenizer.ggml.pre", 8, text("smollm")),
        ("tokenizer.ggml.tokens", 9, strings("<s>", "a", "b", "ab")),
        ("tokenizer.ggml.token_type", 9, struct.pack("<IQ4i", 5, 4, 3, 1, 1, 1)),
        ("tokenizer.ggml.merges", 9, strings("a b")),
        ("tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 0)),
        ("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 0)),
        ("tokenizer.chat_template", 8, text("{{x}}")),
    ]
    write("gguf", "bpe", gguf(metadata=bpe))
    spm = [
        ("tokenizer.ggml.model", 8, text("llama")),
        ("tokenizer.ggml.tokens", 9, strings("<unk>", "a", "b", "ab")),
        ("tokenizer.ggml.token_type", 9, struct.pack("<IQ4i", 5, 4, 2, 1, 1, 1)),
        ("tokenizer.ggml.scores", 9, struct.pack("<IQ4f", 6, 4, 0, -2, -3, -1)),
    ]
    write("gguf", "sentencepiece", gguf(metadata=spm))


# Safetensors, .npy, JSON -----------------------------------------------------


def safetensors_seeds():
    def entry(dtype, shape, begin, end):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "a": entry("F32", [2, 2], 0, 16),
            "b": entry("BF16", [2], 16, 20),
            "c": entry("I64", [1], 20, 28),
            "d": entry("F8_E4M3", [4], 28, 32),
            "e": entry("F16", [0], 32, 32),
        }
    ).encode()
    write(
        "safetensors",
        "mixed",
        struct.pack("<Q", len(header)) + header + bytes(range(32)),
    )


def npy_seeds():
    for version, descr, shape, data in [
        (1, "<f4", "(2, 3)", bytes(24)),
        (2, "<i8", "(1,)", bytes(8)),
        (3, "|b1", "()", bytes(1)),
    ]:
        header = (
            f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"
        ).encode()
        size = struct.pack("<H" if version == 1 else "<I", len(header))
        write(
            "npy",
            f"v{version}",
            b"\x93NUMPY" + bytes([version, 0]) + size + header + data,
        )


def config_seeds():
    seeds = [
        (
            "config",
            0,
            {
                "model_type": "llama",
                "hidden_size": 8,
                "rope_theta": 1e4,
                "eos_token_id": [1, 2],
                "rope_scaling": {"rope_type": "llama3", "factor": 8},
            },
        ),
        ("generation", 1, {"eos_token_id": 2, "pad_token_id": None}),
        (
            "tokenizer-config",
            2,
            {
                "bos_token": "<s>",
                "eos_token": {"content": "</s>"},
                "chat_template": [{"name": "default", "template": "{{x}}"}],
            },
        ),
        ("special-tokens", 3, {"eos_token": "</s>"}),
        ("modules", 4, [{"path": "1_Pooling", "type": "a.Pooling"}]),
        ("sentence-bert", 5, {"max_seq_length": 256}),
        (
            "tokenizer",
            6,
            {
                "added_tokens": [{"id": 0, "content": "<s>"}],
                "model": {"type": "BPE", "vocab": {"a": 1}},
                "post_processor": {
                    "processors": [{"single": [{"SpecialToken": {"id": "<s>"}}]}]
                },
            },
        ),
        ("index", 7, {"metadata": {}, "weight_map": {"w": "1.safetensors"}}),
    ]
    for name, file, value in seeds:
        write("config", name, bytes([file]) + json.dumps(value).encode())


# Package ---------------------------------------------------------------------


def value(origin, dtype, shape, size, index=0):
    return {
        "origin": origin,
        "index": index,
        "dtype": dtype,
        "shape": shape,
        "layout": "rows",
        "bytes": size,
    }


def poly(coefficient, *symbols):
    return {"terms": [[coefficient, *symbols]], "multiple": 1}


def manifest():
    """One stateful entry: tokens, a weight, a state -> logits."""
    batch, sequence = poly(1, 0), poly(1, 1)
    step = {"device": "cpu", "node": "n", "scratch": 64, "shared": 64}
    entry = {
        "name": "prefill",
        "symbols": ["B", "S"],
        "symbol_limits": [4, 8],
        "inputs": [
            {
                "name": "tokens",
                "dtype": "i32",
                "shape": [batch, sequence],
                "value": 0,
                "index_limit": 9,
            },
            {
                "name": "lengths",
                "dtype": "i32",
                "shape": [batch],
                "value": 1,
                "optional": True,
            },
        ],
        "outputs": [
            {"name": "logits", "dtype": "f32", "shape": [batch, 4], "value": 5}
        ],
        "values": [
            value("input", "i32", [batch, sequence], poly(4, 0, 1)),
            value("input", "i32", [batch], poly(4, 0), 1),
            value("length", "i32", [batch], poly(4, 0)),
            value("parameter", "f32", [4], 16),
            value("state", "f32", [batch, 8], poly(32, 0)),
            value("slot", "f32", [batch, 4], poly(16, 0)),
        ],
        "steps": [
            {**step, "kernel": 0, "operands": [0, 2, 4], "results": [4]},
            {**step, "kernel": 1, "operands": [3, 4, 1], "results": [5]},
        ],
        "slots": 1,
        "stateful": True,
        "append_symbol": 1,
        "lengths_input": 1,
    }
    kernel = {"device": "cpu", "family": "f", "node": "n", "uses": 1, "bytes": 1}
    return {
        "format_version": 1,
        "kernel_abi": 2,
        "trine_version": "0",
        "llvm_version": "22",
        "source": {"name": "m", "sha256": ""},
        "model_kind": "causal_lm",
        "options": {},
        "targets": [{"kind": "cpu", "name": "x", "features": []}],
        "entries": [entry],
        "kernels": [
            {**kernel, "name": "k", "operands": 3, "results": 1, "ties": [2]},
            {**kernel, "name": "l", "operands": 3, "results": 1, "ties": [-1]},
        ],
        "parameters": [
            {
                "name": "w",
                "dtype": "f32",
                "storage": "f32",
                "shape": [4],
                "offset": 4096,
                "bytes": 16,
                "layout": "rows",
            }
        ],
        "states": [
            {
                "name": "s",
                "dtype": "f32",
                "device": "cpu",
                "capacity": 8,
                "shape": [8],
                "layout": "rows",
                "bytes_per_row": 32,
            }
        ],
        "fallbacks": [],
        "max_sequence": 8,
        "max_batch": 4,
    }


def package(**sections):
    """The file of docs/design/package-format.md."""
    page, body = 4096, b""
    table = b""
    for name, data in sections.items():
        table += name.encode().ljust(48, b"\0")
        table += struct.pack("<QQ", page + len(body), len(data))
        table += hashlib.sha256(data).digest() + bytes(32)
        body += data + bytes(-len(data) % page)
    head = b"TRINEPKG" + struct.pack("<IIQQ", 1, len(sections), page + len(body), 0)
    unsigned = (head + bytes(32) + table).ljust(page, b"\0")
    digest = hashlib.sha256(unsigned).digest()
    return head + digest + unsigned[len(head) + 32 :] + body


def package_seeds():
    write("package", "file", b"\0" + package(manifest=b"{}", weights=b"1234"))
    write("package", "manifest", b"\1" + json.dumps(manifest()).encode())
    tensor = {"name": "x", "dtype": "f32", "shape": [2]}
    test = {
        "entry": "e",
        "inputs": [{**tensor, "values": [1, 2]}],
        "outputs": [
            {**tensor, "positions": [1], "values": [2], "atol": 0.1, "rtol": 0}
        ],
    }
    write("package", "selftest", b"\2" + json.dumps(test).encode())


PTX = """.version 8.7
.target sm_90
.address_size 64
.global .align 4 .b8 g[8] = {1, 2};
.func (.param .b32 r) f(.param .b32 a) {
.reg .b32 %q; ld.param.b32 %q, [a]; st.param.b32 [r+0], %q; ret; }
.visible .entry k(.param .u64 p, .param .align 8 .b8 s[16]) .reqntid 40 {
.reg .pred %p<3>; .reg .b16 %h<4>; .reg .b32 %r<20>; .reg .b64 %d<9>;
.local .align 8 .b8 l[32]; .shared .align 16 .b8 t[1024];
BODY
ret; }
"""


def ptx_seeds():
    bodies = {
        "control": """mov.u32 %r1, %tid.x; setp.lt.u32 %p1|%p2, %r1, 5; @%p1 bra A;
    @!%p2 exit; ts: .branchtargets A, B; brx.idx %r1, ts; A: bar.sync 0; B:
    { .param .b32 x; .param .b32 y; st.param.b32 [x], %r1;
    call (y), f, (x); ld.param.b32 %r2, [y]; }""",
        "memory": """mov.b64 %d1, l; st.local.v2.u32 [%d1+8], {1, 2};
    cvta.local.u64 %d2, %d1; ld.u8 %r3, [%d2+8]; mov.u32 %r1, t;
    st.shared.b32 [%r1+4], 0f3f800000; mov.u64 %d3, g;
    atom.global.add.u32 %r4, [%d3], 1; ld.param.u64 %d4, [p];""",
        "copies": """mov.u32 %r1, t; mov.u64 %d3, g;
    cp.async.ca.shared.global [%r1], [%d3], 8, 4; cp.async.commit_group;
    cp.async.wait_group 0; bar.warp.sync -1;
    ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r5}, [%r1];""",
        "numbers": """mov.b32 %r1, 0d3ff0000000000000; cvt.rn.f16.f32 %h1, %r1;
    fma.rn.f16x2 %r2, %r1, %r1, %r1; cvt.rzi.s32.f32 %r3, %r1;
    lop3.b32 %r4, %r1, %r2, %r3, 0x96; mov.b32 {%h1, %h2}, %r4;
    cvt.rn.satfinite.e4m3x2.f32 %h3, %r1, %r2;
    shfl.sync.bfly.b32 %r5|%p1, %r1, 1, 31, -1;""",
    }
    for name, body in bodies.items():
        write("ptx", name, PTX.replace("BODY", body).encode())


if __name__ == "__main__":
    gguf_seeds()
    safetensors_seeds()
    npy_seeds()
    config_seeds()
    package_seeds()
    ptx_seeds()
