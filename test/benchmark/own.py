"""Trine against the limits of its machine: calibration, and ratios of its own.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import statistics

import tiny
from kernels import module, parameter
from session import tool
from shapes import ROOT, SMOLLM2

# Random weights, made by a run beside the rivals.
LLAMA_1B_BF16 = ROOT / "build-rivals" / "models" / "llama-1.1b-bf16.gguf"

# The contractions of one SmolLM2 layer: (weights [N, K] as stored, times used).
LAYER = {
    "qkv": (("attn_q", 576, 576), ("attn_k", 192, 576), ("attn_v", 192, 576)),
    "o": (("attn_output", 576, 576),),
    "gate_up": (("ffn_gate", 1536, 576), ("ffn_up", 1536, 576)),
    "down": (("ffn_down", 576, 1536),),
}
LAYERS = 30
LAYER_WEIGHTS = sum(n * k for group in LAYER.values() for _, n, k in group)


def calibrate(run):
    """The machine and its class, from loops in trine-run, for 1 and 2 threads."""
    source = run.folder / "add.mlir"
    source.write_text(
        "func.func @add(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {\n"
        "  %0 = graph.add %x, %x : tensor<?x16xf32>, tensor<?x16xf32>"
        " -> tensor<?x16xf32>\n  return %0 : tensor<?x16xf32>\n}\n"
    )
    package = run.package(source)
    limits = {}
    for threads in (1, 2):
        result = run.bench(package, "add", {"arg0": "[1,16]"}, 1, threads)
        limits[threads] = result["calibration"]
    one = limits[1]
    features = result["cpu"]["features"]
    width = "AVX-512" if "avx512f" in features else "AVX2"
    ports = {1: "one", 2: "two"}.get(round(one["fma_per_cycle"] or 0), "unknown")
    run.machine = {
        **result["cpu"],
        "class": f"{ports}-FMA {width}",
        "ports": round(one["fma_per_cycle"] or 0),
        "calibration": limits,
    }
    run.progress(f"{run.machine['class']} at {one['clock_ghz']:.1f} GHz: " + str(one))


def compile(run):
    run.package(SMOLLM2)
    facts = dict.fromkeys(("median_seconds", "best_seconds"), run.compile_seconds)
    run.row("compile SmolLM2-135M", threads=2, compute="f32", **facts)
    bar = "compile SmolLM2-135M, seconds"
    run.bar(bar, run.compile_seconds, 8, at_least=False)


def gemm_package(run):
    """One entry for each contraction group of a layer, on the real weights."""
    functions, parameters = [], []
    for group, weights in LAYER.items():
        k = weights[0][2]
        body, results, types = [], [], []
        for name, n, _ in weights:
            stored = f"blk.0.{name}.weight"
            parameters.append(parameter(name, n, k, "q4_1", stored))
            body.append(
                f"    %w_{name} = graph.weight @{name} : tensor<{n}x{k}xf32>\n"
                f"    %{name} = graph.linear %x, %w_{name} : tensor<?x{k}xf32>, "
                f"tensor<{n}x{k}xf32> -> tensor<?x{n}xf32>"
            )
            results.append(f"%{name}")
            types.append(f"tensor<?x{n}xf32>")
        functions.append(
            f'  func.func @{group}(%x: tensor<?x{k}xf32> {{graph.name = "x"}})'
            f" -> ({', '.join(types)}) {{\n"
            + "\n".join(body)
            + f"\n    return {', '.join(results)} : {', '.join(types)}\n  }}"
        )
    source = module(run, "layer", parameters + functions)
    return run.package(source, f"--weights-from={SMOLLM2}")


def prefill(run):
    """Against the packed GEMMs alone: the same kernels, nothing between them."""
    layer = gemm_package(run)
    for length in (128, 512) if run.options.full else (128,):
        tokens = {"tokens": run.tokens(length)}
        result = run.bench(run.package(SMOLLM2), "prefill", tokens)
        seconds = run.measured(f"prefill {length}", result)
        gemm = 0.0
        for group, weights in LAYER.items():
            x = {"x": f"[{length},{weights[0][2]}]"}
            part = run.bench(layer, group, x, run.repeat * 5)
            gemm += run.measured(f"packed GEMM {group}, M={length}", part)
        flops = 2 * LAYER_WEIGHTS * length
        rate, whole = flops / gemm, flops * LAYERS / seconds
        peak = result["calibration"]["f32_gflops"] * 1e9
        run.progress(
            f"packed GEMM {rate / 1e9:.0f} GFLOP/s, "
            f"{100 * rate / peak:.0f} % of the FMA loop's {peak / 1e9:.0f}"
        )
        run.bar(f"prefill {length} / packed-GEMM rate", whole / rate, 0.70)


def decode(run):
    weights = weight_bytes(run.package(SMOLLM2))
    for context in (32, 512, 2048) if run.options.full else (32, 512):
        result = run.bench(
            run.package(SMOLLM2),
            "decode",
            {"tokens": run.tokens(1)},
            run.repeat * 5,
            calls=[f"prefill tokens={run.tokens(context)}"],
        )
        seconds = run.measured(f"decode at {context}", result)
        read = weights + 2 * context * 192 * 4 * LAYERS
        share = read / seconds / (result["calibration"]["stream_gbs"] * 1e9)
        run.bar(f"decode at {context} / streaming read", share, 0.70)


def capacity(run):
    """The cost of a step follows the tokens present, not --max-sequence."""
    call = [f"prefill tokens={run.tokens(256)}"]
    times = {512: [], 8192: []}
    for _ in range(5):
        for limit, seconds in times.items():
            package = run.package(SMOLLM2, f"--max-sequence={limit}")
            token = {"tokens": run.tokens(1)}
            result = run.bench(package, "decode", token, run.repeat * 3, calls=call)
            seconds.append(result["median_seconds"])
    small, large = (statistics.median(times[limit]) for limit in (512, 8192))
    run.progress(
        f"decode at 256: {small * 1e3:.2f} ms of 512, {large * 1e3:.2f} ms of 8192"
    )
    name = "decode, --max-sequence 8192 / 512"
    run.bar(name, large / small, 1.10, at_least=False)


def weight_bytes(package):
    report = json.loads(tool("trine-inspect", package, "--json"))
    return next(s["bytes"] for s in report["sections"] if s["name"] == "weights")


def fp8(run):
    """A step of FP8 weights beside one of bf16, taking turns: as much faster as
    the bytes are fewer."""
    models = {"SmolLM2-135M": SMOLLM2}
    if run.options.full and LLAMA_1B_BF16.exists():
        models["Llama-1.1B"] = LLAMA_1B_BF16
    for name, source in models.items():
        flags = ("--compute=bf16", "--weights=bf16", "--max-sequence=2048")
        packages = {
            "bf16": run.package(source, *flags),
            "W8A16": run.package(source, *flags, "--quantize=W8A16"),
        }
        fewer = weight_bytes(packages["bf16"]) / weight_bytes(packages["W8A16"])
        for threads in (1, 2):
            times = {kind: [] for kind in packages}
            for _ in range(5):
                for kind, package in packages.items():
                    token, call = run.tokens(1), f"prefill tokens={run.tokens(32)}"
                    result = run.bench(
                        package,
                        "decode",
                        {"tokens": token},
                        run.repeat * 3,
                        threads,
                        [call],
                    )
                    times[kind].append(result["best_seconds"])
            best = {kind: min(several) for kind, several in times.items()}
            faster = best["bf16"] / best["W8A16"]
            run.progress(
                f"{name} {threads}t: bf16 {best['bf16'] * 1e3:.2f} ms, W8A16 "
                f"{best['W8A16'] * 1e3:.2f} ms; {faster:.2f} x of {fewer:.2f} x"
            )
            bar = f"decode {name} at 32 {threads}t, W8A16 / bf16 of the bytes' ratio"
            run.bar(bar, faster / fewer, 0.95)
    run.forget()


def layers(run):
    """Equal layers compile once: phases graph ... target, 32 layers to 4."""
    seconds = {}
    for count in (4, 32):
        model = tiny.llama(run.folder / f"llama{count}", layers=count)
        report = run.folder / "report.json"
        out = run.folder / "layers.trine"
        times = []
        for _ in range(3):
            tool("trine-compile", model, "--quiet", f"--report={report}", "-o", out)
            phases = json.loads(report.read_text())["phases"]
            named = ("graph", "quantize", "kernels", "target")
            times.append(sum(p["cpu_seconds"] for p in phases if p["name"] in named))
        seconds[count] = statistics.median(times)
    run.progress(
        f"graph...target: 4 layers {seconds[4]:.2f} s, 32 layers {seconds[32]:.2f} s"
    )
    name = "phases graph...target, 32 / 4 layers"
    run.bar(name, seconds[32] / seconds[4], 1.3, at_least=False)
