#!/usr/bin/env python3
"""Checks that the engine shown in the transport contract's comment is the one that a test compiles and runs.

Usage: contract_example.py [CONCEPT_HEADER COMPILED_HEADER]
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "include/coworker/transport/concept.hpp"
COMPILED = ROOT / "tests/transport/minimal_transport.hpp"
FIRST = "struct countdown {"
LAST = "static_assert(cw::transport<countdown>);"
MARGIN = "///     "  # of code in a comment


def lines_between(lines, path):
    """The lines from FIRST to LAST. Throws ValueError unless each is there exactly once."""
    if lines.count(FIRST) != 1 or lines.count(LAST) != 1 or lines.index(FIRST) > lines.index(LAST):
        raise ValueError(f"{path}: does not hold one engine from `{FIRST}` to `{LAST}`")
    return lines[lines.index(FIRST):lines.index(LAST) + 1]


def shown_lines(text, path):
    code = [line[len(MARGIN):] if line.startswith(MARGIN) else line[len(MARGIN.rstrip()):] for line in text.splitlines()
            if line.startswith(MARGIN) or line == MARGIN.rstrip()]
    return lines_between(code, path)


def difference(page, compiled, page_path=PAGE, compiled_path=COMPILED):
    """Returns one sentence on the first line that differs, or None."""
    shown = shown_lines(page, page_path)
    ran = lines_between(compiled.splitlines(), compiled_path)
    for number in range(max(len(shown), len(ran))):
        one, other = (lines[number] if number < len(lines) else "(nothing)" for lines in (shown, ran))
        if one != other:
            return (f"{page_path}: line {number + 1} of the engine in the comment is not the line in {compiled_path}; "
                    f"make them the same:\n  {one}\n  {other}")
    return None


def main():
    page, compiled = (pathlib.Path(argument) for argument in sys.argv[1:3]) if len(sys.argv) == 3 else (PAGE, COMPILED)
    try:
        problem = difference(page.read_text(), compiled.read_text(), page, compiled)
    except ValueError as error:
        problem = str(error)
    print(problem or "the engine in the contract's comment is the one that is compiled")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
