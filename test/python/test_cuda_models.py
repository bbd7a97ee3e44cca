"""Whole models compiled for CUDA, executed by the PTX simulator behind the stand-in
driver: logits beside the CPU's in f32, tokens beside the CPU's in bf16.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import os
import unittest
import unittest.mock

import numpy as np
import support

SIMULATED = "cuda:sim-sm_80"
ERROR = 3e-2  # relative RMS, over positions


def load(source, **flags):
    path = support.package(source, target="cuda", **flags)
    return support.trine.load(path, device=SIMULATED)


def distance(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Relative RMS of each position."""
    squares = ((got - want) ** 2).mean(-1), (want**2).mean(-1)
    return np.sqrt(squares[0] / squares[1])


class Models(unittest.TestCase):
    def close(self, got, f32, bf16) -> None:
        """Within the error, and the CPU's token unless it won by less than that."""
        self.assertEqual(got.shape, f32.shape)
        self.assertLess(np.median(distance(got, f32)), ERROR)
        two = np.sort(bf16, -1)[..., -2:]
        unclear = two[..., 1] - two[..., 0] < 2 * np.abs(got - bf16).max(-1)
        differs = got.argmax(-1) != bf16.argmax(-1)
        self.assertFalse((differs & ~unclear).any())
        self.assertLessEqual(differs.sum(), max(1, differs.size / 16))

    def model(self, name: str, vocabulary: int, **flags) -> None:
        source = support.DATA / name
        cuda = load(source, **flags)
        devices = {f["device"] for f in cuda.manifest["fallbacks"]}
        self.assertEqual(devices, {"cpu"} if flags else set())
        cpu = [support.model(source, compute=kind) for kind in ("f32", "bf16")]
        rng = np.random.default_rng(5)
        tokens = rng.integers(3, vocabulary, (2, 19)).astype(np.int32)
        want = [m.run("forward", tokens=tokens)["logits"] for m in cpu]
        self.close(cuda.run("forward", tokens=tokens)["logits"], *want)
        session = cuda.session(batch=2)
        logits = [session.run("prefill", tokens=tokens[:, :17])["logits"]]
        for step in (17, 18):
            out = session.run("decode", tokens=tokens[:, step : step + 1])
            logits.append(out["logits"])
        self.close(np.stack(logits, 1), *(x[:, 16:] for x in want))

    def test_llama(self) -> None:
        self.model("tiny-llama", 280)

    def test_qwen(self) -> None:
        self.model("tiny-qwen2", 90)
        self.model("tiny-qwen3", 90)

    def test_experts(self) -> None:
        self.model("tiny-mixtral", 90)
        self.model("tiny-deepseek", 90)

    def test_some_kernels_on_the_cpu(self) -> None:
        self.model("tiny-llama", 280, place="layers.1.mlp.*=cpu")

    def test_bert(self) -> None:
        source = support.DATA / "tiny-bert"
        rng = np.random.default_rng(5)
        tokens = rng.integers(3, 60, (2, 21)).astype(np.int32)
        mask = np.ones_like(tokens)
        mask[1, 13:] = 0
        inputs = {"tokens": tokens, "mask": mask}
        got = load(source).run("encode", **inputs)["hidden"]
        want = support.model(source).run("encode", **inputs)["hidden"]
        used = mask.astype(bool)
        self.assertLess(np.median(distance(got[used], want[used])), ERROR)
        pooled = load(source, entries="embed").run("embed", **inputs)["embedding"]
        want = support.model(source).run("embed", **inputs)["embedding"]
        self.assertLess(distance(pooled, want).max(), ERROR)
        # Negative control: the mask counts.
        inputs["mask"] = np.ones_like(mask)
        other = load(source).run("encode", **inputs)["hidden"]
        self.assertGreater(np.abs(other - got)[1].max(), 1e-3)

    @support.needs_models
    def test_smollm2(self) -> None:
        """135 million parameters: 16 tokens, then 4 steps on the CPU's tokens."""
        entries = {"entries": "prefill,decode"}
        cuda = load(support.SMOLLM2, **entries)
        self.assertEqual(cuda.manifest["fallbacks"], [])
        kinds = [{"compute": "f32"}, {"compute": "bf16"}]
        cpu = [support.model(support.SMOLLM2, **kind, **entries) for kind in kinds]
        text = "The capital of France is Paris, and the capital of Italy is Rome. Then"
        tokens = np.array([cuda.tokenize(text)[:16]], np.int32)
        sessions = [model.session(batch=1) for model in (cuda, *cpu)]
        entry, logits = "prefill", ([], [], [])
        for _ in range(5):
            for session, seen in zip(sessions, logits, strict=True):
                seen.append(session.run(entry, tokens=tokens)["logits"][0])
            entry, tokens = (
                "decode",
                logits[2][-1].argmax().astype(np.int32)[None, None],
            )
        got, f32, bf16 = (np.stack(seen) for seen in logits)
        self.close(got, f32, bf16)
        self.assertLess(np.sqrt(((got - f32) ** 2).mean() / (f32**2).mean()), ERROR)


class Driver(unittest.TestCase):
    """What the stand-in is told to do wrong arrives as an error."""

    def run_with(self, settings: str):
        package = support.package(support.DATA / "tiny-llama", target="cuda")
        with unittest.mock.patch.dict(os.environ, TRINE_CUDA_SIM=settings):
            return support.run(
                "trine-run", package, f"--device={SIMULATED}", "--self-test"
            )

    def test_faults(self) -> None:
        for settings, code, what in (
            ("seed=3", 0, ""),
            ("eager", 0, ""),
            ("out-of-memory=3", 5, "CUDA_ERROR_OUT_OF_MEMORY"),
            ("fail-launch=2", 6, "CUDA_ERROR_LAUNCH_FAILED"),
            ("sed=3", 5, "expected seed=N, eager, out-of-memory=N or fail-launch=N"),
        ):
            with self.subTest(settings):
                done = self.run_with(settings)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(what, done.stderr)

    def test_devices(self) -> None:
        package = support.package(support.DATA / "tiny-llama", target="cuda")
        for device, what in (
            ("cuda:sim-sm_70", "no device 'sim-sm_70'; there are sim-sm_80"),
            ("cuda", ""),
        ):
            done = support.run(
                "trine-run", package, f"--device={device}", "--self-test"
            )
            if what:
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(what, done.stderr)
            else:  # with or without a GPU
                self.assertIn(done.returncode, (0, 5), done.stderr)


if __name__ == "__main__":
    unittest.main()
