#!/usr/bin/env python3
"""Writes tensor files, sound and hand-damaged, and cases.txt, for tensor_file_test.cpp.

Each line of cases.txt is: file, tab, expectation. For a sound file the expectation is "good" and its arrays by
"name:type:shape:sum of elements" (the sum is numpy's, in double); for a damaged one it is a part of the one-line
error that must be given. numpy writes the sound files, so its formats are judged and not our idea of them.
"""

import io
import json
import os
import struct
import sys
import warnings
import zipfile

import numpy as np

out = sys.argv[1]
cases = []
random = np.random.default_rng(7)


def add(name, payload, expectation):
    with open(os.path.join(out, name), "wb") as file:
        file.write(payload)
    cases.append(f"{name}\t{expectation}")


def good(arrays):
    parts = []
    for name, array in arrays.items():
        kind = {"float16": "f16", "float32": "f32", "float64": "f64", "int32": "i64", "int64": "i64", "bool": "bool"}
        shape = "x".join(map(str, array.shape))
        parts.append(f"{name}:{kind[str(array.dtype)]}:{shape}:{float(array.astype(np.float64).sum())!r}")
    return "good " + " ".join(parts)


def npy(array, **options):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array(buffer, np.asanyarray(array, order="K"), **options)
    return buffer.getvalue()


def npy_with(header, payload=b"", version=1):
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + payload


def npz(entries, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, payload in entries:
                archive.writestr(name, payload)
    return buffer.getvalue()


def write_npy_files():
    wave = random.normal(size=(2, 3, 4)).astype(np.float32)
    sound = {
        "f32": wave, "f16": wave.astype(np.float16), "f64": wave.astype(np.float64),
        "i32": np.array([[-5, 2**31 - 1], [3, -(2**31)]], np.int32), "i64": np.arange(-3, 9, dtype=np.int64),
        "bool": wave > 0, "scalar": np.float64(2.5), "one": np.ones(1, np.float32),
        "empty": np.zeros((0, 3), np.float32), "rank4": random.normal(size=(1, 2, 3, 5)),
        "fortran_vector": np.asfortranarray(np.arange(4.0)),
    }
    for name, array in sound.items():
        add(f"{name}.npy", npy(array), good({name: np.asarray(array)}))
    add("version2.npy", npy(wave, version=(2, 0)), good({"version2": wave}))
    add("version3.npy", npy(wave, version=(3, 0)), good({"version3": wave}))
    header = "{'descr': '<f4', 'fortran_order': %s, 'shape': %s, }"
    add("rank1_fortran.npy", npy_with(header % ("True", "(2,)"), bytes(8)), good({"rank1_fortran": np.zeros(2, np.float32)}))

    whole = npy(wave)
    add("nothing.npy", b"", "is empty")
    add("stub.npy", whole[:7], "is truncated")
    add("short_header.npy", whole[:40], "is truncated")
    add("truncated.npy", whole[:-1], "is truncated: shape (2, 3, 4) of f32 needs 96 bytes and 95 follow")
    add("trailing.npy", whole + b"\0", "has trailing bytes")
    add("magic.npy", b"\x93NUMPZ" + whole[6:], "does not begin with the magic")
    add("version4.npy", whole[:6] + b"\4" + whole[7:], "is of npy version 4.0; give 1.0, 2.0 or 3.0")
    add("version1_1.npy", whole[:7] + b"\1" + whole[8:], "is of npy version 1.1")
    add("object.npy", npy(np.array([1, "x"], dtype=object), allow_pickle=True), "has object type '|O'")
    add("fortran.npy", npy(np.asfortranarray(np.ones((2, 3)))), "is in Fortran order; save numpy.ascontiguousarray()")
    add("big_endian.npy", npy(np.ones(3, ">f4")), "has big-endian type '>f4'")
    add("complex.npy", npy(np.ones(3, np.complex64)), "has unknown type '<c8'")
    add("text.npy", npy(np.array(["ab"])), "has unknown type '<U2'")
    add("structured.npy", npy(np.zeros(2, [("a", "<f4")])), "is a structured array")
    add("rank5.npy", npy(np.ones((1, 1, 1, 1, 1))), "more than 4 dimensions")
    add("lying_bool.npy", npy(np.zeros(3, bool))[:-1] + b"\7", "bool element 2 is 7")
    damaged_headers = {
        "huge": (header % ("False", "(1099511627776, 1099511627776)"), "overflows 63 bits"),
        "hidden_by_zero": (header % ("False", "(0, 4611686018427387904, 4)"), "overflows 63 bits"),
        "beyond64": (header % ("False", "(99999999999999999999,)"), "a dimension overflows 63 bits"),
        "negative": (header % ("False", "(-1, 4)"), "has a negative dimension"),
        "terabyte": (header % ("False", "(274877906944,)"), "is truncated: shape (274877906944)"),
        "line_break": ("{'de\nscr': 1}", "a quoted text is not plain ASCII"),
        "no_comma": (header % ("False", "(3)"), "a shape of one dimension has no comma"),
        "float_shape": (header % ("False", "(1, 3.0)"), "')' is missing"),
        "list_shape": (header % ("False", "[3]"), "'(' is missing"),
        "maybe": (header % ("Maybe", "(3,)"), "fortran_order is neither True nor False"),
        "list": ("['descr', '<f4']", "no dict"),
        "call": ("__import__('os')", "no dict"),
        "missing_key": ("{'descr': '<f4', 'shape': (3,)}", "key 'fortran_order' is missing"),
        "extra_key": ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", "unknown key 'x'"),
        "twice": ("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", "key 'descr' comes twice"),
        "open_quote": ("{'descr", "a quote is not closed"),
        "after": (header % ("False", "(0,)") + "pass", "text after the dict"),
    }
    for name, (text, expectation) in damaged_headers.items():
        add(f"{name}.npy", npy_with(text), expectation)
    add("header_bomb.npy", b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(50), "npy header declares 4294967295 bytes")


def patched(data, signature, offset, value, count=1):
    """`data` with `value` written `offset` bytes after each of the first `count` occurrences of the signature."""
    data = bytearray(data)
    at = -1
    for _ in range(count):
        at = data.index(signature, at + 1)
        data[at + offset : at + offset + len(value)] = value
    return bytes(data)


def write_npz_files():
    arrays = {"q": random.normal(size=(1, 2, 3, 4)).astype(np.float32), "mask": random.random((3, 3)) > 0.5,
              "kv_lengths": np.array([3, 1])}
    for name, save in (("stored", np.savez), ("deflated", np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, **arrays)
        add(f"{name}.npz", buffer.getvalue(), good(arrays))
    q = npy(arrays["q"])
    whole = npz([("q.npy", q)])
    big = npz([("q.npy", npy(np.zeros(50000)))], zipfile.ZIP_DEFLATED)
    local, central = b"PK\3\4", b"PK\1\2"
    add("nothing.npz", b"", "is empty")
    add("text.npz", b"no archive at all, only words in a file", "does not begin with the magic of a zip archive")
    add("no_entries.npz", npz([]), "holds no array")
    add("truncated.npz", whole[:-30], "is truncated or has trailing bytes")
    add("half.npz", whole[: len(whole) // 2], "is truncated or has trailing bytes")
    add("trailing.npz", whole + b"tail", "is truncated or has trailing bytes")
    add("leading.npz", b"MZ" + whole, "does not begin with the magic of a zip archive")
    add("twice.npz", npz([("q.npy", q), ("q.npy", q)]), "array 'q' comes twice")
    add("foreign.npz", npz([("q.npy", q), ("notes.txt", b"words")]), "entry 'notes.txt' is no .npy array")
    add("nameless.npz", npz([(".npy", q)]), "entry '.npy' is no .npy array")
    add("line_break.npz", npz([("a\nb.npy", q)]), "has a name that cannot be printed")
    add("inner_trailing.npz", npz([("q.npy", q + b"\0")]), "array 'q': has trailing bytes")
    add("inner_truncated.npz", npz([("q.npy", q[:-4])]), "array 'q': is truncated")
    add("inner_empty.npz", npz([("q.npy", b"")]), "array 'q': is empty")
    add("inner_object.npz", npz([("q.npy", npy(np.array([None]), allow_pickle=True))]), "array 'q': has object type")
    flipped = bytearray(whole)
    flipped[30 + 5 + len(q) - 3] ^= 0x40
    add("checksum.npz", bytes(flipped), "array 'q': is damaged (CRC error)")
    add("encrypted.npz", patched(patched(whole, local, 6, b"\1\0"), central, 8, b"\1\0"), "array 'q': is encrypted")
    add("bzip2.npz", npz([("q.npy", q)], zipfile.ZIP_BZIP2), "array 'q': uses compression method 12")
    add("lzma.npz", npz([("q.npy", q)], zipfile.ZIP_LZMA), "array 'q': uses compression method 14")
    gigabytes = struct.pack("<I", 0xF0000000)
    lie = patched(patched(big, local, 22, gigabytes), central, 24, gigabytes)
    add("bomb.npz", lie, "array 'q': declares 4026531840 bytes")
    small_lie = struct.pack("<I", 400128 - 8)
    add("shrunk.npz", patched(patched(big, local, 22, small_lie), central, 24, small_lie), "array 'q': is truncated")
    # 26 directory records of one entry's bytes: each is honest, together they multiply.
    head = big.index(central)
    tail = big.index(b"PK\5\6")
    record = big[head:tail]
    records = b"".join(record.replace(b"q.npy", b"%c.npy" % (65 + i)) for i in range(26))
    end = bytearray(big[tail:])
    end[8:12] = struct.pack("<HH", 26, 26)
    end[12:16] = struct.pack("<I", len(records))
    add("overlapping.npz", big[:head] + records + bytes(end), "")


def safetensors(header, payload, **options):
    text = header if isinstance(header, bytes) else json.dumps(header, **options).encode()
    return struct.pack("<Q", len(text)) + text + payload


def write_safetensors_files():
    wave = random.normal(size=(2, 3)).astype(np.float32)
    arrays = {"a": wave, "b": wave.astype(np.float16), "c": wave.astype(np.float64), "d": np.arange(4),
              "e": np.array([-7, 9], np.int32), "f": wave > 0, "g": np.zeros((0, 2), np.float32)}
    types = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "int32": "I32", "bool": "BOOL"}
    header, payload = {"__metadata__": {"format": "pt"}}, b""
    for name, array in arrays.items():
        data = array.tobytes()
        header[name] = {"dtype": types[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [len(payload), len(payload) + len(data)]}
        payload += data
    # A tensor without bytes stands where its offsets say, before the bool that begins at the same byte.
    add("sound.safetensors", safetensors(header, payload), good(arrays))
    padded = json.dumps(header).encode() + b"   "
    add("padded.safetensors", safetensors(padded, payload), good(arrays))

    def one(**changes):
        return {"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}}

    data = wave.tobytes()
    whole = safetensors(one(), data)
    two = {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}
    second = {"dtype": "F32", "shape": [3]}
    text = json.dumps(one()["a"]).encode()
    damaged = {
        "nothing": (b"", "is empty"),
        "stub": (whole[:5], "is truncated inside the header length"),
        "truncated": (whole[:-1], "is truncated: the header declares 24 bytes of payload and 23 follow"),
        "trailing": (whole + b"\0", "has trailing bytes"),
        "header_length": (struct.pack("<Q", 2**62) + whole[8:], "declares a header of 4611686018427387904 bytes"),
        "no_json": (safetensors(b"{'a': 1}", b""), "safetensors header is no JSON"),
        "no_object": (safetensors(b"[1, 2]", b""), "does not begin with '{'"),
        "no_tensor": (safetensors({}, b""), "holds no array"),
        "overlap": (safetensors({**two, "b": {**second, "data_offsets": [8, 20]}}, data[:20]), "(overlap)"),
        "gap": (safetensors({**two, "b": {**second, "data_offsets": [16, 28]}}, data + data[:4]), "(gap)"),
        "late": (safetensors(one(data_offsets=[4, 28]), data + data[:4]), "(gap)"),
        "out_of_range": (safetensors(one(shape=[2, 6], data_offsets=[0, 48]), data), "is truncated"),
        "backwards": (safetensors(one(data_offsets=[24, 0]), data), "data_offsets [24, 0] do not hold"),
        "disagrees": (safetensors(one(shape=[2, 2]), data), "do not hold the 16 bytes of shape (2, 2)"),
        "huge": (safetensors(one(shape=[2**40, 2**40]), data), "overflows 63 bits"),
        "zero_huge": (safetensors(one(shape=[0, 2**62, 4], data_offsets=[0, 0]), b""), "overflows 63 bits"),
        "negative": (safetensors(one(shape=[-2, -3]), data), "shape holds -2"),
        "fraction": (safetensors(one(shape=[2.0, 3]), data), "shape holds 2.0"),
        "beyond64": (safetensors(one(shape=[2**63]), data), "shape holds 9223372036854775808"),
        "rank5": (safetensors(one(shape=[1, 1, 1, 2, 3]), data), "more than 4 dimensions"),
        "type": (safetensors(one(dtype="F8_E4M3"), data), "has type \"F8_E4M3\""),
        "no_type": (safetensors(one(dtype=4), data), "has type 4;"),
        "extra_key": (safetensors(one(stride=[3, 1]), data), "is not described by exactly"),
        "metadata": (safetensors({"__metadata__": {"a": 1}, **one()}, data), "__metadata__ is no object of texts"),
        "twice": (safetensors(b'{"a": ' + text + b', "a": ' + text + b"}", data), "has key \"a\" twice"),
        "inner_twice": (safetensors(text.join([b'{"a": ', b"}"]).replace(b'"shape"', b'"dtype": "F64", "shape"'), data),
                        "has key \"dtype\" twice"),
        "deep": (safetensors(b'{"a": ' + b"[" * 10000 + b"]" * 10000 + b"}", b""), "nested too deeply"),
        "line_break": (safetensors({"a\nb": one()["a"]}, data), "a name that cannot be printed"),
        "bool": (safetensors({"a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}}, b"\1\2"),
                 "bool element 1 is 2"),
    }
    for name, (content, expectation) in damaged.items():
        add(f"{name}.safetensors", content, expectation)


write_npy_files()
write_npz_files()
write_safetensors_files()
with open(os.path.join(out, "cases.txt"), "w", encoding="utf-8") as file:
    file.write("\n".join(cases) + "\n")
