#!/usr/bin/env python3
"""Checks that every public class, function, concept, constant and option field has a doc comment that says something.

Usage: documented.py

A public name is one of namespace coworker, or of a namespace in it that is not detail. A field counts where its struct's name
says options, limits, metrics or summary. A doc comment says something if it has three words or more; that of a field with a
duration or a size names a unit, a default or what is counted.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guide_names import HEADERS, INTERNAL, name_of  # noqa: E402

NO_DECLARATION = re.compile(r"^(?:[#}/ \t]|$|namespace\b|static_assert\b|friend\b|extern\b|public:|private:|protected:)")
STRUCT_OF_FIELDS = re.compile(r"^struct (\w*(?:options|limits|metrics|summary))\b[^;]*\{$")
FIELD = re.compile(r"^  (?!using\b|static\b|friend\b|template\b|bool operator|return\b|if\b)[\w:<>,*& ]+?\b(\w+)(?:\s*=[^;]*|\s*\{[^;]*\})?;")
UNIT = re.compile(r"\b(?:default|bytes?|characters?|jobs?|seconds?|milliseconds|time|when|long|since|until|share|number|count|many|most|"
                  r"least|depth|levels?|items|elements|chunks?|slots?|threads?|connections?|requests?|sequences|windows?|a second|per|batch\w*|calls?|bound\w*|p\d\d|median)\b", re.IGNORECASE)


def has_namespace(namespaces):
    parts = [part for name in namespaces for part in name.split("::")]
    return "coworker" in parts and not any(part in INTERNAL for part in parts)


def declared(code):
    """The name that a declaration introduces and that needs a comment, or None."""
    if re.match(r"^(?:template\s*<[^{;]*>\s*)?(?:class|struct|enum|union)(?: class)?\s+[\w:<>, ]+;", code):
        return None  # only said to exist
    if re.match(r"^template\s*<>", code) or "operator" in code.split("{")[0]:
        return None
    head = code.split("{")[0]
    if re.search(r"\b\w+(?:<[^()]*>)?::~?\w+\s*\(", head) or re.search(r"\)\s*->\s*[a-z_]+<", head) and "auto" not in head:
        return None  # defined elsewhere; a deduction guide
    if "COWORKER_REFUSE" in head or "COWORKER_CHECKS" in head and "detail::" in head:
        return None
    return name_of(code)


def problems_in(header, text):
    """Yields one sentence for each public name of a header that lacks a comment."""
    lines, namespaces, documented = text.splitlines(), [], set()
    missing, at = [], 0
    while at < len(lines):
        line = lines[at]
        if match := re.match(r"^(?:inline )?namespace ([\w: ]+?) \{", line):
            namespaces.append(match[1].replace("inline ", ""))
        elif re.match(r"^\}\s*// namespace", line) and namespaces:
            namespaces.pop()
        if NO_DECLARATION.match(line) or not has_namespace(namespaces):
            at += 1
            continue
        first, code = at, []
        while at < len(lines) and len(code) < 14:
            code.append(lines[at].strip())
            at += 1
            if code[-1].endswith(("{", ";", "}")):
                break
        joined = " ".join(code)
        comment = []
        above = first - 1
        while above >= 0 and lines[above].startswith("///"):
            comment.insert(0, lines[above][3:].strip())
            above -= 1
        name = declared(joined)
        if name is not None:
            if comment and len(" ".join(comment).split()) >= 3:
                documented.add(name)
            elif not comment:
                missing.append((first + 1, name))
            else:
                yield f"{header}:{first + 1}: the comment of {name} says too little: {' '.join(comment)}"
        if STRUCT_OF_FIELDS.match(joined):
            yield from problems_of_fields(header, lines, at)
    for number, name in missing:
        if name not in documented:  # one comment for all overloads
            yield f"{header}:{number}: {name} has no doc comment"


def problems_of_fields(header, lines, at):
    depth, comment = 1, []
    while at < len(lines) and depth > 0:
        line = lines[at]
        depth += line.count("{") - line.count("}")
        if line.strip().startswith("///"):
            comment.append(line.strip()[3:])
        elif depth == 1 and (match := FIELD.match(line)) and "(" not in line.split("=")[0]:
            words = " ".join(comment + line.split("///<")[1:])
            below = at + 1
            while below < len(lines) and lines[below].strip().startswith("///<"):
                words += lines[below].strip()[4:]
                below += 1
            if not words.strip():
                yield f"{header}:{at + 1}: the field {match[1]} has no doc comment"
            elif re.match(r"^  (?:duration|std::size_t)\b", line) and not UNIT.search(words):
                yield f"{header}:{at + 1}: the comment of {match[1]} names no unit and no default: {words.strip()}"
            comment = []
        elif line.strip():
            comment = []
        at += 1


def main():
    problems = []
    for path in sorted(HEADERS.rglob("*.hpp")):
        problems += problems_in(str(path.relative_to(HEADERS.parent)), path.read_text())
    print("\n".join(problems) or "every public name is documented")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
