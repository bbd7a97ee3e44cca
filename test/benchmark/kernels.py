"""Kernels through small packages: dense products, weight streams, attention.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json

import numpy
import shapes
import tiny
from session import Refused

# [M, N, K] and [heads, tokens, depth].
PRODUCTS = (
    (128, 384, 384),
    (128, 1536, 384),
    (128, 384, 1536),
    (128, 768, 768),
    (512, 2048, 2048),
    (1024, 1024, 1024),
)
ATTENTION = ((12, 128, 32), (12, 128, 64), (16, 512, 64), (8, 1024, 128))
# Least share of the stream for a single row, by how the weights are stored.
STREAMS = {"f32": 0.95, "bf16": 0.95, "q8_0": 0.90, "q4_1": 0.80, "q4_k": 0.80}


def zeros(folder, tensors):
    """A Hugging Face directory of zeros: name → shape."""
    folder.mkdir(exist_ok=True)
    arrays = {name: numpy.zeros(shape, "f4") for name, shape in tensors.items()}
    tiny.safetensors(folder / "model.safetensors", arrays)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def chain(name, width, weights):
    """A function that multiplies its rows with one weight after the other."""
    body, value = [], "%x"
    for index, (weight, n, k) in enumerate(weights):
        matrix = f"tensor<{n}x{k}xf32>"
        body.append(f"    %w{index} = graph.weight @{weight} : {matrix}")
        body.append(
            f"    %y{index} = graph.linear {value}, %w{index} : tensor<?x{k}xf32>,"
            f" {matrix} -> tensor<?x{n}xf32>"
        )
        value = f"%y{index}"
    result = f"tensor<?x{weights[-1][1]}xf32>"
    body.append(f"    return {value} : {result}")
    head = f'  func.func @{name}(%x: tensor<?x{width}xf32> {{graph.name = "x"}})'
    return f"{head} -> {result} {{\n" + "\n".join(body) + "\n  }"


def parameter(name, n, k, storage, tensor):
    return (
        f"  graph.parameter @{name} : tensor<{n}x{k}xf32> "
        f'storage "{storage}" from ["{tensor}"]'
    )


def module(run, name, lines):
    path = run.folder / f"{name}.mlir"
    path.write_text("module {\n" + "\n".join(lines) + "\n}\n")
    return path


def best(run, name, package, entry, inputs, compute, repeat):
    """The fastest of several processes' best runs, by threads."""
    full = run.options.full
    results = [
        run.bench(package, entry, inputs, repeat, threads=threads)
        for threads in ((1, 2) if full else (1,))
        for _ in range(3 if full else 1)
    ]
    fastest = {}
    for result in results:
        threads = result["threads"]
        if threads not in fastest or (
            result["best_seconds"] < fastest[threads]["best_seconds"]
        ):
            fastest[threads] = result
    for result in fastest.values():
        run.measured(name, result | {"compute": compute})
    return fastest


def products(run):
    """Rates of the six products, by compute; the f32 ones on one thread."""
    tensors = {f"w{n}x{k}": (n, k) for _, n, k in PRODUCTS}
    folder = zeros(run.folder / "products", tensors)
    lines = [parameter(name, n, k, "f32", name) for name, (n, k) in tensors.items()]
    for name, (n, k) in tensors.items():
        lines.append(chain(f"p{name[1:]}", k, [(name, n, k)]))
    source, rates = module(run, "products", lines), []
    least = 0.96 if run.machine["ports"] == 1 else 0.93
    for compute, peak in (("f32", "f32_gflops"), ("bf16", "bf16_gflops")):
        for m, n, k in PRODUCTS:
            name = f"packed GEMM {m}x{n}x{k} {compute}"
            try:
                flags = [] if compute == "f32" else [f"--compute={compute}"]
                flags.append(f"--weights-from={folder}")
                package = run.package(source, *flags)
            except Refused as refused:
                run.row(name, compute=compute, threads=1, refused=str(refused))
                run.bar(f"{name} / peak", 0.0, least, why=str(refused))
                continue
            x = {"x": f"[{m},{k}]"}
            result = best(run, name, package, f"p{n}x{k}", x, compute, 30)[1]
            rate = 2e-9 * m * n * k / result["best_seconds"]
            limits = result["calibration"]
            # With AMX a loop of its products is the limit of bf16.
            limit = (compute == "bf16" and limits["bf16_tile_gflops"]) or limits[peak]
            if compute == "f32":
                rates.append(rate)
            if limit:
                run.bar(f"{name} / peak", rate / limit, least)
    return rates


def stream_package(run, storage, compute):
    """One row through 44 matrices of a Llama, and how many weights they have."""
    model = shapes.LLAMA_1B
    wide, narrow = (model.ffn, model.hidden), (model.hidden, model.ffn)
    weights = [
        (f"{name}{layer}", *shape, f"blk.{layer}.{name}.weight")
        for layer in range(model.layers)
        for name, shape in (("ffn_gate", wide), ("ffn_down", narrow))
    ]
    # Dense weights are decoded by the compiler.
    dense = storage in ("f32", "bf16")
    stored = "q8_0" if dense else storage
    lines = [parameter(w, n, k, stored, t) for w, n, k, t in weights]
    lines.append(chain("row", model.hidden, [(w, n, k) for w, n, k, _ in weights]))
    flags = [f"--weights-from={shapes.gguf(model, stored)}"]
    flags.append("--weights=" + (storage if dense else "keep"))
    if compute != "f32":
        flags.append(f"--compute={compute}")
    package = run.package(module(run, f"stream-{storage}", lines), *flags)
    return package, sum(n * k for _, n, k, _ in weights)


def streams(run):
    """Bytes a second of a single row. f32 activations have no bar of their own
    where the weights are narrower."""
    cases = [(storage, "f32" if storage == "f32" else "bf16") for storage in STREAMS]
    cases += [(storage, "f32") for storage in STREAMS if storage != "f32"]
    for storage, compute in cases:
        name = f"GEMV {storage} weights, {compute} activations"
        least = STREAMS[storage] if compute == "bf16" or storage == "f32" else None
        try:
            package, count = stream_package(run, storage, compute)
            x = {"x": f"[1,{shapes.LLAMA_1B.hidden}]"}
            results = best(run, name, package, "row", x, compute, 10)
        except Refused as refused:
            run.row(name, compute=compute, threads=1, refused=str(refused))
            if least:
                run.bar(f"{name} / stream", 0.0, least, why=str(refused))
            continue
        for threads, result in results.items():
            read = count * shapes.BITS[storage] / 8
            rate = read / result["best_seconds"] / 1e9
            share = rate / result["calibration"]["stream_gbs"]
            run.progress(f"{rate:.1f} GB/s, {100 * share:.0f} % of the stream")
            if least:
                run.bar(f"{name} / stream, {threads}t", share, least)
        run.forget()


def attention_function(kind, h, s, d):
    t = f"tensor<?x{s}x{h}x{d}xf32>"
    arguments = ", ".join(f'%{name}: {t} {{graph.name = "{name}"}}' for name in "qkv")
    causal = "causal " if kind == "causal" else ""
    return (
        f"  func.func @{kind}{h}x{s}x{d}({arguments}) -> {t} {{\n"
        f"    %o = graph.attention %q, %k, %v {causal}scale {d**-0.5:.6f} : "
        f"{t}, {t}, {t} -> {t}\n    return %o : {t}\n  }}"
    )


def attention(run, products):
    """Fused attention, keys packed inside, against the products' rate."""
    kinds = ("full", "causal")
    lines = [attention_function(k, *shape) for shape in ATTENTION for k in kinds]
    try:
        package = run.package(module(run, "attention", lines))
    except Refused as refused:
        run.row("attention", compute="f32", threads=1, refused=str(refused))
        run.bar("attention / GEMM rate", 0.0, 0.8, why=str(refused))
        return
    typical = sorted(products)[len(products) // 2] if products else None
    for h, s, d in ATTENTION:
        rates = []
        for kind in kinds:
            name = f"attention {kind} {h}x{s}x{d}"
            inputs = {tensor: f"[1,{s},{h},{d}]" for tensor in "qkv"}
            entry = f"{kind}{h}x{s}x{d}"
            result = best(run, name, package, entry, inputs, "f32", 30)[1]
            rates.append(4e-9 * h * s * s * d / result["best_seconds"])
        if typical:
            run.bar(f"attention {h}x{s}x{d} / GEMM rate", rates[0] / typical, 0.8)
        name = f"attention {h}x{s}x{d} causal / full"
        run.bar(name, rates[1] / rates[0], 1.4)


def kernels(run):
    rates = products(run)
    if rates:
        run.machine["packed_gemm_gflops"] = max(rates)
    attention(run, rates)
    if run.options.full:
        streams(run)
