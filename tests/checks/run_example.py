#!/usr/bin/env python3
"""Runs an example in examples/, the folder of test_input.json. The example must end by itself with exit status 0.

Usage: run_example.py SOURCE PROGRAM

An example that needs arguments has them in a comment line, as a user would type it:

    // run: ./streaming --test_input '{"input": {"count": 3}}'
"""
import pathlib
import re
import shlex
import subprocess
import sys


def main():
    source, program = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    line = re.search(r"^\s*// run: (.+?)\s*$", source.read_text(), re.MULTILINE)
    arguments = shlex.split(line[1])[1:] if line else []
    result = subprocess.run([program, *arguments], cwd=source.parent, stdin=subprocess.DEVNULL, timeout=60, check=False)
    if result.returncode != 0:
        print(f"{source.name} ended with exit status {result.returncode}")
    return 0 if result.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
