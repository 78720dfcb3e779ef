#!/usr/bin/env python3
"""Checks that no call in the headers can be hijacked. A template's unqualified call, one of whose arguments may be of a
user's type, is also looked up beside that type, and what is found there may be called instead of ours, without a word.

Usage: unqualified_calls.py [INCLUDE_DIR [CLANG]]

clang's syntax tree tells which names are left to that lookup. Without a clang the check is skipped (status 77).
"""
import pathlib
import re
import shutil
import subprocess
import sys

# What users write beside their types in order to be called.
CUSTOMISED = {"to_json", "from_json", "rules", "operator co_await"}

CLANGS = ("clang++-19", "clang++-18", "clang++-17", "clang++-16", "clang++")
PROGRAM = """#if __has_include(<curl/curl.h>)
#define COWORKER_WITH_CURL
#endif
#define COWORKER_WITH_SIMULATION
#include <coworker.hpp>
"""

NODE = re.compile(r"^([|\s`]*)-?(\w+) 0x[0-9a-f]+ (.*)$")
# A place is written in full only where its file, or its line, is another than that of the place before.
PLACE = re.compile(r"\bline:(\d+):\d+|\bcol:\d+|([^\s<>,:]+|<[a-z ]+>):(\d+):\d+")
NAME = re.compile(r"\(ADL\) = '([^']*)'")


def unqualified_calls(tree, folder):
    """Yields (header, line, name) of each call with arguments whose name is looked up beside their types."""
    header, line = "", 0
    callee = None  # the one just seen: (its depth, header, line, name); it counts if an argument follows
    for text in tree:
        for place in PLACE.finditer(text.split(" '", 1)[0]):
            if place[2]:
                header, line = place[2], int(place[3])
            elif place[1]:
                line = int(place[1])
        node = NODE.match(text)
        if not node:
            continue
        depth, kind, rest = len(node[1]), node[2], node[3]
        if callee and depth <= callee[0]:
            if depth == callee[0]:
                yield callee[1:]
            callee = None
        name = NAME.search(rest) if kind == "UnresolvedLookupExpr" else None
        if name and name[1] not in CUSTOMISED and header.startswith(folder):
            callee = (depth, header[len(folder):].lstrip("/"), line, name[1])


def found_in(folder, clang):
    """A sorted list of what unqualified_calls finds in everything that coworker.hpp includes."""
    command = [clang, "-std=c++20", "-I", folder, "-x", "c++", "-fsyntax-only", "-fno-color-diagnostics", "-Xclang", "-ast-dump",
               "-Xclang", "-ast-dump-filter=coworker", "-"]
    run = subprocess.run(command, input=PROGRAM, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(run.stderr)
    return sorted(set(unqualified_calls(run.stdout.splitlines(), folder)))


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = sys.argv[1] if len(sys.argv) > 1 else str(root / "include")
    clang = sys.argv[2] if len(sys.argv) > 2 else next(filter(shutil.which, CLANGS), None)
    if clang is None:
        print("skipped: this needs clang")
        return 77
    found = found_in(folder, clang)
    for header, line, name in found:
        print(f"{header}:{line}: {name} is called unqualified; a function of that name beside a user's type could be called "
              "instead; write the namespace in front")
    if not found:
        print("no call can be hijacked")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
