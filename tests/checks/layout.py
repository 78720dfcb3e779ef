#!/usr/bin/env python3
"""Checks that the top level of the repository has exactly the expected entries."""
import pathlib
import shutil
import subprocess
import sys

EXPECTED = {"include", "tests", "examples", "single_include", "CMakeLists.txt", "meson.build", "LICENSE", "README.md"}


def top_level(root):
    """The entries that git tracks or would track; in a tree without git, all entries except build folders."""
    if shutil.which("git") and (root / ".git").exists():
        listing = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
                                 capture_output=True, text=True, check=False)
        if listing.returncode == 0:
            return {line.split("/")[0] for line in listing.stdout.splitlines()}
    return {entry.name for entry in root.iterdir() if not entry.name.startswith("build")}


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    found = {name for name in top_level(root) if not name.startswith(".")}
    problems = [f"{name}: does not belong at the top level; move it into a folder" for name in sorted(found - EXPECTED)]
    problems += [f"{name}: missing at the top level" for name in sorted(EXPECTED - found)]
    print("\n".join(problems) or "the top level is as it should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
