"""Attention written in Triton and compiled by it for sm_80, on the emulator: its two hidden pointer parameters, shared memory
as its metadata says; held against attention in double within the bound of rule F. Fetches Triton from PyPI."""

import argparse
import json
import os
import tempfile

import numpy

import support

VERSION = "3.9.0"
parser = argparse.ArgumentParser()
parser.add_argument("--attest", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()


def compiled(name):
    """The PTX and what Triton says of its launch, compiled once."""
    packages = support.Packages(options.build)
    folder = packages.folder / f"triton-{VERSION}"
    if not (folder / "attention_causal.json").exists():
        python = packages.installed(f"triton=={VERSION}")
        folder.mkdir(exist_ok=True)
        support.command(python, support.HERE / "triton_attention.py", folder,
                        env={**os.environ, "TRITON_CACHE_DIR": str(folder / "cache")})
    return folder / f"attention_{name}.ptx", json.loads((folder / f"attention_{name}.json").read_text())


def run(length, causal):
    ptx, launch = compiled("causal" if causal else "full")
    heads, dim = 2, 64
    random = numpy.random.default_rng(20190622 + length)
    q, k, v = (support.to_bf16(random.standard_normal((heads, length, dim))) for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        numpy.savez(f"{folder}/inputs.npz", q=q, k=k, v=v)
        report = support.emulate(
            options.attest, ptx, folder, "--entry", launch["entry"], "--grid", f"{-(-length // launch['block'])},{heads}",
            "--block", launch["threads"], "--shared", launch["shared"], "--args",
            *(f"bf16:inputs.npz:{name}" for name in "qkv"), f"out:bf16:{heads}x{length}x{dim}=out.npy",
            f"out:f32:{heads}x{length}=lse.npy", f"f32:{float(dim**-0.5 * numpy.log2(numpy.e))!r}", f"i32:{length}",
            f"i32:{length * dim}", "null", "null")
        what = f"triton {VERSION} n{length}{' causal' if causal else ''}"
        support.expect(report["verdict"] == "passed", f"{what}: {report['fault']} {report['findings']}")
        if report["fault"]:
            return
        out, lse = numpy.load(f"{folder}/out.npy"), numpy.load(f"{folder}/lse.npy")
    blocks = -(-length // launch["block"])
    truth = [support.attention_with_bounds(q[h], k[h], v[h], causal, blocks) for h in range(heads)]
    want, bound, want_lse, lse_bound = (numpy.array(part) for part in zip(*truth))
    support.judge_output(f"{what}: out", out, want, bound, v)
    support.judge(f"{what}: lse", lse, want_lse, lse_bound)


def test_one_block_of_64():
    run(64, False)
    run(64, True)


def test_ragged_300():
    run(300, False)
    run(300, True)


support.run_tests([test for name, test in list(globals().items()) if name.startswith("test_")])
