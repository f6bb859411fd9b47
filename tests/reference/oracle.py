#!/usr/bin/env python3
"""Softmax attention once more, in numpy, sharing nothing with the C++ reference.

oracle.py FOLDER reads FOLDER/problems.txt (one problem text a line) and FOLDER/<line>.npz with q k v, the optional
mask bias kv_lengths, and the reference's out and lse; exit 0 when all agree. Arithmetic is numpy's longdouble (at least
64 bits), so that the tolerance measures the reference and not this program. DESIGN.md 1 defines the meanings.
"""
import sys
from pathlib import Path

import numpy as np

TOLERANCE = 2e-14
WIDE = np.longdouble


def parse(text):
    sizes, flags = {"b": 1, "hq": 1, "d": 64}, {}
    for token in text.split():
        name, equals, value = token.partition("=")
        if equals:
            flags[name] = value
        elif token in ("f32", "f16", "bf16", "f64", "causal"):
            flags[token] = True
        else:
            letters = token.rstrip("0123456789")
            sizes[letters] = int(token[len(letters):])
    sizes.setdefault("hkv", sizes["hq"])
    sizes.setdefault("skv", sizes["sq"])
    sizes.setdefault("dv", sizes["d"])
    return sizes, flags


def philox_words(batch, heads, rows, keys, seed):
    """Word 0 of Philox4x32-10 for every (b, h, i, j), after Random123's philox.h."""
    low = np.uint64(0xFFFFFFFF)
    b, h, i, j = np.meshgrid(np.arange(batch), np.arange(heads), np.arange(rows), np.arange(keys), indexing="ij")
    x = [part.astype(np.uint64) for part in (j, i, h, b)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        first = np.uint64(0xD2511F53) * x[0]
        second = np.uint64(0xCD9E8D57) * x[2]
        x = [
            (second >> np.uint64(32)) ^ x[1] ^ np.uint64(key[0]),
            second & low,
            (first >> np.uint64(32)) ^ x[3] ^ np.uint64(key[1]),
            first & low,
        ]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return x[0]


def attention(text, data):
    """out, lse and sum P|v|, the size against which out is compared."""
    sizes, flags = parse(text)
    b, hq, hkv, sq, skv = (sizes[name] for name in ("b", "hq", "hkv", "sq", "skv"))
    q = data["q"].astype(WIDE)
    k = np.repeat(data["k"].astype(WIDE), hq // hkv, axis=1)
    v = np.repeat(data["v"].astype(WIDE), hq // hkv, axis=1)
    scale = WIDE(float(flags["scale"])) if "scale" in flags else WIDE(1.0 / np.sqrt(np.float64(sizes["d"])))
    score = scale * np.einsum("bhid,bhjd->bhij", q, k)
    cap = WIDE(float(flags.get("softcap", 0)))
    if cap > 0:
        score = cap * np.tanh(score / cap)
    if "bias" in data:
        score = score + data["bias"].astype(WIDE)

    length = data["kv_lengths"] if "kv_lengths" in data else np.full(b, skv)
    align = flags.get("align", "bottom_right")
    offset = {"top_left": np.zeros(b, int), "bottom_right": length - sq}.get(align)
    if offset is None:
        offset = np.full(b, int(align))
    ahead = np.arange(skv)[None, None, :] - np.arange(sq)[None, :, None] - offset[:, None, None]
    seen = np.broadcast_to(np.arange(skv)[None, None, :] < length[:, None, None], ahead.shape).copy()
    if "causal" in flags:
        seen &= ahead <= 0
    left, right = (int(part) for part in flags.get("window", "-1,-1").split(","))
    if left >= 0:
        seen &= ahead >= -left
    if right >= 0:
        seen &= ahead <= right
    seen = np.broadcast_to(seen[:, None], (b, hq, sq, skv))
    if "mask" in data:
        seen = seen & data["mask"]
    score = np.where(seen, score, WIDE(-np.inf))

    top = score.max(axis=-1, keepdims=True)
    empty = np.isneginf(top)
    weight = np.exp(score - np.where(empty, WIDE(0), top))
    total = weight.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore"):
        lse = np.where(empty, WIDE(-np.inf), top + np.log(total))[..., 0]
    prob = weight / np.where(empty, WIDE(1), total)
    rate = float(flags.get("dropout", 0))
    if rate > 0:
        words = philox_words(b, hq, sq, skv, int(flags.get("seed", 0)))
        prob = np.where(words >= np.uint64(np.floor(rate * 2.0**32)), prob / (WIDE(1) - WIDE(rate)), WIDE(0))
    return prob @ v, lse, prob @ np.abs(v)


def main():
    folder = Path(sys.argv[1])
    worst, wrong = 0.0, 0
    problems = (folder / "problems.txt").read_text().splitlines()
    for number, text in enumerate(problems):
        data = dict(np.load(folder / f"{number}.npz"))
        out, lse, size = attention(text, data)
        for name, truth, scale in (("out", out, size), ("lse", lse, np.maximum(np.abs(lse), 1))):
            got = data[name].astype(WIDE)
            with np.errstate(invalid="ignore", divide="ignore"):
                error = np.where(got == truth, WIDE(0), np.abs(got - truth) / scale)
            largest = float(np.max(np.where(np.isnan(error), WIDE(np.inf), error)))
            worst = max(worst, largest)
            if not largest <= TOLERANCE:
                wrong += 1
                print(f"{name} of problem {number} \"{text}\" ({', '.join(sorted(data))}): relative error {largest:.3g}")
    print(f"{len(problems)} problems, largest relative error {worst:.3g}, {wrong} wrong")
    return 1 if wrong or not problems else 0


if __name__ == "__main__":
    sys.exit(main())
