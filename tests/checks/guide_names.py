#!/usr/bin/env python3
"""Checks that the guide's last section, "All names", lists every public name once, under its header.

Usage: guide_names.py [--write]    --write writes the list into the guide

A public name is in namespace coworker, or in a nested namespace other than detail, and has a doc comment (///) that begins in
the first column.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = ROOT / "include" / "coworker"
GUIDE = ROOT / "examples" / "README.md"
TITLE = "## All names"
GROUPS = [("coro", "Coroutines"), ("exec", "Executors, and what coroutines share"), ("job", "Jobs and handlers"),
          ("typed", "Typed input"), ("scale", "How many jobs at once"), ("worker", "The worker"), ("start", "The program"),
          ("transport", "Queues"), ("http", "HTTP"), ("net", "Sockets"), ("json", "JSON"), ("log", "The log"),
          ("simulation", "Simulation"), ("", "The rest")]
INTERNAL = ("detail", "signing")
OUTER = ("coworker", "v0_1")  # namespaces that a user does not write
TYPE = re.compile(r"^(?:template\b.*>\s*)?(?:requires\b.*?\s)?(?:class|struct|enum class|enum|concept|using)\s+(?:\[\[.*?\]\]\s*)?(?:coworker::)?(\w+)\b(?!\s*<)")
VARIABLE = re.compile(r"^(?:template\b.*>\s*)?inline (?:constexpr|const) [\w:<>, ]+?\b(\w+)\s*(?:=|\{)")
FUNCTION = re.compile(r"\b([a-z_]\w*)\s*\(")
NOT_A_NAME = {"requires", "noexcept", "decltype", "explicit", "gnu", "nodiscard", "deprecated", "sizeof", "alignas", "operator", "if",
              "diagnose_if", "__attribute__", "defined"}


def declarations(text):
    """Yields (lines of the doc comment, the declaration on one line) for each documented declaration in a public namespace."""
    namespaces, lines, at = [], text.splitlines(), 0
    while at < len(lines):
        line = lines[at]
        if match := re.match(r"^(?:inline )?namespace ([\w: ]+?) \{$", line):
            namespaces.append(match[1])
        elif re.match(r"^\}\s*// namespace", line) and namespaces:
            namespaces.pop()
        public = any(name.startswith("coworker") for name in namespaces) and not any(
            part in INTERNAL for name in namespaces for part in name.split("::"))
        if not (public and line.startswith("///")):
            at += 1
            continue
        comment = []
        while at < len(lines) and lines[at].startswith("///"):
            comment.append(lines[at][3:].strip())
            at += 1
        code = []
        while at < len(lines) and len(code) < 12:
            code.append(lines[at].strip())
            if lines[at].rstrip().endswith(("{", ";", "}")):
                break
            at += 1
        inner = [part for name in namespaces for part in name.split("::") if part.split()[-1] not in OUTER]
        yield comment, " ".join(code), "".join(part + "::" for part in inner)  # and its namespace, such as "http::" or ""


def name_of(code):
    code = re.sub(r"COWORKER_\w+\s*\((?:[^()]|\([^()]*\))*\)", " ", code)
    if match := TYPE.match(re.sub(r"^template\s*<.*?>\s*(?=(?:requires|class|struct|using|concept|inline))", "", code)) or TYPE.match(code):
        return match[1]
    if match := VARIABLE.match(code):
        return match[1]
    for name in FUNCTION.findall(re.sub(r"requires\s*\(.*?\)\s(?=\w)", " ", code)):
        if name not in NOT_A_NAME:
            return name
    return None


def first_sentence(comment):
    text = " ".join(line for line in comment)
    # A point or a colon inside `code` or parentheses does not end it.
    return re.match(r"(?:`[^`]*`|\([^()]*\)|[^.:]|[.:](?!\s|$))*", text)[0].strip()


def public_names():
    """{name: (header, first sentence)}. If several headers declare a name, the first header in the order of GROUPS counts."""
    found = {}
    for folder, _ in GROUPS:
        for path in sorted(HEADERS.rglob("*.hpp")):
            header = path.relative_to(HEADERS).as_posix()
            if group_of(header) != folder:
                continue
            for comment, code, inner in declarations(path.read_text()):
                name = name_of(code)
                if name is not None and inner + name not in found:
                    found[inner + name] = (header, first_sentence(comment))
    return found


def group_of(header):
    folder = re.split(r"[/.]", header)[0]
    return folder if folder in dict(GROUPS) else ""


def section():
    names = public_names()
    lines = [TITLE, "", "Each name with its header and the first sentence of its doc comment.", ""]
    for folder, title in GROUPS:
        own = sorted((header, name, text) for name, (header, text) in names.items() if group_of(header) == folder)
        if not own:
            continue
        lines += [f"### {title}", "", "| name | header | |", "|---|---|---|"]
        lines += [f"| `{name}` | {header} | {text.replace('|', chr(92) + '|')} |" for header, name, text in own]
        lines.append("")
    return "\n".join(lines)


def main():
    page = GUIDE.read_text()
    before, _, after = page.partition(TITLE + "\n")
    if sys.argv[1:] == ["--write"]:
        GUIDE.write_text(before.rstrip("\n") + "\n\n" + section())
        return 0
    listed = re.findall(r"^\| `([\w:]+)` \| ([\w/.]+) \|", after, re.MULTILINE)
    names = public_names()
    problems = [f"{name} ({names[name][0]}) is not in the guide" for name in sorted(set(names) - {name for name, _ in listed})]
    problems += [f"{name} is in the guide, but no header declares it" for name in sorted({name for name, _ in listed} - set(names))]
    problems += [f"{name} is listed under {header}, but is in {names[name][0]}" for name, header in listed
                 if name in names and names[name][0] != header]
    problems += [f"{name} is in the guide more than once" for name in sorted({name for name, _ in listed})
                 if [one for one, _ in listed].count(name) > 1]
    print("\n".join(problems + ["run tests/checks/guide_names.py --write to correct the list"] if problems else
                    [f"{len(names)} public names, each once in the guide"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
