"""`attest emulate` as its users meet it: arrays in and out, scalars, blobs with addresses put in, findings and faults with
their exit codes, and a table of wrong input, each one line that names the place, and no file left behind."""

import json
import pathlib
import re
import tempfile

import numpy

import command_line
from command_line import expect, run_tests

HEADER = ".version 8.0\n.target sm_80\n.address_size 64\n"
INDEX = """
\tmov.u32 %r1, %ctaid.x;
\tmov.u32 %r2, %ntid.x;
\tmov.u32 %r3, %tid.x;
\tmad.lo.s32 %r4, %r1, %r2, %r3;
"""
REGISTERS = "\t.reg .pred %p<4>;\n\t.reg .b16 %rs<4>;\n\t.reg .b32 %r<9>;\n\t.reg .f32 %f<5>;\n\t.reg .b64 %rd<9>;\n"
# out[i] = factor * in[i] for i < n
SCALE = HEADER + """.visible .entry scale(.param .u64 in, .param .u64 out, .param .f32 factor, .param .u32 n)
{
""" + REGISTERS + INDEX + """
\tld.param.u32 %r5, [n];
\tsetp.ge.s32 %p1, %r4, %r5;
\t@%p1 bra DONE;
\tld.param.u64 %rd1, [in];
\tld.param.u64 %rd2, [out];
\tld.param.f32 %f1, [factor];
\tmul.wide.s32 %rd3, %r4, 4;
\tadd.s64 %rd4, %rd1, %rd3;
\tadd.s64 %rd5, %rd2, %rd3;
\tld.global.f32 %f2, [%rd4];
\tmul.f32 %f3, %f1, %f2;
\tst.global.f32 [%rd5], %f3;
DONE:
\tret;
}
"""
# Copies n 16-bit elements; pointers and n lie in a struct.
BLOB = HEADER + """.visible .entry copy(.param .align 8 .b8 blob[24])
{
""" + REGISTERS + INDEX + """
\tld.param.u32 %r5, [blob+16];
\tsetp.ge.s32 %p1, %r4, %r5;
\t@%p1 bra DONE;
\tld.param.u64 %rd1, [blob];
\tld.param.u64 %rd2, [blob+8];
\tmul.wide.s32 %rd3, %r4, 2;
\tadd.s64 %rd4, %rd1, %rd3;
\tadd.s64 %rd5, %rd2, %rd3;
\tld.global.b16 %rs1, [%rd4];
\tst.global.b16 [%rd5], %rs1;
DONE:
\tret;
}
"""
TWO = HEADER + """.visible .entry forever() { LOOP: bra LOOP; }
.visible .entry dies() { trap; }
"""


class Folder:
    """A temporary folder with files, in which the command runs."""

    def __init__(self, **texts):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.temporary.name)
        for name, text in texts.items():
            (self.path / f"{name}.ptx").write_text(text)

    def save(self, name, array):
        numpy.save(self.path / name, array)

    def load(self, name):
        return numpy.load(self.path / name)

    def names(self):
        return {path.name for path in self.path.iterdir()}

    def run(self, *arguments):
        return command_line.run("emulate", *arguments, cwd=self.path)

    def passes(self, *arguments):
        result = self.run(*arguments, "--json")
        expect(result.returncode == 0, f"{arguments} ends with {result.returncode}: {result.stderr}")
        expect(result.stderr == "", f"{arguments} says {result.stderr}")
        return json.loads(result.stdout) if result.returncode == 0 else None

    def fails(self, words, *arguments):
        """Exit 1; the finding, in JSON and on standard error."""
        before = self.names()
        result = self.run(*arguments, "--json")
        expect(result.returncode == 1, f"{arguments} ends with {result.returncode}: {result.stderr}")
        for word in words:
            expect(word in result.stderr, f"{arguments} does not say {word!r}: {result.stderr!r}")
        report = json.loads(result.stdout)
        expect(report["verdict"] == "failed", "the verdict of a finding")
        if report["fault"]:
            expect(self.names() == before, f"{arguments} leaves {self.names() - before}")
            expect(report["counts"] is None, "a launch that ended early has no counts")
        expect("; ;" not in result.stderr, f"a part of the message is empty: {result.stderr!r}")
        return report

    def refuses(self, words, *arguments, code=2):
        before = self.names()
        command_line.refuses(code, words, "emulate", *arguments, cwd=self.path)
        expect(self.names() == before, f"{arguments} leaves {self.names() - before}")


def scale_arguments(n=100, out="out:f32:100=out.npy"):
    return ["scale.ptx", "--grid", "4", "--block", "32", "--args", "in.npy", out, "f32:2.5", f"i32:{n}"]


def test_arrays_go_in_and_out():
    folder = Folder(scale=SCALE)
    values = numpy.arange(100, dtype=numpy.float32)
    folder.save("in.npy", values)
    report = folder.passes(*scale_arguments())
    out = folder.load("out.npy")
    expect(out.dtype == numpy.float32 and (out == 2.5 * values).all(), f"out is {out}")
    expect(folder.names() == {"scale.ptx", "in.npy", "out.npy"}, f"the folder has {folder.names()}")
    counts = report["counts"]
    expect(counts["global_load_bytes"] == 400 and counts["global_store_bytes"] == 400, f"bytes are {counts}")
    expect(counts["global_load_sectors"] == 13 and counts["blocks"] == 4 and counts["threads"] == 128, f"counts are {counts}")
    expect(report["entry"] == "scale" and report["grid"] == [4, 1, 1] and report["block"] == [32, 1, 1], "the launch")
    expect([buffer["bytes"] for buffer in report["buffers"]] == [400, 400], f"buffers are {report['buffers']}")
    expect(folder.passes(*scale_arguments(), "--threads", 1)["counts"] == counts, "counts are those of any thread count")
    table = folder.run(*scale_arguments()).stdout
    expect(re.search(r"^global_load_bytes +400$", table, re.MULTILINE), f"the table is {table}")


def test_inout_zeros_and_archives():
    folder = Folder(scale=SCALE)
    values = numpy.linspace(-1, 1, 64).reshape(8, 8).astype(numpy.float32)
    numpy.savez(folder.path / "in.npz", x=values, y=values.astype(numpy.float64))
    launch = ["scale.ptx", "--entry", "scale", "--grid", "1,1,1", "--block", "64"]
    folder.passes(*launch, "--args", "in:in.npz:x", "inout:in.npz:x=both.npy", "f32:-1", "u32:32")
    want = values.copy().reshape(-1)
    want[:32] *= -1
    both = folder.load("both.npy")
    expect(both.shape == (8, 8) and (both.reshape(-1) == want).all(), "what the kernel leaves of an inout stays")
    folder.passes(*launch, "--args", "f32:in.npz:y", "zeros:f32:2x32=zeros.npy", "f32:1", "i32:32")
    zeros = folder.load("zeros.npy")
    expect(zeros.shape == (2, 32) and (zeros[0] == values.reshape(-1)[:32]).all() and (zeros[1] == 0).all(), "zeros")


def test_blobs_take_addresses():
    folder = Folder(copy=BLOB)
    values = numpy.linspace(-3, 3, 50).astype(numpy.float32)
    folder.save("in.npy", values)
    blob = numpy.array([0, 0, 50], numpy.uint64).tobytes()
    (folder.path / "blob.bin").write_bytes(blob)
    launch = ["copy.ptx", "--grid", "2", "--block", "32", "--args"]
    folder.passes(*launch, "bytes:@blob.bin", "at:0=bf16:in.npy", "at:8=out:bf16:50=out.npy")
    out = folder.load("out.npy")
    expect(out.dtype == numpy.float32 and (numpy.abs(out - values) <= 2.0**-8 * numpy.abs(values)).all(), "bf16 comes back as float32")
    folder.passes(*launch, "bytes:" + blob.hex(), "at:8=out:f16:50=half.npy", "at:0=f16:in.npy")
    expect((folder.load("half.npy") == values.astype(numpy.float16)).all(), "f16 comes back")
    folder.passes(*launch, "at:0=f16:in.npy", "at:8=out:f16:50=half2.npy", "at:16=i32:50")
    expect((folder.load("half2.npy") == folder.load("half.npy")).all(), "a block may be put together in place")
    integers = numpy.arange(-25, 25, dtype=numpy.int32)
    folder.save("integers.npy", integers)
    folder.passes(*launch, "bytes:@blob.bin", "at:0=i16:integers.npy", "at:8=out:i16:5x10=i16.npy")
    i16 = folder.load("i16.npy")
    expect(i16.dtype == numpy.int16 and (i16.reshape(-1) == integers).all(), "integers of 16 bits")


def test_faults_end_the_launch_and_write_nothing():
    folder = Folder(scale=SCALE, two=TWO)
    folder.save("in.npy", numpy.zeros(100, numpy.float32))
    report = folder.fails(["out of bounds", "scale", "no output is written", "buffer 0x"], *scale_arguments(n=101))
    expect(report["fault"]["kind"] == "out of bounds" and report["fault"]["thread"] == [4, 0, 0], f"{report['fault']}")
    expect(report["fault"]["ptx_line"] > 10 and report["fault"]["block"] == [3, 0, 0], f"the place is {report['fault']}")
    folder.fails(["out of bounds"], *scale_arguments(n=101), "--no-sanitize")
    launch = ["two.ptx", "--grid", "1", "--block", "32", "--entry"]
    folder.fails(["trap", "dies"], *launch, "dies")
    folder.fails(["instruction budget", "forever"], *launch, "forever", "--instruction-budget", "1000")
    said = folder.run(*launch, "forever", "--deadline-seconds", "0.2").stderr
    expect("deadline" in said and "forever" in said, f"the deadline: {said!r}")
    expect("no output is written" not in said, f"no output was asked for: {said!r}")
    folder.fails(["no output is written"], *scale_arguments(n=101), "--no-sanitize")


def test_findings_fail_and_outputs_are_written():
    folder = Folder(scale=SCALE)
    report = folder.fails(["uninitialised read", "never written, at 0x7"], "scale.ptx", "--grid", "1", "--block", "32", "--args", "out:f32:32",
                          "out:f32:32=out.npy", "f32:1", "i32:32")
    expect(report["fault"] is None and report["findings"][0]["kind"] == "uninitialised read", f"{report['findings']}")
    expect(folder.load("out.npy").shape == (32,), "the output is there")
    folder.passes("scale.ptx", "--grid", "1", "--block", "32", "--no-sanitize", "--args", "out:f32:32", "out:f32:32", "f32:1",
                  "i32:32")


def test_wrong_input_is_named():
    folder = Folder(scale=SCALE, two=TWO, none=HEADER, broken=HEADER + ".entry k()\n{\n\tadd.s32 %r1, %r2\n\tret;\n}\n",
                    unknown=HEADER + ".entry k()\n{\n\t.reg .b32 %r<3>;\n\tfrob.s32 %r1, %r2;\n\tret;\n}\n")
    folder.save("in.npy", numpy.zeros(100, numpy.float32))
    folder.save("integers.npy", numpy.full(100, 300, numpy.int32))
    folder.save("fortran.npy", numpy.asfortranarray(numpy.zeros((3, 4), numpy.float32)))
    numpy.savez(folder.path / "in.npz", x=numpy.zeros(3))
    (folder.path / "short.npy").write_bytes((folder.path / "in.npy").read_bytes()[:-4])
    base = ["scale.ptx", "--grid", "4", "--block", "32", "--args"]

    def with_first(argument):
        return [*base, argument, "out:f32:100=out.npy", "f32:1", "i32:100"]

    for words, arguments in [
        (["no PTX file"], []),
        (["missing.ptx"], ["missing.ptx", "--grid", "1", "--block", "1"]),
        (["--grid", "is not given"], ["scale.ptx", "--block", "1"]),
        (["--block", "'0'"], ["scale.ptx", "--grid", "1", "--block", "0"]),
        (["--block", "1,2,3,4"], ["scale.ptx", "--grid", "1", "--block", "1,2,3,4"]),
        (["--grid", "'1,'"], ["scale.ptx", "--grid", "1,", "--block", "1"]),
        (["--deadline-seconds", "-1"], ["scale.ptx", "--grid", "1", "--block", "1", "--deadline-seconds", "-1"]),
        (["broken.ptx:6:", "add.s32", "';'"], ["broken.ptx", "--grid", "1", "--block", "1"]),
        (["unknown.ptx:7:", "frob.s32"], ["unknown.ptx", "--grid", "1", "--block", "1"]),
        (["none.ptx", "no entry"], ["none.ptx", "--grid", "1", "--block", "1"]),
        (["two.ptx", "several", "forever", "dies"], ["two.ptx", "--grid", "1", "--block", "1"]),
        (["nothing", "forever"], ["two.ptx", "--entry", "nothing", "--grid", "1", "--block", "1"]),
        (["scale.ptx", "1025"], ["scale.ptx", "--grid", "4", "--block", "1025", "--args", "in.npy", "out:f32:100", "f32:1", "i32:100"]),
        (["shared", "200000"], with_first("in.npy") + ["--shared", "200000"]),
        (["3 given", "4 parameters of 8 8 4 4"], [*base, "in.npy", "out:f32:4", "f32:1"]),
        (["'f64:1'", "8", "4"], [*base, "in.npy", "out:f32:100", "f64:1", "i32:100"]),
        (["'what'", "none of the forms"], with_first("what")),
        (["'i33:5'", "none of the forms"], with_first("i33:5")),
        (["'i8:200'", "no i8"], with_first("i8:200")),
        (["'u32:-1'", "no u32"], with_first("u32:-1")),
        (["'f16:1e9'", "beyond f16"], with_first("f16:1e9")),
        (["'f32:x'", "no f32"], with_first("f32:x")),
        (["'out:f32'", "has no ':'"], with_first("out:f32")),
        (["'out:q4:5'", "'q4' is no type"], with_first("out:q4:5")),
        (["'out:f32:5x'", "a dimension"], with_first("out:f32:5x")),
        (["'out:f32:0'", "dimension of 0"], with_first("out:f32:0")),
        (["too large"], with_first("out:f32:99999999x99999999")),
        (["'out:f32:5=o.txt'", "o.txt", ".npy"], with_first("out:f32:5=o.txt")),
        (["written twice"], with_first("out:f32:100=out.npy")),
        (["integers.npy", "integers", "i32:FILE.npy"], with_first("integers.npy")),
        (["300", "u8"], with_first("u8:integers.npy")),
        (["holds f32, not i32"], with_first("i32:in.npy")),
        (["fortran.npy", "Fortran"], with_first("fortran.npy")),
        (["short.npy", "truncated"], with_first("short.npy")),
        (["absent.npy"], with_first("absent.npy")),
        (["in.npz", "no array 'z'", " x"], with_first("in.npz:z")),
        (["'bytes:abc'", "hexadecimal"], with_first("bytes:abc")),
        (["'at:x=null'", "offset"], with_first("at:x=null")),
        (["'at:20=null'", "bytes 20 to 27 of 24"], [*with_first("in.npy"), "at:20=null"]),
    ]:
        folder.refuses(words, *arguments)
    folder.refuses(["nowhere/out.npy", "cannot be written"], *scale_arguments(out="out:f32:100=nowhere/out.npy"), code=4)


run_tests(globals())
