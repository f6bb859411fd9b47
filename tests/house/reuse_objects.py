"""A compiler launcher for builds inside tests: what the build under test has compiled by the same command is copied.

CMAKE_CXX_COMPILER_LAUNCHER = python3;reuse_objects.py;OUTER;OUTER_SOURCE;BUILD;SOURCE: a command is the same where it is that
of OUTER's compile_commands.json once the folders of this build are written as those of OUTER, and the texts it compiles are
equal. Both builds must see the same headers. Anything else is compiled.
"""
import json
import pathlib
import shlex
import shutil
import subprocess
import sys


def without_dependency_flags(words):
    kept, skip = [], 0
    for word in words:
        if skip:
            skip -= 1
        elif word in ("-MT", "-MF"):
            skip = 1
        elif word != "-MD":
            kept.append(word)
    return kept


def object_of(words, outer, outer_source, build, source):
    """The object that OUTER has of this command, or None."""
    def moved(word):
        return word.replace(build, outer).replace(source, outer_source)

    if "-o" not in words or "-c" not in words:
        return None
    output = words[words.index("-o") + 1]
    text = pathlib.Path(words[words.index("-c") + 1])
    same_text = pathlib.Path(moved(str(text)))
    compiled = pathlib.Path(outer) / output
    if not (compiled.is_file() and same_text.is_file() and text.read_bytes() == same_text.read_bytes()
            and compiled.stat().st_mtime >= same_text.stat().st_mtime):
        return None
    wanted = without_dependency_flags([moved(word) for word in words])
    for entry in json.loads((pathlib.Path(outer) / "compile_commands.json").read_text(encoding="utf-8")):
        if f" -o {output} " not in entry["command"]:
            continue
        command = without_dependency_flags(shlex.split(entry["command"]))
        return compiled if words[0] in command and command[command.index(words[0]):] == wanted else None
    return None


def main():
    outer, outer_source, build, source, *words = sys.argv[1:]
    compiled = object_of(words, outer, outer_source, build, source)
    if compiled is None:
        return subprocess.run(words).returncode
    shutil.copyfile(compiled, words[words.index("-o") + 1])
    if "-MF" in words:
        text = words[words.index("-c") + 1]
        pathlib.Path(words[words.index("-MF") + 1]).write_text(f"{words[words.index('-o') + 1]}: {text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
