#!/usr/bin/env python3
"""Fits the approximations in lib/Target/Math.cpp.

Nothing -> coefficient arrays (lowest power first) and their largest relative
error in units of 2^-24, float32 coefficients included. Needs NumPy.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import math

import numpy as np

# Lawson's iteration: least squares whose weights follow the error until it
# levels out, which is the minimax fit. float64 is 2^28 times finer than the
# result, so nothing longer is needed.
STEPS, POINTS = 300, 4000


def nodes(low, high):
    """Chebyshev nodes of an interval; none is zero."""
    t = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    return (low + high) / 2 + (high - low) / 2 * t


def lawson(basis, target, scale, denominator=slice(0, 0)):
    """The c with the smallest max |basis·c - target| · scale.

    A rational fit p/q with q(0) = 1 is the linear fit of p - target·(q - 1) to
    target, its residual divided by the q of the step before: `denominator`
    names the columns of target·(1 - q).
    """
    weights, divisor, best = np.ones(POINTS) / POINTS, np.ones(POINTS), None
    for _ in range(STEPS):
        root = np.sqrt(weights) * scale / divisor
        matrix = basis * root[:, None]
        norm = np.abs(matrix).max(0)
        c = np.linalg.lstsq(matrix / norm, target * root, rcond=None)[0] / norm
        divisor = 1 - (basis[:, denominator] @ c[denominator]) / target
        error = np.abs(basis @ c - target) * scale / divisor
        if best is None or error.max() < best[0]:
            best = error.max(), c
        weights *= error + 1e-16
        weights /= weights.sum()
    return best[1]


def single(c):
    return np.asarray(c, np.float32).astype(np.float64)


def show(name, *arrays, error):
    for suffix, c in zip(("", "Denominator"), arrays, strict=False):
        print(f"{name}{suffix}: " + ", ".join(f"{v:.9g}f" for v in single(c)))
    print(f"  largest relative error {error * 2**24:.3f} x 2^-24")


def fit_exp():
    """e^r = 1 + r + r^2·q(r) on |r| <= ln2/2."""
    r = nodes(-0.3466, 0.3466)
    target = (np.expm1(r) - r) / r**2
    # Relative error of expm1, which tanh reads, and so of e^r as well.
    scale = r**2 / np.abs(np.expm1(r))
    c = lawson(np.vander(r, 5, increasing=True), target, scale)
    value = r + r**2 * np.polynomial.polynomial.polyval(r, single(c))
    show("exp", c, error=np.abs(value / np.expm1(r) - 1).max())


def fit_exp2(name, low, high, terms):
    """2^r = 1 + r·q(r) on [low, high]."""
    r = nodes(low, high)
    target = (2.0**r - 1) / r
    c = lawson(np.vander(r, terms, increasing=True), target, np.abs(r) / 2.0**r)
    value = 1 + r * np.polynomial.polynomial.polyval(r, single(c))
    show(name, c, error=np.abs(value / 2.0**r - 1).max())


def fit_erf():
    """erf(x) = x·p(x^2)/q(x^2) on |x| <= 3.92; erf rounds to 1 beyond."""
    x, degree = nodes(0, 3.92), 5
    target = np.vectorize(math.erf)(x) / x
    u = x * x
    powers = np.vander(u, degree + 1, increasing=True)
    basis = np.hstack([powers, -powers[:, 1:] * target[:, None]])
    c = lawson(basis, target, 1 / target, slice(degree + 1, None))
    p, q = c[: degree + 1], np.r_[1, c[degree + 1 :]]
    polyval = np.polynomial.polynomial.polyval

    def error(scale):
        value = polyval(u, single(scale * p)) / polyval(u, single(scale * q))
        return np.abs(value / target - 1).max()

    # p and q may be scaled alike: by what float32 rounds best.
    scale = min(np.linspace(1, 2, 1000), key=error)
    show("erf", scale * p, scale * q, error=error(scale))


def fit_erfc():
    """1 - erf(x) = e^p(x) on 1 <= x <= 3.92, the error relative to erf."""
    x = nodes(1, 3.92)
    tail = np.vectorize(math.erfc)(x)
    basis = np.vander(x, 6, increasing=True)
    c = lawson(basis, np.log(tail), tail)
    value = 1 - np.exp(np.polynomial.polynomial.polyval(x, single(c)))
    show("erfc", c, error=np.abs(value / (1 - tail) - 1).max())


def fit_quarter_turns():
    """sin(pi/2·x) = x·p(x^2), cos(pi/2·x) = 1 + x^2·q(x^2) on |x| <= 1/2."""
    x = nodes(0, 0.5)
    u, polyval = x * x, np.polynomial.polynomial.polyval
    sine, cosine = np.sin(np.pi / 2 * x), np.cos(np.pi / 2 * x)
    basis = np.vander(u, 4, increasing=True)
    c = lawson(basis, sine / x, x / sine)
    error = np.abs(x * polyval(u, single(c)) / sine - 1).max()
    show("sin", c, error=error)
    # 1 - cos without cancellation.
    target = -2 * np.sin(np.pi / 4 * x) ** 2 / u
    c = lawson(basis, target, u / cosine)
    show("cos", c, error=np.abs(u * (polyval(u, single(c)) - target)).max())


fit_exp()
fit_exp2("exp2", -0.5, 0.5, 6)
fit_exp2("exp2 of a fraction", 0, 1, 6)
fit_exp2("exp2 for bf16", -0.5, 0.5, 3)
fit_exp2("exp2 of a fraction for bf16", 0, 1, 3)
fit_erf()
fit_erfc()
fit_quarter_turns()
