#!/usr/bin/env python3
"""Measures the cost of including coworker, as a ratio to the cost of including nlohmann/json with the same compiler.

Usage: include_cost.py [--quick] [COMPILER [FLAG...]]     without a compiler: g++

The cost is the user CPU time of a syntax-only run: the median of several rounds. Each round compiles all headers in turn, so
that a machine that slows down slows all of them. Exits with status 1 if a header costs more than its limit. --quick does one
round, which shows only that the benchmark works.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUNDS = 7
BASELINE = "nlohmann/json.hpp"
LIMITS = {"coworker/coro/task.hpp": 0.20, "coworker/coworker.hpp": 0.75}


def user_seconds(command):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{errors}")
    return usage.ru_utime


def main():
    quick = sys.argv[1:2] == ["--quick"]
    compiler = [*(sys.argv[2 if quick else 1:] or ["g++"]), "-std=c++20", "-I", str(ROOT / "include")]
    with tempfile.TemporaryDirectory() as folder:
        def command(header):
            source = pathlib.Path(folder) / (header.replace("/", "_") + ".cpp")
            source.write_text(f"#include <{header}>\n")
            return compiler + ["-fsyntax-only", str(source)]

        seconds = {header: [] for header in [BASELINE, *LIMITS]}
        for _ in range(1 if quick else ROUNDS):
            for header, measured in seconds.items():
                measured.append(user_seconds(command(header)))

    baseline = statistics.median(seconds[BASELINE])
    print(f"{BASELINE}: {baseline:.2f} s of CPU with {compiler[0]}")
    too_much = False
    for header, limit in LIMITS.items():
        ratio = statistics.median(seconds[header]) / baseline
        too_much |= ratio > limit
        print(f"{header}: {ratio:.2f} of that, limit {limit:.2f}{'  TOO MUCH' if ratio > limit else ''}")
    return 1 if too_much and not quick else 0


if __name__ == "__main__":
    sys.exit(main())
