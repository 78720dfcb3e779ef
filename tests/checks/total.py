#!/usr/bin/env python3
"""Prints the failures of a test run, and as the last line `N passed, N failed`.

Usage: total.py RESULTS.xml    as written by ctest --output-junit

A doctest program counts as its number of test cases, every other test as one. A test case that reports that it is skipped,
because something that it needs is missing, does not count as passed.
"""
import re
import sys
import xml.etree.ElementTree

LINES_SHOWN = 60
TEST_CASES = re.compile(r"^\[doctest\] test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed", re.MULTILINE)
SKIPPED = re.compile(r"MESSAGE: skipped: ")


def outcome_of(test):
    """(passed, failed, skipped) of one entry."""
    status, output = test.get("status"), test.findtext("system-out") or ""
    summary, mark = TEST_CASES.search(output), test.find("skipped")
    skipped = len(SKIPPED.findall(output)) if summary else 0
    passed = int(summary[1]) - skipped if summary else 1
    if status == "run":
        return passed, 0, skipped
    if mark is not None and mark.get("message").startswith("SKIP_"):
        return (passed, 0, skipped) if summary else (0, 0, 1)
    # A program that crashed or hung may have no failed test case, or no summary.
    return (passed, max(1, int(summary[2])), skipped) if summary else (0, 1, 0)


def main():
    tests = list(xml.etree.ElementTree.parse(sys.argv[1]).getroot().iter("testcase"))
    outcomes = [outcome_of(test) for test in tests]
    for test, (_, failures, _) in zip(tests, outcomes):
        if failures:
            output = (test.findtext("system-out") or "").rstrip().splitlines()
            print(f"\n--- {test.get('name')} failed ---", *output[-LINES_SHOWN:], sep="\n")
    passed, failed, skipped = (sum(column) for column in zip(*outcomes)) if outcomes else (0, 0, 0)
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
