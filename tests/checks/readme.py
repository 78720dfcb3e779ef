#!/usr/bin/env python3
"""Checks that README.md and examples/README.md quote the files and the programs' output exactly.

Usage: readme.py FOLDER_OF_BUILT_EXAMPLES

A fenced block is checked if one of these HTML comments is on the line before it:

    <!-- from: examples/concurrent_handler.cpp -->     the block is that file, or a run of its lines
    <!-- output of: concurrent_handler --help -->      the block is what that example prints, run in examples/
    <!-- end of output of: NAME ARGUMENTS -->          the block is the last lines of that

Only durations, timestamps and UUIDs may differ.
"""
import difflib
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("README.md", "examples/README.md")
MARKER = re.compile(r"^\s*<!--\s*(from|output of|end of output of):\s*(.+?)\s*-->\s*$")
FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
VARYING = [
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "<timestamp>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d+(\.\d+)?(e-?\d+)? ?(ns|us|µs|ms|s|seconds?)\b"), "<duration>"),
]


class Block:
    """A marked fenced block: its line number, its kind, what it quotes, and its lines."""

    def __init__(self, line, kind, subject, quoted):
        self.line, self.kind, self.subject, self.quoted = line, kind, subject, quoted


def marked_blocks(lines):
    """Yields a Block for each marker. Throws ValueError for a marker without a fenced block after it."""
    at = 0
    while at < len(lines):
        marker = MARKER.match(lines[at])
        at += 1
        if not marker:
            continue
        line = at
        while at < len(lines) and not lines[at].strip():
            at += 1
        fence = FENCE.match(lines[at]) if at < len(lines) else None
        if not fence:
            raise ValueError(f"line {line} of the page: no fenced block follows this comment")
        start = at = at + 1
        while at < len(lines) and not lines[at].strip().startswith(fence[1]):
            at += 1
        yield Block(line, marker[1], marker[2], lines[start:at])


def without_varying(lines):
    normal = []
    for line in lines:
        for pattern, placeholder in VARYING:
            line = pattern.sub(placeholder, line)
        normal.append(line.rstrip())
    while normal and not normal[-1]:
        normal.pop()
    return normal


def difference(quoted, real):
    return "\n".join(difflib.unified_diff(quoted, real, "the page", "real", lineterm=""))


def problem_with_source(block):
    path = ROOT / block.subject
    if not path.is_file():
        return f"{block.subject} does not exist"
    real = path.read_text().splitlines()
    length = len(block.quoted)
    if length and any(real[at:at + length] == block.quoted for at in range(len(real) - length + 1)):
        return None
    return f"this block is not a run of lines of {block.subject}\n{difference(block.quoted, real)}"


def problem_with_output(block, programs):
    name, *arguments = shlex.split(block.subject)
    program = programs / name
    if not program.is_file():
        return f"there is no example {name} in {programs}"
    result = subprocess.run([program, *arguments], cwd=ROOT / "examples", stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    quoted, real = without_varying(block.quoted), without_varying(result.stdout.splitlines())
    if block.kind == "end of output of":
        real = real[-len(quoted):] if quoted else []
    return None if quoted == real else f"{block.subject} prints something else\n{difference(quoted, real)}"


def problems_of(page, programs):
    """Prints each wrong quotation of a page. Returns how many are wrong."""
    blocks = list(marked_blocks((ROOT / page).read_text().splitlines()))
    wrong = 0
    for block in blocks:
        problem = problem_with_source(block) if block.kind == "from" else problem_with_output(block, programs)
        if problem:
            print(f"{page}:{block.line}: {problem}")
            wrong += 1
    print(f"{len(blocks)} quotations in {page} checked")
    return wrong


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    try:
        return 1 if sum([problems_of(page, programs) for page in PAGES]) else 0
    except (OSError, ValueError) as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
