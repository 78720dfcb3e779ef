#!/usr/bin/env python3
"""Checks that argument-dependent lookup cannot redirect a call in the headers. If an argument of a template's unqualified call
may have a user's type, the name is also looked up in that type's namespace. A function found there may then be called instead of
ours, without any warning.

Usage: unqualified_calls.py [INCLUDE_DIR [CLANG]]

clang's syntax tree shows which names are subject to that lookup. Without clang, the check is skipped (status 77).
"""
import pathlib
import re
import shutil
import subprocess
import sys

# Customisation points: users define these functions in the namespaces of their types.
CUSTOMISED = {"to_json", "from_json", "rules", "operator co_await"}

CLANGS = ("clang++-19", "clang++-18", "clang++-17", "clang++-16", "clang++")
PROGRAM = """#if __has_include(<curl/curl.h>)
#define COWORKER_WITH_CURL
#endif
#define COWORKER_WITH_SIMULATION
#include <coworker.hpp>
"""

NODE = re.compile(r"^([|\s`]*)-?(\w+) 0x[0-9a-f]+ (.*)$")
# A position has its file, or its line, only if that differs from the previous position's.
PLACE = re.compile(r"\bline:(\d+):\d+|\bcol:\d+|([^\s<>,:]+|<[a-z ]+>):(\d+):\d+")
NAME = re.compile(r"\(ADL\) = '([^']*)'")


def unqualified_calls(tree, folder):
    """Yields (header, line, name) of each call whose name is also looked up in the namespaces of its arguments."""
    header, line = "", 0
    callee = None  # the last one seen: (depth, header, line, name); it counts if an argument follows
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
    """A sorted list of what unqualified_calls finds in all headers that coworker.hpp includes."""
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
        print("skipped: this check needs clang")
        return 77
    found = found_in(folder, clang)
    for header, line, name in found:
        print(f"{header}:{line}: {name} is called unqualified, so a function of that name in a user's namespace could be called "
              "instead; qualify the call with its namespace")
    if not found:
        print("no unqualified call depends on a user's type")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
