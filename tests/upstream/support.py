"""What the upstream tests share: packages from PyPI into the build folder, the emulator's command, attention in double with
the bound of rule F, and the report of a test program."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy

HERE = pathlib.Path(__file__).resolve().parent
failures = []


def expect(condition, what):
    if not condition:
        failures.append(what)
        print("FAILED:", what)


def run_tests(tests):
    """Runs the functions and ends the program as ctest and test.sh expect it."""
    failed = 0
    for test in tests:
        before = len(failures)
        test()
        failed += len(failures) > before
        print(f"{'failed' if len(failures) > before else 'passed'}: {test.__name__}", flush=True)
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def command(*arguments, **more):
    """Runs a program to its end; what it said is shown when it fails."""
    result = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True, **more)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout


class Packages:
    """Python packages in <build>/upstream, fetched once; later runs need no network."""

    def __init__(self, build):
        self.folder = pathlib.Path(build).resolve() / "upstream"
        self.folder.mkdir(exist_ok=True)
        self.python = self.folder / "venv/bin/python"

    def pip(self, *arguments, **more):
        if not (self.folder / "venv/ready").exists():
            shutil.rmtree(self.folder / "venv", ignore_errors=True)
            command(sys.executable, "-m", "venv", self.folder / "venv")
            (self.folder / "venv/ready").touch()
        return command(self.python, "-m", "pip", "--disable-pip-version-check", *arguments, **more)

    def installed(self, requirement):
        """Installs `name==version` into the environment and returns the environment's python."""
        marker = self.folder / f"{requirement}.installed"
        if not marker.exists():
            print(f"fetching {requirement} from PyPI", flush=True)
            self.pip("install", "--no-deps", requirement)
            marker.touch()
        return self.python

    def source_of(self, name, version):
        """The unpacked source package of `name==version`. Its setup.py is run for the name and version only."""
        unpacked = self.folder / f"{name.replace('-', '_')}-{version}"
        if not (unpacked / "fetched").exists():
            print(f"fetching the sources of {name} {version} from PyPI", flush=True)
            self.pip("install", "setuptools", "wheel", "packaging")
            environment = {**os.environ, "PYTHONPATH": str(HERE / "stubs/python"), "FLASH_ATTENTION_SKIP_CUDA_BUILD": "TRUE"}
            self.pip("download", "--no-deps", "--no-build-isolation", "--no-binary", name, f"{name}=={version}", "--dest",
                     self.folder, env=environment)
            shutil.unpack_archive(str(unpacked) + ".tar.gz", self.folder)
            (unpacked / "fetched").touch()
        return unpacked


def nvcc_of(build):
    """The compiler that the build found, or None."""
    cache = (pathlib.Path(build) / "CMakeCache.txt").read_text()
    for found in re.findall(r"^ATTEST_NVCC[A-Z_]*:[A-Z]+=(.+)$", cache, re.MULTILINE):
        if found != "none" and shutil.which(found):
            return found
    return shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")


def emulate(attest, file, folder, *arguments):
    """Runs `attest emulate` in `folder`; the JSON that it prints, findings included."""
    result = subprocess.run([os.path.abspath(attest), "emulate", str(file), *map(str, arguments), "--json"],
                            capture_output=True, text=True, cwd=folder)
    if result.returncode not in (0, 1):
        sys.exit(f"emulate ended with {result.returncode}: {result.stderr}")
    return json.loads(result.stdout)


def to_bf16(values):
    """The nearest bf16 numbers, ties to even, as float32."""
    bits = values.astype(numpy.float32).view(numpy.uint32).astype(numpy.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return rounded.astype(numpy.uint32).view(numpy.float32)


def attention_with_bounds(q, k, v, causal, blocks):
    """Attention of one head in double and how far a bf16 kernel on tensor cores may be from it.

    q (sq, d), k (skv, d), v (skv, dv); causal is aligned at the bottom right; the kernel takes the keys in `blocks`
    blocks. Returns out, its bound, lse, its bound: rule F, deterministic, from the declared arithmetic alone.
    """
    q, k, v = (tensor.astype(numpy.float64) for tensor in (q, k, v))
    (sq, d), skv = q.shape, k.shape[0]
    scale = 1.0 / numpy.sqrt(d)
    u, u_weight, u_out = 2.0**-23, 2.0**-8, 2.0**-8  # truncating tensor core; weights and output in bf16
    e_exp, rescales, smallest = 2.0**-22, blocks - 1, 2.0**-126  # ex2.approx; smallest normal number
    out = numpy.zeros((sq, v.shape[1]))
    bound = numpy.zeros_like(out)
    lse = numpy.full(sq, -numpy.inf)
    lse_bound = numpy.zeros(sq)

    def gamma(n):
        return n * u / (1.0 - n * u)

    for i in range(sq):
        keys = min(skv, i + skv - sq + 1) if causal else skv
        if keys <= 0:
            continue
        s = scale * (k[:keys] @ q[i])
        magnitude = scale * (numpy.abs(k[:keys]) @ numpy.abs(q[i]))
        m, largest = s.max(), numpy.abs(s).max()
        weights = numpy.exp(s - m)
        l = weights.sum()
        p, values = weights / l, v[:keys]
        o, a = p @ values, p @ numpy.abs(values)
        chain = gamma(keys + rescales)
        eta = gamma(d + 1) * magnitude + (1 + rescales) * e_exp + u * (5 * (m - s) + largest)
        growth = numpy.expm1(eta)
        e1 = numpy.exp(eta.max()) * ((p * growth) @ numpy.abs(values - o))
        lost = (2.0**-134 + smallest) / l * numpy.abs(values).sum(axis=0) + (keys + rescales) * smallest
        e2 = (u_weight + chain) * a + lost
        e3 = chain * numpy.abs(o)
        e4 = (3 * u + u_out) * numpy.abs(o) + 2.0**-134
        out[i] = o
        bound[i] = (e1 + e2 + e3) * (1 + 4 * (eta.max() + chain + u_weight) + u_out) + e4
        lse[i] = m + numpy.log(l)
        # lg2.approx is within 2^-22 absolutely between 1/2 and 2, relatively elsewhere (PTX ISA), where ln l is below.
        logarithm = 2.0**-22 * (1.0 + numpy.abs(numpy.log(l)))
        lse_bound[i] = (numpy.log1p(p @ growth) + chain + 2 * u * numpy.abs(numpy.log(l)) + u * numpy.abs(lse[i]) +
                        u * largest + logarithm)
    return out, bound, lse, lse_bound


def judge(what, got, want, bound):
    """Every element within its bound, NaN being outside; prints how close the worst is."""
    error = numpy.abs(got.astype(numpy.float64) - want)
    within = error <= bound
    ratio = (error / numpy.where(bound > 0, bound, numpy.inf)).max()
    print(f"  {what}: largest error {error.max():.2e}, {ratio:.3f} of its bound")
    expect(within.all(), f"{what}: {(~within).sum()} of {within.size} elements are beyond their bound")


def judge_output(what, got, want, bound, v):
    """judge() of (heads, rows, dv) against what must not pass for it as well: zeros, the mean of v (heads, keys, dv), the rows
    and the heads one further."""
    judge(what, got, want, bound)
    controls = {"zeros": numpy.zeros_like(want), "the mean of v": numpy.broadcast_to(v.mean(axis=1, keepdims=True), want.shape),
                "the next rows": numpy.roll(want, 1, axis=1), "the next heads": numpy.roll(want, 1, axis=0)}
    for name, control in controls.items():
        expect(not (numpy.abs(control - want) <= bound).all(), f"{what}: {name} would pass")
