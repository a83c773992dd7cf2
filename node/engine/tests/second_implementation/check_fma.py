"""Compares `fma` with exact fractions, and says how often a sum rounded twice would be wrong."""

import json
import math
from fractions import Fraction

import numpy as np
from arithmetic import F32, fma

DENORMAL_EXPONENT = -149
COUNT = 4000


def nearest_float(value):
    """The float nearest to a fraction, ties to even."""
    if value == 0:
        return 0.0
    magnitude = abs(value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    exponent -= magnitude < Fraction(2) ** exponent
    unit = Fraction(2) ** max(exponent - 23, DENORMAL_EXPONENT)
    rounded = round(magnitude / unit) * unit
    return math.copysign(float(rounded) if rounded < 2**128 else math.inf, value)


def cases():
    """Factors and summands: of any bits; with sums halfway between floats or nearly so; with denormal results."""
    noise = np.random.default_rng(1)
    bits = noise.integers(0, 2**32, (3, COUNT), dtype=np.uint64).astype(np.uint32).view(F32)
    yield np.where(np.isfinite(bits), bits, F32(1))
    c = F32(1) + noise.integers(0, 2**23, COUNT).astype(F32) * F32(2.0**-23)
    near = noise.integers(-3, 4, (2, COUNT)) * 2.0**-23
    yield (1 + near[0]).astype(F32), ((1 + near[1]) * 2.0**-24).astype(F32), c
    small = noise.integers(-(2**24), 2**24, (2, COUNT)) * 2.0 ** noise.integers(-99, -95, (2, COUNT))
    yield *small.astype(F32), (noise.integers(-8, 9, COUNT) * 2.0**DENORMAL_EXPONENT).astype(F32)


def main():
    wrong, twice_wrong = 0, 0
    for a, b, c in cases():
        once = fma(a, b, c)
        twice = (np.multiply(a, b, dtype=np.float64) + c).astype(F32)
        for factors, actual, naive in zip(zip(a, b, c), once, twice):
            a_exact, b_exact, c_exact = (Fraction(float(value)) for value in factors)
            expected = nearest_float(a_exact * b_exact + c_exact)
            wrong += float(actual) != expected
            twice_wrong += float(naive) != expected
    print(json.dumps({"wrong": wrong, "twice_would_be_wrong": twice_wrong}))


if __name__ == "__main__":
    main()
