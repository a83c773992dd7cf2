"""Section 6 of docs/arithmetic.md: matrices of floats and of quantised weights."""

import numpy as np
from arithmetic import F32, blocked_chain, check, fma

# Rows of input that are multiplied at once: small enough to stay in a CPU's cache.
ROWS = 64


def quantised_input(x):
    """Integers (rows × blocks × 32, as doubles) and scales (rows × blocks)."""
    blocks = check(x).reshape(len(x), -1, 32)
    largest = np.abs(blocks).max(axis=-1)
    tiny = largest < F32(2.0**-100)
    unit = np.where(tiny, F32(0), F32(16256) / largest)
    scale = np.where(tiny, F32(0), largest / F32(16256))
    a = np.rint(np.where(tiny[..., None], F32(0), blocks * unit[..., None])).astype(np.float64)
    return a, scale


class Floats:
    """A matrix of floats: columns × inner."""

    def __init__(self, weights):
        self.weights = weights

    def columns(self, chosen):
        return Floats(self.weights[chosen])

    def rows(self, ids):
        return self.weights[ids]

    def multiply(self, x):
        check(x)
        across, down = (matrix.T.astype(np.float64, order="C") for matrix in (x, self.weights))
        parts = []
        for begin in range(0, len(x), ROWS):
            part = across[:, begin : begin + ROWS, None]
            parts.append(blocked_chain(part.shape[1], down.shape[1], len(part), lambda i: (part[i], down[i])))
        return np.concatenate(parts)


class Quantised:
    """A matrix of quantised weights, cut into groups that each have a scale: 32 weights, or 16 of Q2_K, Q3_K and Q6_K.

    `integers` (columns × groups × size) have their offset subtracted; `d` and, where the format has one, `m` are floats
    (columns × groups).
    """

    def __init__(self, integers, d, m=None):
        self.integers, self.d, self.m = integers, d, m

    def columns(self, chosen):
        return Quantised(self.integers[chosen], self.d[chosen], None if self.m is None else self.m[chosen])

    def rows(self, ids):
        values = self.integers[ids].astype(F32) * self.d[ids][..., None]
        if self.m is not None:
            values = values + self.m[ids][..., None]
        return values.reshape(len(ids), -1)

    def multiply(self, x):
        a, scale = quantised_input(x)
        columns, groups, size = self.integers.shape
        per_block = 32 // size
        a = a.reshape(len(x), groups, size)
        scale = np.repeat(scale, per_block, axis=-1)
        totals = scale * a.sum(axis=-1).astype(F32)
        c = np.zeros((len(x), columns), F32)
        for begin in range(0, groups, per_block):
            block = range(begin, begin + per_block)
            for group in block:
                # Exact: all sums fit in 32 bits, and a double holds them.
                sums = a[:, group] @ self.integers[:, group].astype(np.float64).T
                c = fma(sums.astype(F32), self.d[:, group] * scale[:, group, None], c)
            for group in block if self.m is not None else ():
                c = fma(self.m[:, group], totals[:, group, None], c)
        return c


def halves(data):
    return np.ascontiguousarray(data).view("<f2").astype(F32)


def nibbles(data):
    """Low nibbles, then high ones, along the last axis."""
    return np.concatenate([data & 15, data >> 4], axis=-1).astype(np.int32)


def read_q4_0(blocks):
    return Quantised(nibbles(blocks[..., 2:]) - 8, halves(blocks[..., :2])[..., 0])


def read_q4_1(blocks):
    scales = halves(blocks[..., :4])
    return Quantised(nibbles(blocks[..., 4:]), scales[..., 0], scales[..., 1])


def fifth_bits(data):
    return np.unpackbits(data, axis=-1, bitorder="little").astype(np.int32) << 4


def read_q5_0(blocks):
    integers = nibbles(blocks[..., 6:]) | fifth_bits(blocks[..., 2:6])
    return Quantised(integers - 16, halves(blocks[..., :2])[..., 0])


def read_q5_1(blocks):
    scales = halves(blocks[..., :4])
    return Quantised(nibbles(blocks[..., 8:]) | fifth_bits(blocks[..., 4:8]), scales[..., 0], scales[..., 1])


def read_q8_0(blocks):
    return Quantised(blocks[..., 2:].view(np.int8).astype(np.int32), halves(blocks[..., :2])[..., 0])


def grouped(values, *rest):
    """Columns × super-blocks × groups to columns × all groups."""
    return values.reshape(len(values), -1, *rest)


def scales_of_six_bits(blocks):
    """Scales and minimums of Q4_K and Q5_K."""
    scales = halves(blocks[..., :4])
    s = blocks[..., 4:16].astype(np.int32)
    f = np.concatenate([s[..., 0:4] % 64, s[..., 8:12] % 16 + 16 * (s[..., 0:4] // 64)], axis=-1)
    g = np.concatenate([s[..., 4:8] % 64, s[..., 8:12] // 16 + 16 * (s[..., 4:8] // 64)], axis=-1)
    return grouped(scales[..., 0, None] * f.astype(F32)), grouped(-scales[..., 1, None] * g.astype(F32))


def nibbles_of_pairs(data):
    """Blocks 2j and 2j + 1 are the low and the high nibbles of the j-th 32 bytes."""
    data = data.reshape(*data.shape[:-1], 4, 32)
    return np.stack([data & 15, data >> 4], axis=-2).astype(np.int32).reshape(*data.shape[:-2], 8, 32)


def bits_of_blocks(data):
    """Bit j of byte i, for block j and weight i."""
    return data.astype(np.int32)[..., None, :] >> np.arange(8)[:, None] & 1


def pairs_of_bits(data):
    """Bits 2(j mod 4) and the next of byte 32⌊j ÷ 4⌋ + i, for block j and weight i."""
    data = data.astype(np.int32).reshape(*data.shape[:-1], 2, 1, 32)
    return (data >> np.arange(4).reshape(4, 1) * 2 & 3).reshape(*data.shape[:-3], 8, 32)


def read_q2_k(blocks):
    factors, scales = blocks[..., :16], halves(blocks[..., 80:])
    d = scales[..., 0, None] * (factors & 15).astype(F32)
    m = -scales[..., 1, None] * (factors >> 4).astype(F32)
    return Quantised(grouped(pairs_of_bits(blocks[..., 16:80]), 16), grouped(d), grouped(m))


def read_q3_k(blocks):
    integers = pairs_of_bits(blocks[..., 32:96]) + 4 * bits_of_blocks(blocks[..., :32]) - 4
    s = blocks[..., 96:108].astype(np.int32)
    k = np.arange(16)
    factors = (s[..., k % 8] >> k // 8 * 4 & 15) + 16 * (s[..., 8 + k % 4] >> k // 4 * 2 & 3) - 32
    return Quantised(grouped(integers, 16), grouped(halves(blocks[..., 108:]) * factors.astype(F32)))


def read_q4_k(blocks):
    return Quantised(grouped(nibbles_of_pairs(blocks[..., 16:]), 32), *scales_of_six_bits(blocks))


def read_q5_k(blocks):
    integers = nibbles_of_pairs(blocks[..., 48:]) + 16 * bits_of_blocks(blocks[..., 16:48])
    return Quantised(grouped(integers, 32), *scales_of_six_bits(blocks))


def read_q6_k(blocks):
    shape = blocks.shape[:-1]
    low = blocks[..., :128].reshape(*shape, 2, 2, 32).astype(np.int32)
    high = blocks[..., 128:192].reshape(*shape, 2, 1, 32).astype(np.int32)
    # Blocks 0 and 1 of each half have the low nibbles, 2 and 3 the high ones.
    low = np.concatenate([low & 15, low >> 4], axis=-2)
    shifts = np.arange(4).reshape(4, 1) * 2
    integers = low | (high >> shifts & 3) << 4
    factors = np.ascontiguousarray(blocks[..., 192:208]).view(np.int8).astype(F32)
    d = halves(blocks[..., 208:]) * factors
    return Quantised(grouped(integers - 32, 16), grouped(d))


# What the nibbles of IQ4_NL and IQ4_XS stand for.
TABLE = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.int32)


def read_iq4_nl(blocks):
    return Quantised(TABLE[nibbles(blocks[..., 2:])], halves(blocks[..., :2])[..., 0])


def read_iq4_xs(blocks):
    shape = blocks.shape[:-1]
    j = np.arange(8)
    high = np.ascontiguousarray(blocks[..., 2:4]).view("<u2").astype(np.int32)
    low = blocks[..., 4:8].astype(np.int32)[..., j // 2]
    factors = (low >> j % 2 * 4 & 15) + 16 * (high >> 2 * j & 3) - 32
    integers = TABLE[nibbles(blocks[..., 8:].reshape(*shape, 8, 16))]
    return Quantised(grouped(integers, 32), grouped(halves(blocks[..., :2]) * factors.astype(F32)))


# What the nibbles of MXFP4 stand for.
MXFP4_TABLE = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.int32)


def read_mxfp4(blocks):
    d = np.ldexp(1.0, blocks[..., 0].astype(np.int32) - 128).astype(F32)
    return Quantised(MXFP4_TABLE[nibbles(blocks[..., 1:])], d)


def read_f32(data):
    return Floats(data.view("<f4")[..., 0].astype(F32))


def read_f16(data):
    return Floats(halves(data)[..., 0])


def read_bf16(data):
    return Floats((data.view("<u2")[..., 0].astype(np.uint32) << 16).view(F32))


# GGUF's number of a format: bytes per block, weights per block, how to read columns × blocks × bytes.
FORMATS = {
    0: (4, 1, read_f32),
    1: (2, 1, read_f16),
    2: (18, 32, read_q4_0),
    3: (20, 32, read_q4_1),
    6: (22, 32, read_q5_0),
    7: (24, 32, read_q5_1),
    8: (34, 32, read_q8_0),
    10: (84, 256, read_q2_k),
    11: (110, 256, read_q3_k),
    12: (144, 256, read_q4_k),
    13: (176, 256, read_q5_k),
    14: (210, 256, read_q6_k),
    20: (18, 32, read_iq4_nl),
    23: (136, 256, read_iq4_xs),
    30: (2, 1, read_bf16),
    39: (17, 32, read_mxfp4),
}


def read_matrix(format, inner, data):
    """A matrix of a tensor's bytes; `inner` is the length of a column."""
    size, weights, read = FORMATS[format]
    return read(np.frombuffer(data, np.uint8).reshape(-1, inner // weights, size))
