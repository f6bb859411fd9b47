#!/usr/bin/env python3
"""The expected values of harness/inputs/minilm follow from its inputs, by numpy in float64; README.md there says how."""

import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "harness" / "inputs" / "minilm"
LIMIT = 1e-13


def attention(q, k, v, mask=None):
    scores = q.astype(np.float64) @ k.astype(np.float64).swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask[:, None, None, :], scores, -np.inf)
    largest = scores.max(-1, keepdims=True)
    weights = np.exp(scores - largest)
    total = weights.sum(-1, keepdims=True)
    weights /= total
    return weights @ v.astype(np.float64), weights, (largest + np.log(total))[..., 0]


def module(data, weight_of):
    def heads(name):
        projected = data["x"].astype(np.float64) @ weight_of(data["w_" + name]) + data["b_" + name]
        return projected.reshape(8, 30, 12, 32).swapaxes(1, 2)

    out, weights, _ = attention(heads("q"), heads("k"), heads("v"), data["mask"])
    return out.swapaxes(1, 2).reshape(8, 30, 384) @ weight_of(data["w_o"]) + data["b_o"], weights


failures = []


def check(what, error, good):
    print(f"{what}: {error:.3g}")
    if not good:
        failures.append(what)


for layer in (0, 3):
    data = np.load(FOLDER / f"license_layer{layer}.npz")
    out, _, lse = attention(data["q"], data["k"], data["v"])
    check(f"layer {layer} out", abs(out - data["out"]).max(), abs(out - data["out"]).max() <= LIMIT)
    check(f"layer {layer} lse", abs(lse - data["lse"]).max(), abs(lse - data["lse"]).max() <= LIMIT)

data = np.load(FOLDER / "sentences_layer1.npz")
out, _, _ = attention(data["q"], data["k"], data["v"], data["mask"])
check("sentences out", abs(out - data["out"]).max(), abs(out - data["out"]).max() <= LIMIT)
prefix = np.arange(30) < data["lengths"][:, None]
check("sentences mask is a prefix", 0, (prefix == data["mask"]).all())

data = np.load(FOLDER / "module_layer1.npz")
out, weights = module(data, lambda w: w.astype(np.float64).T)
check("module out, y = x w^T + b", abs(out - data["out"]).max(), abs(out - data["out"]).max() <= LIMIT)
check("module attn, y = x w^T + b", abs(weights - data["attn"]).max(), abs(weights - data["attn"]).max() <= LIMIT)
wrong, _ = module(data, lambda w: w.astype(np.float64))
check("module out, y = x w + b is another", abs(wrong - data["out"]).max(), abs(wrong - data["out"]).max() > 0.1)

sys.exit(f"wrong: {', '.join(failures)}" if failures else 0)
