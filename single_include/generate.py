#!/usr/bin/env python3
"""Makes single_include/coworker.hpp from include/coworker/coworker.hpp and all headers that it includes.

Usage: generate.py           write the file
       generate.py --check   exit 1 if the file is not what would be written

Each project header appears once, after the headers that it includes. Standard headers are collected at the top, except
those inside an #if, which stay where they are. So does a project header that is only included inside an #if; it may be
included again where `#ifdef A` holds if it stands inside `#if defined(A) || defined(B)`. The entry header's lines before
its first include come before everything else.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
ENTRY = "coworker/coworker.hpp"
OUTPUT = ROOT / "single_include" / "coworker.hpp"

DIRECTIVE = re.compile(r"^\s*#\s*(if|ifdef|ifndef|endif|include|pragma\s+once)\b\s*(.*?)\s*$")
INCLUDED = re.compile(r'^[<"]([^>"]+)[>"]')


class Line:
    """A line of a header: its text, what it includes, and the #if conditions around it."""

    def __init__(self, text, kind, includes, conditions):
        self.text, self.kind, self.includes, self.conditions = text, kind, includes, conditions

    def is_project_include(self):
        return self.includes is not None and self.includes.startswith("coworker/")


def read(header):
    """The lines of a project header."""
    path = INCLUDE / header
    if not path.is_file():
        sys.exit(f"generate.py: a header includes <{header}>, but {path} does not exist")
    lines, conditions = [], ()
    for text in path.read_text().splitlines():
        match = DIRECTIVE.match(text)
        kind, rest = (match[1].split()[0], match[2]) if match else ("text", "")
        if kind == "endif":
            conditions = conditions[:-1]
        name = INCLUDED.match(rest) if kind == "include" else None
        lines.append(Line(text, kind, name[1] if name else None, conditions))
        if kind in ("if", "ifdef", "ifndef"):
            conditions += (f"{kind} {rest}",)
    return lines


def alternatives(condition):
    """The macros of which one must be defined: those of `ifdef A` or of `if defined(A) || defined(B)`."""
    kind, _, rest = condition.partition(" ")
    if kind == "ifdef":
        return {rest}
    terms = [re.fullmatch(r"defined\((\w+)\)", term.strip()) for term in rest.split("||")]
    return {term[1] for term in terms} if kind == "if" and all(terms) else {condition}


def holds(placed, conditions):
    """Whether what is placed under some conditions is there wherever `conditions` hold."""
    return all(any(alternatives(given) <= alternatives(needed) for given in conditions) for needed in placed)


class Assembler:
    """Walks the headers depth first and collects the parts of the single header."""

    def __init__(self):
        self.sources = {}
        self.standard = set()
        self.placed = {}  # header -> the conditions under which it is placed
        self.fewest = {}  # header -> the fewest conditions under which it is reached
        self.find_fewest(ENTRY, ())

    def lines(self, header):
        if header not in self.sources:
            self.sources[header] = read(header)
        return self.sources[header]

    def opening(self, header):
        """The entry header's lines up to its first include."""
        if header != ENTRY:
            return []
        lines = self.lines(header)
        first = next(number for number, line in enumerate(lines) if line.includes)
        return lines[:first]

    def find_fewest(self, header, conditions):
        if header in self.fewest and len(self.fewest[header]) <= len(conditions):
            return
        self.fewest[header] = conditions
        for line in self.lines(header):
            if line.is_project_include():
                self.find_fewest(line.includes, conditions + line.conditions)

    def needed_before(self, header, conditions, seen):
        """The headers that `header` needs and that are also needed under fewer conditions: those in `conditions`."""
        if header in seen:
            return
        seen.add(header)
        if self.fewest[header] == conditions[:len(self.fewest[header])]:
            yield header
            return
        for line in self.lines(header):
            if line.is_project_include():
                yield from self.needed_before(line.includes, conditions, seen)

    def place(self, header, conditions=()):
        """The lines of a header and of what it includes, or nothing if it is placed already."""
        if header in self.placed:
            if not holds(self.placed[header], conditions):
                sys.exit(f"generate.py: <{header}> is included under {self.placed[header]} and under {conditions}; "
                         "include it under one of these conditions, or always")
            return []
        self.placed[header] = conditions

        before, body = [], []
        for line in self.lines(header)[len(self.opening(header)):]:
            under = conditions + line.conditions
            if line.kind == "pragma":
                continue
            if line.is_project_include():
                if line.conditions:
                    for needed in self.needed_before(line.includes, conditions, set()):
                        before += self.place(needed, conditions)
                    body += self.place(line.includes, under)
                else:
                    before += self.place(line.includes, conditions)
            elif line.includes and not under:
                self.standard.add(line.includes)
            else:
                body.append(line.text)
        banner = f"// ---- {header} " + "-" * max(0, 102 - len(header))
        return before + ["", banner, ""] + body


def without_runs_of_blank_lines(lines):
    kept = []
    for line in lines:
        if line.strip() or (kept and kept[-1].strip()):
            kept.append(line)
    return kept


def assemble():
    assembler = Assembler()
    parts = assembler.place(ENTRY)
    licence = (ROOT / "LICENSE").read_text().strip().splitlines()
    head = ["// coworker: a header-only C++20 coroutine framework for serverless job workers, in one file.",
            "// Generated by single_include/generate.py from include/coworker/; change those headers, not this file.",
            "//"]
    head += [f"// {line}".rstrip() for line in licence]
    head += ["#pragma once", ""]
    opening = [line.text for line in assembler.opening(ENTRY)]
    head += opening[opening.index("#pragma once") + 1:] if "#pragma once" in opening else opening
    head += [""]
    head += [f"#include <{name}>" for name in sorted(assembler.standard)]
    return "\n".join(without_runs_of_blank_lines(head + parts)).rstrip() + "\n"


def main():
    text = assemble()
    if sys.argv[1:] == ["--check"]:
        if not OUTPUT.is_file() or OUTPUT.read_text() != text:
            print("single_include/coworker.hpp is stale; run single_include/generate.py and commit the result")
            return 1
        return 0
    if sys.argv[1:]:
        sys.exit(__doc__)
    OUTPUT.write_text(text)
    print(f"{OUTPUT.relative_to(ROOT)}: {len(text.splitlines())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
