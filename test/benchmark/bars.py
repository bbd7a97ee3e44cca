"""The bars of a run: Trine beside the best rival, and beside the machine.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy
from shapes import LLAMA_1B, SMOLLM2_135M

# Least speed relative to llama.cpp: (kind, model, storage, length or None).
LLAMA_CPP = {
    ("prefill", SMOLLM2_135M, "q4_1", 128): 3.0,
    ("prefill", SMOLLM2_135M, "q4_1", 512): 2.5,
    ("prefill", LLAMA_1B, "bf16", 512): 1.4,
    ("decode", SMOLLM2_135M, "q4_1", None): 1.8,
    ("decode", LLAMA_1B, "q4_k", None): 1.2,
    ("decode", LLAMA_1B, "q8_0", None): 1.2,
    ("decode", LLAMA_1B, "bf16", None): 1.3,
}


def least(work, ports):
    """The bar of a work, or None."""
    if work.group == "encoders" and (work.batch, work.length) == (1, 128):
        if ports == 2:
            return {"f32": 1.15, "bf16": 1.1}[work.storage]
        return 1.03
    if work.group not in ("prompts", "generation"):
        return None
    key = work.kind, work.model, work.storage
    return LLAMA_CPP.get((*key, work.length)) or LLAMA_CPP.get((*key, None))


def versus(run, work, threads, rows):
    """How many times the best rival's speed Trine has."""
    bar = least(work, run.machine.get("ports"))
    rivals = [row for row in rows if row["system"] != "trine"]
    slow = [row for row in rivals if row["system"] == "openvino_no_amx"]
    if bar is None or not rivals:
        return
    name = f"{work.name} {threads}t / best rival"
    rival = min(rivals, key=lambda row: row["best_seconds"])
    own = [row for row in rows if row["system"] == "trine"]
    if not own:
        why = "trine refused this precision"
        run.bar(name, 0.0, bar, rival=rival["system"], why=why)
        return
    trine = min(own, key=lambda row: row["best_seconds"])
    value = rival["best_seconds"] / trine["best_seconds"]
    facts = {"rival": rival["system"], "compute": trine["compute"]}
    facts["trine_seconds"] = trine["best_seconds"]
    facts["rival_seconds"] = rival["best_seconds"]
    if slow and value < bar:
        beside = slow[0]["best_seconds"] / trine["best_seconds"]
        facts["why"] = f"AMX tiles; {beside:.2f} x openvino without them"
    if work.kind == "decode" and value < bar:
        facts["why"] = streamed(run, work, threads, trine, bar / value)
    run.bar(name, value, bar, **facts)
    if value < bar:
        run.explain(run.bars[-1], profiled(run, work, threads, trine["package"]))


def streamed(run, work, threads, row, times):
    """How much of the memory's stream a step takes, and at the bar would take."""
    rate = work.bytes() / row["best_seconds"] / 1e9
    share = rate / run.machine["calibration"][threads]["stream_gbs"]
    return (
        f"{rate:.1f} GB/s of weights, {share:.0%} of the stream;"
        f" the bar would take {share * times:.0%}"
    )


def profiled(run, work, threads, package):
    """The arguments of trine-run that run a work once."""
    shape = f"[{work.batch},{work.length}]"
    arguments = [package, f"--threads={threads}", f"--entry={work.kind}"]
    if work.kind == "decode":
        arguments += ["--call", f"prefill tokens={shape}"]
        shape = f"[{work.batch},1]"
    arguments += ["--input", f"tokens={shape}"]
    if work.kind == "encode":
        ones = run.folder / "mask.npy"
        numpy.save(ones, numpy.ones((work.batch, work.length), numpy.int32))
        arguments += ["--input", f"mask={ones}"]
    return arguments


def costs(run, work, taken):
    """Compile time beside IREE's, load to first token beside llama.cpp's."""

    def best(system, key):
        times = [
            facts[key]
            for (name, _), several in taken.items()
            for facts in several
            if name == system and key in facts
        ]
        return min(times, default=None)

    own, iree = (best(name, "compile_seconds") for name in ("trine", "iree"))
    if own and iree:
        name = f"compile {work.model.name} / IREE's time"
        run.bar(name, own / iree, 0.7, at_least=False)
    own, rival = (best(name, "first_seconds") for name in ("trine", "llama_cpp"))
    if own and rival:
        name = f"load {work.model.name} {work.storage} to first token / llama.cpp's"
        run.bar(name, own / rival, 1.0, at_least=False)
