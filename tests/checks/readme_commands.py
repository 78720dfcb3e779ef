#!/usr/bin/env python3
"""Runs the compile commands of README.md in a fresh copy of the headers and examples.

Usage: readme_commands.py SCRATCH_FOLDER

Runs each line of a fenced block that starts with `c++ ` or `cd examples && c++ `, from the top of the copy, with /bin/sh.
Then the oldest supported compilers that are installed check every example against the single header. If libcurl's headers are
installed, the examples that need it, and the first one again, are checked with COWORKER_WITH_CURL. The last line counts: N passed, N failed.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"^\s*\$?\s*((?:cd \S+ && )?c\+\+ .+)$")
OLDEST_COMPILERS = ["g++-11", "clang++-16"]


def readme_commands():
    """The commands. Lines that end in a backslash are joined with the next."""
    fenced, commands = False, []
    for line in (ROOT / "README.md").read_text().replace("\\\n", " ").splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif fenced and (match := COMMAND.match(line)):
            commands.append(match[1])
    return commands


def example_commands():
    has_curl = subprocess.run(["c++", "-x", "c++", "-E", "-"], input="#include <curl/curl.h>\n", text=True,
                              capture_output=True, check=False).returncode == 0
    has_client = (ROOT / "include/coworker/http/curl/client.hpp").is_file()
    for compiler in filter(shutil.which, OLDEST_COMPILERS):
        command = f"cd examples && {compiler} -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I ../single_include"
        for example in sorted((ROOT / "examples").glob("*.cpp")):
            if not example.name.endswith("_curl.cpp"):
                yield f"{command} {example.name}"
            elif has_curl and has_client:
                yield f"{command} -DCOWORKER_WITH_CURL {example.name}"
        if has_curl and has_client:
            yield f"{command} -DCOWORKER_WITH_CURL concurrent_handler.cpp"


def main():
    scratch = pathlib.Path(sys.argv[1]).resolve()
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for folder in ("include", "single_include", "examples"):
        shutil.copytree(ROOT / folder, scratch / folder)

    typed = readme_commands()
    if not typed:
        sys.exit("README.md has no compile command")
    passed = failed = 0
    for command in [*typed, *example_commands()]:
        result = subprocess.run(command, shell=True, cwd=scratch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        print(("ok: " if result.returncode == 0 else "FAILED: ") + command)
        passed += result.returncode == 0
        failed += result.returncode != 0
        if result.returncode != 0:
            print(result.stdout)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
