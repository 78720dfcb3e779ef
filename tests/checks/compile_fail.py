#!/usr/bin/env python3
"""Checks that a source does not compile, and that the compiler's error has the expected text.

Usage: compile_fail.py CASE.cpp -- COMPILER FLAG...
       compile_fail.py --self-test -- COMPILER FLAG...

The comments of a case say what the compiler's error output must be:

    // expect: a handler must be callable         (one or more; each text must appear)
    // only-error: a handler must be callable     (the text of the one error, which points into the case itself)
    // max-lines: 4                               (at most this many lines; checked for g++ only)
    // flags: -fno-exceptions                     (compiled with these flags, too)

The case is fully compiled, because some errors appear only when code is generated.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def compile_errors(compiler, source):
    """Returns the compiler's error output, or None if it accepted the source."""
    command = compiler + ["-c", "-o", os.devnull, "-fmessage-length=0", str(source)]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"}, check=False)
    return None if result.returncode == 0 else result.stderr


def is_gcc(compiler):
    macros = subprocess.run(compiler[:1] + ["-dM", "-E", "-x", "c++", os.devnull], capture_output=True, text=True,
                            check=True).stdout
    return "__GNUC__" in macros and "__clang__" not in macros


def problem_with(compiler, source):
    """Returns one sentence on what is wrong with a case, or None if it fails to compile as it should."""
    text = source.read_text()
    expected = re.findall(r"^\s*// (?:expect|only-error): (.+?)\s*$", text, re.MULTILINE)
    only_error = re.search(r"^\s*// only-error: (.+?)\s*$", text, re.MULTILINE)
    max_lines = re.search(r"^\s*// max-lines: (\d+)\s*$", text, re.MULTILINE)
    if not expected:
        return "names no text to expect; add a line such as // expect: a handler must be callable"
    flags = re.findall(r"^\s*// flags: (.+?)\s*$", text, re.MULTILINE)
    errors = compile_errors(compiler + " ".join(flags).split(), source)
    if errors is None:
        return "compiles, but should not"
    for wanted in expected:
        if wanted not in errors:
            return f"is refused, but without the text: {wanted}\n{errors}"
    found = re.findall(r"^(.+?):\d+:\d+: (?:fatal )?error: (.*)$", errors, re.MULTILINE)
    if only_error and (len(found) != 1 or found[0][0] != str(source) or only_error[1] not in found[0][1]):
        return f"is refused, but not by this one error, in the case itself: {only_error[1]}\n{errors}"
    lines = len(errors.splitlines())
    if max_lines and is_gcc(compiler) and lines > int(max_lines[1]):
        return f"is refused in {lines} lines, where {max_lines[1]} are allowed:\n{errors}"
    return None


def self_test(compiler):
    """Tests that each way in which a case can be wrong is found."""
    wrong = "int f() { static_assert(sizeof(int) == 1, \"a sentence with the way out\"); return 0; }\n"
    cases = [
        ("as it should be", "// expect: a sentence with the way out\n// max-lines: 9\n" + wrong, None),
        ("compiles", "// expect: a sentence\nint f() { return 0; }\n", "compiles, but should not"),
        ("missing text", "// expect: another sentence\n" + wrong, "without the text: another sentence"),
        ("second text missing", "// expect: a sentence\n// expect: more\n" + wrong, "without the text: more"),
        ("nothing expected", wrong, "names no text"),
        ("the one error", "// only-error: a sentence\n" + wrong, None),
        ("not the only error", "// only-error: a sentence\n" + wrong + "int g = missing;\n", "not by this one error"),
        ("an error elsewhere", "// only-error: a sentence\n#line 1 \"header.hpp\"\n" + wrong, "not by this one error"),
        ("an error by a flag", "// flags: -DWRONG=1\n// expect: a sentence\n#ifdef WRONG\n" + wrong + "#endif\n", None),
        ("an error when code is generated",
         "// only-error: a sentence\n[[gnu::error(\"a sentence\")]] void f();\nint main() { f(); }\n", None),
    ]
    if is_gcc(compiler):
        cases.append(("too many lines", "// expect: a sentence\n// max-lines: 1\n" + wrong, "where 1 are allowed"))
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "case.cpp"
        for name, text, verdict in cases:
            source.write_text(text)
            found = problem_with(compiler, source)
            if (found is None) != (verdict is None) or (verdict and verdict not in found):
                print(f"self-test \"{name}\": wanted the verdict {verdict!r}, got {found!r}")
                failures += 1
    print(f"{len(cases) - failures} of {len(cases)} verdicts are right")
    return 1 if failures else 0


def main():
    case, compiler = sys.argv[1], sys.argv[3:]
    if case == "--self-test":
        return self_test(compiler)
    if problem := problem_with(compiler, pathlib.Path(case)):
        print(f"{case}: {problem}")
        return 1
    print(f"{case}: refused as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
