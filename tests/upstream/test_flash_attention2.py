"""FlashAttention-2's own kernels, not one line changed, on the emulator: grouped heads, ragged lengths, causal and not, held
against attention in double within the bound of rule F. Fetches the source package, compiles two of its kernels."""

import argparse
import ctypes
import os
import pathlib
import re
import sys
import tempfile

import numpy

import support

VERSION = "2.8.3"
parser = argparse.ArgumentParser()
parser.add_argument("--attest", required=True)
parser.add_argument("--build", required=True)
options = parser.parse_args()


def structure(name, fields):
    members = []
    for line in fields.strip().splitlines():
        kind, *names = line.split()
        members += [(field, {"ptr": ctypes.c_uint64, "index": ctypes.c_int64, "int": ctypes.c_int32, "float": ctypes.c_float,
                             "byte": ctypes.c_uint8}[kind]) for field in names]
    return type(name, (ctypes.Structure,), {"_fields_": members})


# flash.h, Qkv_params and Flash_fwd_params, in the order of their members.
Tensors = structure("Tensors", """
ptr q_ptr k_ptr v_ptr
index q_batch_stride k_batch_stride v_batch_stride q_row_stride k_row_stride v_row_stride
index q_head_stride k_head_stride v_head_stride
int h h_k h_h_k_ratio
""")
Philox = structure("Philox", "ptr seed offset offset_intragraph\nbyte captured")
Forward = structure("Forward", """
ptr o_ptr oaccum_ptr
index o_batch_stride o_row_stride o_head_stride
ptr p_ptr softmax_lse_ptr softmax_lseaccum_ptr
int b seqlen_q seqlen_k seqlen_knew d seqlen_q_rounded seqlen_k_rounded d_rounded rotary_dim total_q
float scale_softmax scale_softmax_log2
ptr cu_seqlens_q cu_seqlens_k leftpad_k seqused_k blockmask knew_ptr vnew_ptr
index knew_batch_stride vnew_batch_stride knew_row_stride vnew_row_stride knew_head_stride vnew_head_stride
ptr rotary_cos_ptr rotary_sin_ptr cache_batch_idx block_table
index block_table_batch_stride
int page_block_size
float p_dropout
byte p_dropout_in_uint8_t
float rp_dropout scale_softmax_rp_dropout
int window_size_left window_size_right
float softcap
""")
Rest = structure("Rest", """
ptr rng_state
byte is_bf16 is_causal is_seqlens_k_cumulative is_rotary_interleaved
int num_splits
ptr alibi_slopes_ptr
index alibi_slopes_batch_stride
byte unpadded_lse seqlenq_ngroups_swapped
""")


class Parameters(ctypes.Structure):
    _fields_ = [("qkv", Tensors), ("forward", Forward), ("philox_args", Philox), ("rest", Rest)]


def compiled():
    """The PTX of the two kernels, compiled once."""
    packages = support.Packages(options.build)
    source = packages.source_of("flash-attn", VERSION)
    ptx = packages.folder / f"flash_attention2-{VERSION}.ptx"
    if not ptx.exists():
        nvcc = support.nvcc_of(options.build)
        if nvcc is None:
            sys.exit("no nvcc is here: FlashAttention-2 cannot be compiled; run ./test.sh, which installs one")
        print("compiling two kernels of FlashAttention-2 (a minute or two)", flush=True)
        unfinished = ptx.with_suffix(".part")
        support.command(nvcc, "-ptx", "-arch=sm_80", "-std=c++17", "-O3", "--use_fast_math", "--generate-line-info",
                        "--expt-relaxed-constexpr", "--expt-extended-lambda", "-DFLASH_NAMESPACE=flash", "-w",
                        "-I", support.HERE / "stubs/include", "-I", source / "csrc/flash_attn/src",
                        "-I", source / "csrc/cutlass/include", support.HERE / "flash_attention2.cu", "-o", unfinished)
        os.replace(unfinished, ptx)
    return ptx


def entry_of(ptx, causal):
    """The mangled name of the kernel whose second flag, after the traits, is `causal`."""
    names = re.findall(r"\.entry (\S*flash_fwd_kernel\S*)\(", ptx.read_text())
    flags = f"EELb0ELb{int(causal)}ELb0ELb0ELb0ELb1ELb0ELb0EEEvNS"
    (name,) = [name for name in names if flags in name]
    return name


def run(seqlen_q, seqlen_k, causal):
    ptx = compiled()
    batch, heads, heads_k, dim, block = 2, 4, 2, 64, 128
    random = numpy.random.default_rng(20230717 + seqlen_q + seqlen_k)
    shapes = {"q": (batch, seqlen_q, heads, dim), "k": (batch, seqlen_k, heads_k, dim), "v": (batch, seqlen_k, heads_k, dim)}
    tensors = {name: support.to_bf16(random.standard_normal(shape)) for name, shape in shapes.items()}
    parameters = Parameters()
    qkv, forward, rest = parameters.qkv, parameters.forward, parameters.rest
    for name, shape in {**shapes, "o": shapes["q"]}.items():
        to = forward if name == "o" else qkv
        for stride, value in (("batch", shape[1] * shape[2] * dim), ("row", shape[2] * dim), ("head", dim)):
            setattr(to, f"{name}_{stride}_stride", value)
    qkv.h, qkv.h_k, qkv.h_h_k_ratio = heads, heads_k, heads // heads_k
    forward.b, forward.d, forward.d_rounded = batch, dim, dim
    forward.seqlen_q, forward.seqlen_k = seqlen_q, seqlen_k
    forward.seqlen_q_rounded, forward.seqlen_k_rounded = (-(-length // 128) * 128 for length in (seqlen_q, seqlen_k))
    forward.scale_softmax = dim**-0.5
    forward.scale_softmax_log2 = dim**-0.5 * numpy.log2(numpy.e)
    forward.p_dropout, forward.p_dropout_in_uint8_t, forward.rp_dropout = 1.0, 255, 1.0
    forward.scale_softmax_rp_dropout = forward.scale_softmax
    forward.window_size_left, forward.window_size_right = -1, 0 if causal else -1
    rest.is_bf16, rest.is_causal, rest.is_seqlens_k_cumulative, rest.num_splits = 1, causal, 1, 1

    def at(owner, field):
        return getattr(Parameters, owner).offset + getattr(type(getattr(parameters, owner)), field).offset

    with tempfile.TemporaryDirectory() as folder:
        for name, tensor in tensors.items():
            numpy.save(f"{folder}/{name}.npy", tensor)
        pathlib.Path(folder, "parameters.bin").write_bytes(bytes(parameters))
        report = support.emulate(
            options.attest, ptx, folder, "--entry", entry_of(ptx, causal), "--grid", f"{-(-seqlen_q // block)},{batch},{heads}",
            "--block", 128, "--shared", (block + 2 * block) * dim * 2, "--args", "bytes:@parameters.bin",
            *(f"at:{at('qkv', name + '_ptr')}=bf16:{name}.npy" for name in "qkv"),
            f"at:{at('forward', 'o_ptr')}=out:bf16:{batch}x{seqlen_q}x{heads}x{dim}=o.npy",
            f"at:{at('forward', 'softmax_lse_ptr')}=out:f32:{batch}x{heads}x{seqlen_q}=lse.npy")
        what = f"flash-attn {VERSION} sq{seqlen_q} skv{seqlen_k}{' causal' if causal else ''}"
        if report["fault"]:
            support.expect(False, f"{what}: {report['fault']['message']}")
            return
        # The kernel leaves the rows of Q and K beyond the lengths unwritten in shared memory, loads them all the same and masks
        # what comes of them, as its comments say (flash_fwd_kernel.h, "Clear_OOB_MN"). With whole blocks there are none.
        strange = [finding for finding in report["findings"] if (seqlen_q % block, seqlen_k % block) == (0, 0) or
                   finding["kind"] != "uninitialised read" or
                   not finding["detail"].startswith("shared memory that the block never wrote")]
        support.expect(not strange, f"{what}: {[finding['message'] for finding in strange]}")
        out, lse = numpy.load(f"{folder}/o.npy"), numpy.load(f"{folder}/lse.npy")
    truth = [support.attention_with_bounds(tensors["q"][b, :, h], tensors["k"][b, :, h // 2], tensors["v"][b, :, h // 2], causal,
                                           -(-seqlen_k // block)) for b in range(batch) for h in range(heads)]
    want, bound, want_lse, lse_bound = (numpy.array(part) for part in zip(*truth))
    values = numpy.array([tensors["v"][b, :, h // 2] for b in range(batch) for h in range(heads)])
    support.judge_output(f"{what}: out", out.transpose(0, 2, 1, 3).reshape(want.shape), want, bound, values)
    support.judge(f"{what}: lse", lse.reshape(want_lse.shape), want_lse, lse_bound)


def test_the_parameters_have_the_size_that_the_kernels_declare():
    declared = re.findall(r"\.param \.align 8 \.b8 \S+\[(\d+)\]", compiled().read_text())
    support.expect(declared == [str(ctypes.sizeof(Parameters))] * 2, f"{declared} is not {ctypes.sizeof(Parameters)}")


def test_one_block_of_64():
    run(64, 64, False)
    run(64, 64, True)


def test_whole_blocks():
    run(256, 256, True)


def test_ragged_300():
    run(300, 300, False)
    run(300, 300, True)


def test_fewer_queries_than_keys():
    run(100, 300, True)


support.run_tests([test for name, test in list(globals().items()) if name.startswith("test_")])
