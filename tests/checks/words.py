#!/usr/bin/env python3
"""Checks that words which this tree has given up for plainer ones do not come back.

Usage: words.py [FOLDER...]    without folders: everything that git tracks, but for what quotes the words on purpose

The list is what conventions and the guide's glossary say: one word, one meaning, the field's terms.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXEMPT = ("LICENSE", "single_include/", "tests/checks/words.py", "tests/checks/checks_test.py", "tests/fuzz/corpus/")
# What is given up, as a regular expression over whole words, and what to say instead.
RETIRED = [
    (r"http_answer\w*", "http_response"),
    (r"farewells?", "linger"),
    (r"(?:poll|post|progress)_limit", "poll_timeout, post_timeout, progress_timeout"),
    (r"start_waiting", "start_queued_jobs"),
    (r"hold_takes_off", "delay_takes_until"),
    (r"befalls?|befell|befallen", "inject, happen to"),
    (r"unfolds?", "run"),
    (r"fates?", "outcome, end"),
    (r"dear(?:er|est|ly)?", "expensive"),
    (r"at hand", "available, there, ready"),
    (r"seldom", "rarely"),
    (r"anew", "again"),
    (r"whither|whence|thence|thereof|therein|lest|ere", "plain words"),
    (r"of which there (?:is|are) (?:none|no)\w*", "say what is missing: without a ..., where there is no ..."),
    (r"(?:is|are|was|were|be|been|being) told", "is notified, learns, receives, is asked; of a text: is reported, logged"),
    (r"in vain", "without success"),
    (r"for (?:good|ever)(?= and)", "forever"),
    (r"for want of|mishaps?|mends?|mended|sees? to it|to be had|afresh|one's own|upon", "plain words"),
    (r"houses?|floors?(?!\()|roofs?", "layer"),
    (r"doors?|side_doors?", "HTTP endpoint; listener"),
    (r"graveyards?|seats?|yardsticks?|fountains?|parrots?|desks?|\w+_desk", "what it is"),
    (r"blam(?:e|es|ed|ing)\w*|blames_\w+", "refuse"),
    (r"go(?:es)? by (?:the|whether|how)|hand(?:s|ed)? back|hangs? up|vouch\w*|hijack\w*", "plain words"),
    (r"for ever|on its way may|as it stands|lead(?:s)? nowhere|an eye on", "plain words"),
    (r"whom(?:ever)?|told_\w+|tell_\w+|\w+_told", "the one that; report, notify, log"),
    (r"by and by|ever so|all the same|nay|aught|naught|albeit|upon", "plain words"),
]
PATTERNS = [(re.compile(rf"\b(?:{word})\b", re.IGNORECASE), instead) for word, instead in RETIRED]
SUFFIXES = {".hpp", ".cpp", ".py", ".sh", ".md", ".txt", ".cmake", ".js", ".html", ".build", ""}


def tracked():
    """The files that git tracks or would track; in a tree without git, all files except those of builds."""
    if shutil.which("git") and (ROOT / ".git").exists():
        listing = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
                                 capture_output=True, text=True, check=True)
        return listing.stdout.splitlines()
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return sorted(str(one) for one in files if not one.parts[0].startswith("build") and "node_modules" not in one.parts)


def problems_in(name, text):
    """Yields one sentence for each retired word of a text."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, instead in PATTERNS:
            for match in pattern.finditer(line):
                yield f"{name}:{number}: \"{match[0]}\" is a word that we gave up; say: {instead}"


def main():
    folders = tuple(sys.argv[1:])
    problems = []
    for name in tracked():
        path = ROOT / name
        if name.startswith(EXEMPT) or (folders and not name.startswith(folders)) or path.suffix not in SUFFIXES or not path.is_file():
            continue
        problems += problems_in(name, path.read_text(errors="replace"))
    print("\n".join(problems) or "no word that was given up")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
