"""trine.fp8 against ml_dtypes and against the rules written out in NumPy.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import os
import unittest

import ml_dtypes
import numpy as np
import trine
from trine import fp8

FORMATS = {
    "e4m3fn": ml_dtypes.float8_e4m3fn,
    "e5m2": ml_dtypes.float8_e5m2,
    "e2m1": ml_dtypes.float4_e2m1fn,
}
LARGEST = {"e4m3fn": 448.0, "e5m2": 57344.0, "e2m1": 6.0}
FRACTION = {"e4m3fn": 3, "e5m2": 2, "e2m1": 1}


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    """The same values, signs of zeros and places of NaN."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    same = (a == b) & (np.signbit(a) == np.signbit(b))
    return bool((same | (np.isnan(a) & np.isnan(b))).all())


def inputs(fmt: str) -> np.ndarray:
    """All bf16 and f16 values, and f32 around everything where codes change."""
    every = np.arange(1 << 16, dtype=np.uint16)
    values = fp8.decode(np.arange(256 if fmt != "e2m1" else 16, dtype=np.uint8), fmt)
    finite = np.unique(np.abs(values[np.isfinite(values)])).astype(np.float64)
    beyond = 2 * finite[-1] - finite[-2]
    steps = np.append(finite, beyond)
    middles = ((steps[1:] + steps[:-1]) / 2).astype(np.float32)
    around = np.concatenate([middles, finite.astype(np.float32)])
    around = np.concatenate(
        [around, np.nextafter(around, np.float32(0)), np.nextafter(around, np.inf)]
    ).astype(np.float32)
    tiny = np.array([1, 2, 0x7FFFFF, 0x800000], np.uint32).view(np.float32)
    return np.concatenate(
        [
            (every.astype(np.uint32) << 16).view(np.float32),
            every.view(np.float16).astype(np.float32),
            around,
            -around,
            tiny,
        ]
    )


class Codes(unittest.TestCase):
    def test_decoding(self) -> None:
        for fmt, dtype in FORMATS.items():
            codes = np.arange(16 if fmt == "e2m1" else 256, dtype=np.uint8)
            with self.subTest(fmt):
                self.assertTrue(equal(fp8.decode(codes, fmt), codes.view(dtype)))
        scales = np.arange(256, dtype=np.uint8)
        expected = np.ldexp(1.0, scales.astype(int) - 127)
        expected[255] = np.nan
        self.assertTrue(equal(fp8.decode(scales, "ue8m0"), expected))
        self.assertTrue(equal(expected, scales.view(ml_dtypes.float8_e8m0fnu)))

    def test_encoding(self) -> None:
        for fmt, dtype in FORMATS.items():
            x = inputs(fmt)
            with np.errstate(over="ignore", invalid="ignore"):
                expected = x.astype(dtype).view(np.uint8)
            if fmt == "e2m1":
                # NaN has no code: the largest, with its sign, as infinity.
                nan = np.isnan(x)
                expected[nan] = np.where(np.signbit(x[nan]), 15, 7)
            with self.subTest(fmt):
                codes = fp8.encode(x, fmt, saturate=False)
                self.assertEqual(codes.tobytes(), expected.tobytes())
                # Saturating: the same but beyond the largest value.
                values = fp8.decode(codes, fmt)
                over = ~np.isnan(x) & ~np.isfinite(values)
                largest = fp8.encode(np.float32([LARGEST[fmt], -LARGEST[fmt]]), fmt)
                expected[over] = largest[np.signbit(x[over]).astype(int)]
                codes = fp8.encode(x, fmt)
                self.assertEqual(codes.tobytes(), expected.tobytes())
                self.assertEqual(over.any(), fmt != "e2m1")

    @unittest.skipUnless(
        os.getenv("TRINE_TEST_LEVEL") == "full", "requires --full: 2^32 values"
    )
    def test_encoding_every_f32(self) -> None:
        for first in range(0, 1 << 32, 1 << 24):
            x = np.arange(first, first + (1 << 24), dtype=np.uint32).view(np.float32)
            for fmt, dtype in FORMATS.items():
                with np.errstate(over="ignore", invalid="ignore"):
                    expected = x.astype(dtype).view(np.uint8)
                codes = fp8.encode(x, fmt, saturate=False)
                wrong = codes != expected
                if fmt == "e2m1":
                    wrong &= ~np.isnan(x)
                self.assertFalse(wrong.any(), (fmt, hex(first)))

    def test_one_wrong_code_is_seen(self) -> None:
        codes = np.arange(256, dtype=np.uint8)
        values = fp8.decode(codes, "e4m3fn")
        values[77] = np.nextafter(values[77], np.float32(np.inf))
        self.assertFalse(equal(values, codes.view(ml_dtypes.float8_e4m3fn)))

    def test_scales_round_to_the_nearest_power(self) -> None:
        """ml_dtypes agrees but where the format leaves a choice: 0, which has no
        code and saturates to the least, and values between 2^-127 and 2^-126,
        which ml_dtypes rounds up whatever is nearer."""
        bits = np.arange(1 << 16, dtype=np.uint32) << 16
        x = np.concatenate([bits.view(np.float32), inputs("e5m2")])
        with np.errstate(over="ignore", invalid="ignore"):
            expected = x.astype(ml_dtypes.float8_e8m0fnu).view(np.uint8).copy()
        least = (x > 2.0**-127) & (x < 1.5 * 2.0**-127)
        expected[least] = 0
        codes = fp8.encode(x, "ue8m0", saturate=False)
        self.assertEqual(codes.tobytes(), expected.tobytes())
        expected[x == 0] = 0
        expected[(x >= 1.5 * 2.0**127)] = 254
        self.assertEqual(fp8.encode(x, "ue8m0").tobytes(), expected.tobytes())

    def test_refusals(self) -> None:
        for call in (
            lambda: fp8.encode([1.0], "e3m4"),
            lambda: fp8.decode(np.int32([1]), "e5m2"),
            lambda: fp8.quantize([1.0], "ue8m0"),
            lambda: fp8.quantize([1.0], "e4m3fn", scale="ue8m0", rule="amax"),
            lambda: fp8.quantize([1.0], "e4m3fn", rule="nearest"),
            lambda: fp8.quantize([1.0], "e4m3fn", block=(1, -1)),
            lambda: fp8.quantize([1.0], "e4m3fn", block=(1,)),
            lambda: fp8.quantize([1.0], "e4m3fn", rule="floor", saturate=False),
            lambda: fp8.quantize(1.0, "e4m3fn"),
            lambda: fp8.dequantize(
                np.zeros((4, 8), np.uint8), np.ones((8, 4), np.float32), "e5m2", (1, 1)
            ),
        ):
            with self.assertRaises(trine.Error):
                call()


def powers(amax: np.ndarray, fmt: str, rule: str) -> np.ndarray:
    """The exponents of the scales, by the definition of each rule."""
    f, e = np.frexp(amax.astype(np.float64))
    f, e = 2 * f, e - 1
    g, emax = np.frexp(LARGEST[fmt])
    g, emax = 2 * g, emax - 1
    half = 2.0 ** -(FRACTION[fmt] + 1)
    more = {
        "rceil": f > g,
        "floor": f < 0,
        "even": f + half >= 2,
        "ceil": f > 1,
        "ct_even": f >= 1.75,
        "neuron": f > 0,
    }[rule]
    return np.clip(e - emax + more, -127, 127)


class Scales(unittest.TestCase):
    RULES = ("rceil", "floor", "even", "ceil", "ct_even", "neuron")

    def scales(self, amax: np.ndarray, fmt: str, rule: str) -> np.ndarray:
        _, scales = fp8.quantize(
            amax.reshape(-1, 1), fmt, block=(1, 1), scale="ue8m0", rule=rule
        )
        return scales.reshape(-1)

    def test_rules_over_all_bf16(self) -> None:
        amax = (np.arange(1, 0x7F80, dtype=np.uint32) << 16).view(np.float32)
        for fmt in LARGEST:
            for rule in self.RULES:
                with self.subTest(fmt=fmt, rule=rule):
                    expected = powers(amax, fmt, rule) + 127
                    codes = self.scales(amax, fmt, rule)
                    self.assertTrue((codes == expected).all())

    def test_rceil_over_all_fractions(self) -> None:
        """3 * 2^23 amax; also the ratio amax/448 itself, correctly rounded up."""
        for exponent in (1, 127, 254):
            for first in range(0, 1 << 23, 1 << 21):
                fraction = np.arange(first, first + (1 << 21), dtype=np.uint32)
                amax = (fraction | np.uint32(exponent << 23)).view(np.float32)
                codes = self.scales(amax, "e4m3fn", "rceil")
                ratio = np.ceil(np.log2(amax.astype(np.float64) / 448))
                expected = np.clip(ratio, -127, 127) + 127
                self.assertTrue((codes == expected).all())

    def test_a_block_of_zeros_and_blocks_that_are_not_finite(self) -> None:
        x = np.float32([[0, 0], [np.nan, 1], [np.inf, 1], [-0.0, 0]])
        codes, scales = fp8.quantize(x, "e4m3fn", block=(1, 2), scale="ue8m0")
        self.assertEqual(scales.tolist(), [[0], [255], [255], [0]])
        self.assertEqual(codes.tolist()[:3], [[0, 0], [127, 127], [127, 127]])
        codes, scales = fp8.quantize(x, "e4m3fn", block=(1, 2))
        self.assertEqual(scales[0, 0], 0)
        self.assertTrue(np.isnan(scales[1:3]).all())
        self.assertTrue(
            np.isnan(fp8.dequantize(codes, scales, "e4m3fn", (1, 2))[1]).all()
        )

    def test_amax_floor(self) -> None:
        _, scales = fp8.quantize([1e-6], "e4m3fn", amax_floor=1e-4)
        self.assertEqual(scales[0], np.float32(1e-4) / np.float32(448))


def fake(x, fmt, block, scale, rcp=False, element_rcp=False, rule="rceil"):
    """quantize and dequantize, in NumPy and ml_dtypes alone."""
    x = np.asarray(x, np.float32)
    rows, columns = x.shape
    tall, wide = block[0] or rows, block[1] or columns
    padded = np.zeros((-(-rows // tall) * tall, -(-columns // wide) * wide), np.float32)
    padded[:rows, :columns] = x
    tiles = padded.reshape(-1, tall, padded.shape[1] // wide, wide)
    amax = np.abs(tiles).max(axis=(1, 3))
    top = np.float32(LARGEST[fmt])
    if scale == "f32":
        scales = amax * (np.float32(1) / top) if rcp else amax / top
    else:
        scales = np.ldexp(np.float32(1), powers(amax, fmt, rule)).astype(np.float32)
    each = scales[:, None, :, None]
    ratio = tiles * (np.float32(1) / each) if element_rcp else tiles / each
    codes = np.clip(ratio, -top, top).astype(FORMATS[fmt])
    values = codes.astype(np.float32) * each
    crop = (slice(0, rows), slice(0, columns))
    return (
        codes.view(np.uint8).reshape(padded.shape)[crop],
        scales,
        values.reshape(padded.shape)[crop],
    )


class Blocks(unittest.TestCase):
    def test_against_numpy(self) -> None:
        rng = np.random.default_rng(3)
        x = rng.standard_normal((200, 331)) * np.exp(rng.standard_normal((200, 1)) * 3)
        x = x.astype(np.float32)
        for fmt in FORMATS:
            for block in ((1, 128), (128, 128), (1, 32), (1, 0), (0, 0), (0, 1)):
                for scale in ("f32", "ue8m0"):
                    for rcp, element_rcp in ((False, False), (True, True)):
                        with self.subTest(fmt=fmt, block=block, scale=scale, rcp=rcp):
                            codes, scales, values = fake(
                                x, fmt, block, scale, rcp, element_rcp
                            )
                            ours, own = fp8.quantize(
                                x,
                                fmt,
                                block,
                                scale,
                                scale_rcp=rcp,
                                element_rcp=element_rcp,
                            )
                            self.assertEqual(ours.tobytes(), codes.tobytes())
                            if scale == "ue8m0":
                                self.assertEqual(own.dtype, np.uint8)
                                decoded = fp8.decode(own, "ue8m0")
                                self.assertTrue(equal(decoded, scales))
                            else:
                                self.assertTrue(equal(own, scales))
                            back = fp8.dequantize(ours, own, fmt, block)
                            self.assertTrue(equal(back, values))

    def test_leading_dimensions_are_matrices(self) -> None:
        x = np.random.default_rng(4).standard_normal((2, 3, 5, 7)).astype(np.float32)
        codes, scales = fp8.quantize(x, "e4m3fn", (2, 4))
        self.assertEqual(scales.shape, (2, 3, 3, 2))
        one, scale = fp8.quantize(x[1, 2], "e4m3fn", (2, 4))
        self.assertEqual(codes[1, 2].tobytes(), one.tobytes())
        self.assertTrue(equal(scales[1, 2], scale))

    def test_refining_blocks_of_powers_of_two_loses_nothing(self) -> None:
        x = np.random.default_rng(5).standard_normal((128, 256)).astype(np.float32)
        codes, scales = fp8.quantize(x, "e4m3fn", (128, 128), "ue8m0")
        fine = np.repeat(np.repeat(scales, 128, axis=0), 4, axis=1)
        coarse = fp8.dequantize(codes, scales, "e4m3fn", (128, 128))
        self.assertTrue(equal(coarse, fp8.dequantize(codes, fine, "e4m3fn", (1, 32))))
        # and quantizing what was quantized gives the same values
        again, scales = fp8.quantize(coarse, "e4m3fn", (128, 128), "ue8m0")
        self.assertTrue(
            equal(coarse, fp8.dequantize(again, scales, "e4m3fn", (128, 128)))
        )

    # Signal to noise in dB of [1024, 4096] samples: (block, scale, rule),
    # normal, Student's t of 4 degrees, Laplace.
    NOISE = (
        ((0, 0), "f32", "amax", 31.54, 31.54, 31.53),
        ((1, 0), "f32", "amax", 31.55, 31.68, 31.57),
        ((128, 128), "f32", "amax", 31.56, 31.61, 31.55),
        ((128, 128), "ue8m0", "rceil", 31.52, 31.54, 31.54),
        ((1, 128), "f32", "amax", 31.80, 32.39, 32.11),
        ((1, 128), "ue8m0", "rceil", 31.52, 31.54, 31.54),
        ((1, 32), "ue8m0", "rceil", 31.52, 31.54, 31.54),
        ((1, 32), "ue8m0", "floor", 30.65, 29.83, 29.99),
        ((1, 32), "ue8m0", "even", 31.18, 30.71, 30.81),
        ((1, 32), "f32", "amax", 32.40, 33.32, 33.02),
    )

    def test_signal_to_noise(self) -> None:
        rng = np.random.default_rng(0)
        shape = (1024, 4096)
        samples = (
            rng.standard_normal(shape),
            rng.standard_t(4, shape),
            rng.laplace(size=shape),
        )
        for block, scale, rule, *expected in self.NOISE:
            for x, decibels in zip(samples, expected, strict=True):
                with self.subTest(
                    block=block, scale=scale, rule=rule, expected=decibels
                ):
                    x = x.astype(np.float32)
                    codes, scales = fp8.quantize(x, "e4m3fn", block, scale, rule)
                    back = fp8.dequantize(codes, scales, "e4m3fn", block)
                    noise = np.mean((x - back).astype(np.float64) ** 2)
                    found = 10 * np.log10(np.mean(x.astype(np.float64) ** 2) / noise)
                    self.assertAlmostEqual(found, decibels, delta=0.1)

    def test_outlier_channels(self) -> None:
        """Eight channels drown the others, as much as in NumPy; and less in
        blocks, which is what they are for."""
        rng = np.random.default_rng(1)
        plain = rng.standard_normal((256, 2048)).astype(np.float32)
        loud = np.arange(8) * 256
        others = np.setdiff1d(np.arange(2048), loud)
        for factor in (1, 60, 1e3, 1e4, 1e5):
            x = plain.copy()
            x[:, loud] *= np.float32(factor)
            noise = {}
            for block, scale in (
                ((0, 0), "f32"),
                ((1, 0), "f32"),
                ((1, 128), "f32"),
                ((1, 128), "ue8m0"),
                ((1, 32), "ue8m0"),
            ):
                codes, scales = fp8.quantize(x, "e4m3fn", block, scale)
                ours = fp8.dequantize(codes, scales, "e4m3fn", block)
                _, _, theirs = fake(x, "e4m3fn", block, scale)
                found, want = (
                    10
                    * np.log10(
                        np.mean(x[:, others] ** 2) / np.mean((x - back)[:, others] ** 2)
                    )
                    for back in (ours, theirs)
                )
                with self.subTest(factor=factor, block=block, scale=scale):
                    self.assertAlmostEqual(found, want, delta=0.1)
                noise[block, scale] = found
            if factor >= 1e4:
                best = noise[(1, 128), "f32"]
                self.assertGreater(best, noise[(1, 0), "f32"] + 1)
                self.assertGreater(best, noise[(0, 0), "f32"] + 4)


if __name__ == "__main__":
    unittest.main()
