"""Attention as the Triton tutorial has it (online softmax over blocks of keys), compiled to PTX for sm_80 without a device.
usage: triton_attention.py FOLDER: writes attention_{full,causal}.ptx and .json with what a launch must know."""

import json
import pathlib
import sys

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

BLOCK = 64
DIM = 64


@triton.jit
def attention(q_ptr, k_ptr, v_ptr, out_ptr, lse_ptr, scale_log2, length, head_stride, BLOCK_M: tl.constexpr,
              BLOCK_N: tl.constexpr, D: tl.constexpr, CAUSAL: tl.constexpr):
    first = tl.program_id(0) * BLOCK_M
    head = tl.program_id(1)
    base = head.to(tl.int64) * head_stride
    rows = first + tl.arange(0, BLOCK_M)
    dims = tl.arange(0, D)
    q = tl.load(q_ptr + base + rows[:, None] * D + dims[None, :], mask=rows[:, None] < length, other=0.0)
    greatest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    out = tl.zeros([BLOCK_M, D], tl.float32)
    stop = length
    if CAUSAL:
        stop = min(length, first + BLOCK_M)
    for start in range(0, stop, BLOCK_N):
        keys = start + tl.arange(0, BLOCK_N)
        k = tl.load(k_ptr + base + keys[None, :] * D + dims[:, None], mask=keys[None, :] < length, other=0.0)
        scores = tl.dot(q, k) * scale_log2
        visible = keys[None, :] < length
        if CAUSAL:
            visible = visible & (keys[None, :] <= rows[:, None])
        scores = tl.where(visible, scores, float("-inf"))
        new_greatest = tl.maximum(greatest, tl.max(scores, 1))
        weights = tl.math.exp2(scores - new_greatest[:, None])
        shrink = tl.math.exp2(greatest - new_greatest)
        total = total * shrink + tl.sum(weights, 1)
        v = tl.load(v_ptr + base + keys[:, None] * D + dims[None, :], mask=keys[:, None] < length, other=0.0)
        out = tl.dot(weights.to(v.dtype), v, out * shrink[:, None])
        greatest = new_greatest
    inside = rows < length
    tl.store(out_ptr + base + rows[:, None] * D + dims[None, :], (out / total[:, None]).to(out_ptr.dtype.element_ty),
             mask=inside[:, None])
    tl.store(lse_ptr + head * length + rows, (greatest + tl.math.log2(total)) * 0.6931471805599453, mask=inside)


folder = pathlib.Path(sys.argv[1])
for causal in (False, True):
    source = ASTSource(
        fn=attention,
        signature={**{name: "*bf16" for name in ("q_ptr", "k_ptr", "v_ptr", "out_ptr")}, "lse_ptr": "*fp32",
                   "scale_log2": "fp32", "length": "i32", "head_stride": "i32",
                   **{name: "constexpr" for name in ("BLOCK_M", "BLOCK_N", "D", "CAUSAL")}},
        constexprs={"BLOCK_M": BLOCK, "BLOCK_N": BLOCK, "D": DIM, "CAUSAL": causal},
        # What the run-time would say of pointers and of a stride that are multiples of 16.
        attrs={(index,): [["tt.divisibility", 16]] for index in (0, 1, 2, 3, 4, 7)})
    kernel = triton.compile(source, target=GPUTarget("cuda", 80, 32), options={"num_warps": 4, "num_stages": 2})
    name = "causal" if causal else "full"
    (folder / f"attention_{name}.ptx").write_text(kernel.asm["ptx"])
    (folder / f"attention_{name}.json").write_text(json.dumps({"shared": kernel.metadata.shared, "entry": kernel.metadata.name,
                                                               "threads": 32 * kernel.metadata.num_warps, "block": BLOCK}))
