"""The arithmetic of semantics version 1 in numpy, written from docs/arithmetic.md alone. Sections are that document's.

numpy adds, multiplies, divides and takes roots of floats as IEEE 754 wants it, one rounding each, and keeps denormals.
It has no fused multiply-add; `fma` makes one from doubles. Where numpy would choose an order of sums by itself (`sum`,
`@`), only integers that a double holds exactly are summed.
"""

import numpy as np

F32 = np.float32
# Infinities and NaN are looked for where section 9 says so.
np.seterr(all="ignore")


class NotFinite(Exception):
    """A value on the answer's way is infinite or NaN."""


class ContextExceeded(Exception):
    """A sequence is too long. The argument is the limit."""


def outcome(answer, *question):
    """What an answer is, or why it is refused."""
    try:
        return answer(*question)
    except NotFinite:
        return {"refusal": "NotFinite"}
    except ContextExceeded as refusal:
        return {"refusal": "ContextExceeded", "limit": refusal.args[0]}


def check(values):
    """Section 9: refuses values that are not finite; returns them."""
    if not np.isfinite(values).all():
        raise NotFinite
    return values


# 1. Numbers and operations


def bits(*words):
    """Floats given as their bits."""
    return np.array(words, np.uint32).view(F32)


def fma(a, b, c):
    """a · b + c, rounded once. Floats, or doubles that hold floats."""
    return add_exact(np.multiply(a, b, dtype=np.float64), c)


def add_exact(product, c):
    """The float nearest to a double plus a float.

    The product of two floats is exact as a double, but the sum is not always, and to round it to a double and then to a
    float would round twice. That changes a result only if the double lies halfway between two floats, so nearly never,
    or may if the float is denormal, where halfway is elsewhere. Only then the sum is rounded to odd first: if it isn't
    exact, the one of its two neighbours whose last bit is 1 stands for it. Such a double is never halfway, and on the
    right side of what is, since a double has more than two bits more than a float.
    """
    total = product + c
    halfway = (total.view(np.int64) & 0x1FFF_FFFF) == 0x1000_0000
    if halfway.any() or (np.abs(total) < 2.0**-126).any():
        total = rounded_to_odd(product, c, total)
    return total.astype(F32)


def rounded_to_odd(a, b, total):
    """a + b rounded to odd, given their sum rounded to nearest."""
    # The error of a sum is a double (Knuth's two-sum).
    back = total - a
    error = (a - (total - back)) + (b - back)
    words = total.view(np.int64)
    even = np.isfinite(total) & (error != 0) & (words & 1 == 0)
    away = (error > 0) == (total > 0)
    return (words + np.where(even, np.where(away, 1, -1), 0)).view(np.float64)


def maximum(a, b):
    """Section 1's max: b where a is NaN."""
    return np.where(a > b, a, b)


def minimum(a, b):
    return np.where(a < b, a, b)


# 2. Sums

BLOCK = 256
LANES = 128


def blocked_chain(rows, columns, length, term):
    """A blocked chain for each of rows × columns outputs; `term(i)` gives both factors of term i."""
    total = None
    for begin in range(0, length, BLOCK):
        sums = chain(rows, columns, range(begin, min(begin + BLOCK, length)), term)
        total = sums if total is None else total + sums
    return total


def chain(rows, columns, terms, term):
    c = np.zeros((rows, columns), F32)
    for i in terms:
        c = fma(*term(i), c)
    return c


def reduction(x, squares=False):
    """Reduces the last axis."""
    lanes = np.zeros((*x.shape[:-1], LANES), F32)
    for begin in range(0, x.shape[-1], LANES):
        part = x[..., begin : begin + LANES]
        into = lanes[..., : part.shape[-1]]
        into[...] = fma(part, part, into) if squares else into + part
    half = LANES // 2
    while half:
        lanes = lanes[..., :half] + lanes[..., half : 2 * half]
        half //= 2
    return lanes


def mean_over_rows(x):
    c = np.zeros(x.shape[1], F32)
    for row in x:
        c = c + row
    return c / F32(len(x))


# 3. Functions

EXP = bits(0x3EFFFFFE, 0x3E2AAA48, 0x3D2AAC7E, 0x3C091DCB, 0x3AB510B0)
LOG2_E, LN_2_HIGH, LN_2_LOW = bits(0x3FB8AA3B, 0x3F317218, 0xB102E308)
ERF_SMALL = bits(0x3E0375D3, 0xBEC0936A, 0x3DE70BD3, 0xBCDB3192, 0x3BA327F8, 0xBA1B2C87)
ERF_LARGE = bits(0xBF907483, 0xBF22B725, 0xBDD7A66B, 0x3CBA0C81, 0xBB41849A, 0x387248B7, 0x38387987, 0xB6A14F4F)
(HALF_ROOT,) = bits(0x3F3504F3)
TANH = bits(0xBEAAAA99, 0x3E088393, 0xBD5C1E2C, 0x3CA91349, 0xBBBAF0D4)
TANH_GELU_LINEAR, TANH_GELU_CUBIC = bits(0xBFCC422A, 0xBD922279)


def polynomial(x, coefficients):
    value = np.full(x.shape, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = fma(value, x, coefficient)
    return value


def exp(x):
    magic = F32(12582912)
    x = minimum(maximum(x, F32(-87)), F32(88))
    s = fma(x, LOG2_E, magic)
    k = (s - magic).astype(np.int32)
    n = magic - s
    r = fma(n, LN_2_LOW, fma(n, LN_2_HIGH, x))
    t = fma(r * r, polynomial(r, EXP), r)
    return np.ldexp(t + F32(1), k)


def silu(x):
    return x / (F32(1) + exp(F32(0) - x))


def erf(x):
    z = np.abs(x)
    small = fma(z, polynomial(z * z, ERF_SMALL), z)
    c = minimum(z, F32(4))
    large = F32(1) - exp(c * polynomial(c, ERF_LARGE))
    return np.copysign(np.where(z > F32(0.9375), large, small), x)


def gelu(x):
    return (x * F32(0.5)) * (F32(1) + erf(x * HALF_ROOT))


def tanh(x):
    z = np.abs(x)
    small = fma(z * (z * z), polynomial(z * z, TANH), z)
    c = minimum(z, F32(10))
    large = F32(1) - F32(2) / (exp(c + c) + F32(1))
    return np.copysign(np.where(z > F32(0.625), large, small), x)


def tanh_gelu(x):
    return x / (F32(1) + exp(x * fma(x * x, TANH_GELU_CUBIC, TANH_GELU_LINEAR)))


def bounded(x, bound):
    return x if bound is None else tanh(x * (F32(1) / F32(bound))) * F32(bound)


def softmax(x, scale, counts, window=None, bound=None):
    """Of each row's first `counts` values, the last `window` of them alone if there is one: the terms and their sum. Around
    them is +0, which changes no lane."""
    at, counts = np.arange(x.shape[-1]), np.asarray(counts)[..., None]
    inside = (at < counts) & (at >= counts - (window or x.shape[-1]))
    y = np.where(inside, x * F32(scale), F32(0))
    y = bounded(check(y), bound)
    largest = np.where(inside, y, F32(-np.inf)).max(axis=-1, keepdims=True)
    terms = np.where(inside, exp(y - largest), F32(0))
    return terms, reduction(terms)


# 4. Norms and rotation


def rms_norm(x, weights, epsilon):
    q = check(reduction(x, squares=True))
    f = F32(1) / np.sqrt(q / F32(x.shape[-1]) + F32(epsilon))
    return (x * f) * weights


def layer_norm(x, weights, biases, epsilon):
    n = F32(x.shape[-1])
    d = x - reduction(x) / n
    v = check(reduction(d, squares=True) / n)
    f = F32(1) / np.sqrt(v + F32(epsilon))
    return fma(d * f, weights, biases)


def unit_length(x):
    q = check(reduction(x, squares=True))
    if (q == 0).any():
        raise NotFinite
    return x / np.sqrt(q)


def angles(positions, head, base=10000.0, factors=None, factor=1.0, amplitude=1.0):
    """The tables of cosines and sines, positions × head / 2, and how many entries another library might round to others.

    The document wants the doubles of musl's functions. Two good libraries differ by few of a double's last bits; an
    entry that rounds to the same float within 8 of these is the same by both.
    """
    pair = np.arange(head // 2, dtype=np.float64)
    power = np.power(np.float64(base), (2 * pair) / head)
    factors = np.ones(head // 2) if factors is None else np.asarray(factors, np.float64)
    angle = ((np.asarray(positions, np.float64)[:, None] / power) / factors) / np.float64(factor)
    slack = 8 * 2.0**-53
    tables, doubtful = [], 0
    for function in (np.cos, np.sin):
        value = function(angle) * np.float64(amplitude)
        about = slack * abs(amplitude) * (1 + np.abs(angle))
        # Angle 0 is exact in every library.
        about[angle == 0] = 0
        doubtful += int(((value - about).astype(F32) != (value + about).astype(F32)).sum())
        tables.append(value.astype(F32))
    return *tables, doubtful


def yarn_factors(head, base, original, factor, yarn_beta_fast, yarn_beta_slow):
    """YaRN: what each frequency is divided by, and what sines and cosines are multiplied by."""

    def pair(turns):
        return (head * np.log(original / (turns * (2 * np.pi)))) / (2 * np.log(np.float64(base)))

    low = max(0.0, np.floor(pair(yarn_beta_fast)))
    high = min(head - 1.0, np.ceil(pair(yarn_beta_slow)))
    slowed = np.clip((np.arange(head // 2) - low) / max(0.001, high - low), 0, 1)
    amplitude = 0.1 * np.log(factor) + 1 if factor > 1 else 1.0
    return 1 / (slowed / factor + (1 - slowed)), amplitude


def rotate(x, cos, sin):
    """Rotates the dimensions of heads that tables of these positions are for: positions × heads × dimensions."""
    half = cos.shape[-1]
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    cos, sin = cos[:, None, :], sin[:, None, :]
    return np.concatenate([(a * cos) - (b * sin), fma(a, sin, b * cos), rest], axis=-1)


# 5. Halves


def half(x):
    """Rounded to a half and widened."""
    return x.astype(np.float16).astype(F32)


# 7.2.4 and 10.2.2


def attention(q, k, v, scale, counts, window=None, bound=None):
    """Mixed values: queries × heads × dimensions. Query i sees the first `counts[i]` positions, or the last `window` of
    these; counts never fall. Scores have a bound, or none."""
    queries, heads, size = q.shape
    positions, kv_heads, _ = k.shape
    of = np.arange(heads) // (heads // kv_heads)
    scores = np.zeros((heads, queries, positions), F32)
    for head in range(heads):
        keys = k[:, of[head]]
        scores[head] = chain(queries, positions, range(size), lambda i: (q[:, head, i, None], keys[:, i]))
    terms, total = softmax(scores, scale, counts, window, bound)
    mixed = np.zeros((heads, queries, size), F32)
    sums = np.zeros_like(mixed)
    for position in range(positions):
        # The first query that sees the position.
        first = int(np.searchsorted(counts, position, side="right"))
        value = v[position, of][:, None, :]
        sums[:, first:] = fma(terms[:, first:, position, None], value, sums[:, first:])
        if (position + 1) % BLOCK == 0 or position + 1 == positions:
            begin = position // BLOCK * BLOCK
            first = int(np.searchsorted(counts, begin, side="right"))
            mixed[:, first:] = sums[:, first:] if begin == 0 else mixed[:, first:] + sums[:, first:]
            sums[...] = 0
    return (mixed / total).transpose(1, 0, 2).reshape(queries, heads * size)


# 8. Choosing a token


def chacha20(key):
    """The 64-bit numbers of the key stream (RFC 8439): nonce zero, block counter from zero."""
    words = [int.from_bytes(key[i : i + 4], "little") for i in range(0, 32, 4)]
    constants = [int.from_bytes(b"expand 32-byte k"[i : i + 4], "little") for i in range(0, 16, 4)]
    counter = 0
    while True:
        begin = [*constants, *words, counter, 0, 0, 0]
        state = list(begin)
        for _ in range(10):
            for column in range(4):
                quarter_round(state, column, 4 + column, 8 + column, 12 + column)
            for column in range(4):
                quarter_round(state, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
        block = [(a + b) & 0xFFFFFFFF for a, b in zip(state, begin)]
        for i in range(0, 16, 2):
            yield block[i] | block[i + 1] << 32
        counter += 1


def quarter_round(state, a, b, c, d):
    for to, by, turned, count in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[to] = (state[to] + state[by]) & 0xFFFFFFFF
        word = state[turned] ^ state[to]
        state[turned] = (word << count | word >> (32 - count)) & 0xFFFFFFFF


def choose(logits, temperature, top_k, top_p, draws):
    """A token's id."""
    check(logits)
    if temperature == 0 or top_k == 1:
        return int(logits.argmax())
    y = check(logits * (F32(1000) / F32(temperature)))
    weights = np.rint(exp(y - y.max()) * F32(2**30)).astype(np.int64)
    left = [int(token) for token in np.argsort(-logits, kind="stable") if weights[token] > 0]
    if 0 < top_k < len(left):
        left = left[:top_k]
    if 0 < top_p < 1_000_000:
        whole = sum(int(weights[token]) for token in left)
        part = 0
        for count, token in enumerate(left, 1):
            part += int(weights[token])
            if part * 1_000_000 >= whole * top_p:
                left = left[:count]
                break
    point = next(draws) * sum(int(weights[token]) for token in left) >> 64
    for token in sorted(left):
        point -= int(weights[token])
        if point < 0:
            return token
