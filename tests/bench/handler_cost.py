#!/usr/bin/env python3
"""Measures how much code each additional handler and modifier type adds to a program: how much larger the sections of the
object file get, with -O2 and libcurl.

Usage: handler_cost.py [--quick] [COMPILER [FLAG...]]     without a compiler: g++

Exits with status 1 if a handler costs more than the limit. --quick measures one kind of handler, without optimisation and
libcurl.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MORE = 3  # handlers in addition to the first
LIMIT = 10_000  # bytes per additional handler
COUNTED = re.compile(r"^\.(text|rodata|gcc_except_table|data\.rel\.ro)")

HANDLERS = {
    "plain function": "std::string operator()(cw::job<> job) const { return job.id + char('0' + %d); }",
    "task": "cw::task<std::string> operator()(cw::job<> job) const {"
            " co_await cw::sleep_for(std::chrono::seconds(%d)); co_return job.id; }",
    "async_generator": "cw::async_generator<std::string> operator()(cw::job<> job) const {"
                       " co_await cw::sleep_for(std::chrono::seconds(%d)); co_yield job.id; }",
}


def program(handler, count):
    lines = ["#include <coworker.hpp>", "namespace cw = coworker;"]
    calls = []
    for i in range(count):
        lines.append(f"struct handler_{i} {{ {handler % i} }};")
        lines.append(f"struct modifier_{i} {{ int operator()(int limit) const {{ return limit + {i}; }} }};")
        calls.append(f"cw::start(argc, argv, handler_{i}(), modifier_{i}())")
    lines.append("int main(int argc, char** argv) { return " + " + ".join(calls) + "; }")
    return "\n".join(lines) + "\n"


def size_of(compiler, source, folder):
    (folder / "program.cpp").write_text(source)
    subprocess.run([*compiler, "-c", "program.cpp", "-o", "program.o"], cwd=folder, check=True)
    sections = subprocess.run(["size", "-A", "program.o"], cwd=folder, check=True, capture_output=True, text=True).stdout
    return sum(int(line.split()[1]) for line in sections.splitlines() if COUNTED.match(line))


def main():
    quick = sys.argv[1:2] == ["--quick"]
    given = sys.argv[2 if quick else 1:] or ["g++"]
    flags = ["-O0"] if quick else ["-O2", "-DCOWORKER_WITH_CURL"]
    compiler = [*given, "-std=c++20", "-pthread", *flags, "-I", str(ROOT / "include")]
    too_much = False
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for kind, handler in list(HANDLERS.items())[:1 if quick else None]:
            growth = size_of(compiler, program(handler, 1 + MORE), folder) - size_of(compiler, program(handler, 1), folder)
            each = growth // MORE
            too_much |= each > LIMIT
            print(f"{kind}: {each} bytes for each additional handler, limit {LIMIT}{'  TOO MUCH' if each > LIMIT else ''}")
    return 1 if too_much else 0


if __name__ == "__main__":
    sys.exit(main())
