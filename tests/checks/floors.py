#!/usr/bin/env python3
"""Checks that each header includes only its own floor and those below it, and no header that costs too much, that
coworker.hpp leads to every one of them, and that all names live in the inline namespace of the version.

Usage: floors.py [INCLUDE_DIR]
"""
import pathlib
import re
import sys

# From the top of the house down. A name that ends in / is a folder.
FLOORS = ["simulation/", "start.hpp", "start/", "worker.hpp", "worker/", "transport/", "scale/", "job/", "typed/", "http/", "net/", "exec/", "coro/", "log.hpp", "log/", "json/",
          "refusal.hpp", "system.hpp", "version.hpp"]
ROOF = "coworker.hpp"  # includes everything; nothing includes it
SIMULATION = "simulation/"  # on top of all else, and only for those who ask for it
CURL_BASICS = "http/curl/basics.hpp"
CURL_REDIRECT = "http/curl/redirect.hpp"
CURL_EXCHANGE = "http/curl/exchange.hpp"
CURL_DIAGNOSIS = "http/curl/diagnosis.hpp"
CURL_PATIENCE = "http/curl/patience.hpp"
CURL_TRANSFERS = "http/curl/transfers.hpp"
CURL_CLIENT = "http/curl/client.hpp"
CURL_OPEN_SOCKET = "http/curl/open_socket.hpp"
CALL_RULES = "http/curl/call_rules.hpp"
CALL_HOP = "http/curl/call_hop.hpp"
CALL_SOCKETS = "http/curl/call_sockets.hpp"
CALL_DRIVER = "http/curl/call_driver.hpp"
CALL_TRANSFER = "http/curl/call_transfer.hpp"
CALL_SETUP = "http/curl/call_setup.hpp"
CALL = "http/call.hpp"
DOWNLOAD = "http/download.hpp"
S3_PUT = "http/s3_put.hpp"
ENDPOINT_CLIENT = "transport/runpod/endpoint_client.hpp"
RUNPOD_ENGINE = "transport/runpod/engine.hpp"
RUNPOD_MODE = "start/runpod_mode.hpp"
WEBHOOK_THREAD = "start/webhook_thread.hpp"
OTLP_THREAD = "start/otlp_thread.hpp"
# Headers that need libcurl, each with the only ones that may include it.
NEED_CURL = {CURL_BASICS: (CURL_REDIRECT, CURL_EXCHANGE, CURL_DIAGNOSIS, CURL_PATIENCE, CURL_TRANSFERS, CURL_CLIENT, CALL_DRIVER, CALL_TRANSFER),
             CURL_REDIRECT: (CURL_EXCHANGE, CURL_TRANSFERS, CURL_CLIENT, CALL_RULES, CALL_TRANSFER),
             CURL_OPEN_SOCKET: (CURL_EXCHANGE, CALL_TRANSFER),
             CURL_EXCHANGE: (CURL_DIAGNOSIS, CURL_PATIENCE, CURL_TRANSFERS, CURL_CLIENT),
             CURL_DIAGNOSIS: (CURL_TRANSFERS,), CURL_PATIENCE: (CURL_TRANSFERS, CALL_TRANSFER), CURL_TRANSFERS: (CURL_CLIENT,),
             CURL_CLIENT: (RUNPOD_ENGINE, WEBHOOK_THREAD, OTLP_THREAD), OTLP_THREAD: ("start.hpp",), RUNPOD_ENGINE: (RUNPOD_MODE,), WEBHOOK_THREAD: ("start.hpp",), RUNPOD_MODE: ("start.hpp",),
             CALL_RULES: (CALL_HOP,), CALL_HOP: (CALL_TRANSFER, CALL), CALL_SOCKETS: (CALL_DRIVER,), CALL_DRIVER: (CALL_TRANSFER, CALL),
             CALL_TRANSFER: (CALL_SETUP, CALL), CALL_SETUP: (CALL,), CALL: (DOWNLOAD, S3_PUT, ENDPOINT_CLIENT, "coworker.hpp"),
             DOWNLOAD: ("coworker.hpp",), S3_PUT: ("coworker.hpp",), ENDPOINT_CLIENT: ("coworker.hpp",)}
TOO_HEAVY = {"regex", "iostream", "sstream", "format", "ranges", "filesystem", "functional", "map", "unordered_map", "deque", "random"}
# These too, with the places that may: <coworker/coro/clock.hpp> has what of <chrono> is light, shared_handle is lighter than
# what <memory> has, and what only some build may use more.
ONLY_IN = {"chrono": ("coro/clock.hpp",), "memory": ("http/curl/", "http/call", "http/download.hpp", "simulation/"), "thread": ("exec/thread.hpp", "transport/runpod/engine.hpp", "simulation/")}

DIRECTIVE = re.compile(r"^\s*#\s*(if|ifdef|ifndef|endif|include)\b\s*(.*?)\s*$")


def floor_of(header):
    """The index into FLOORS (0 is the top), or None for a header that stands on none."""
    for index, floor in enumerate(FLOORS):
        if header == floor or (floor.endswith("/") and header.startswith(floor)):
            return index
    return None


def includes_of(path):
    """Yields (line number, include as written, the #if conditions around it)."""
    conditions = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = DIRECTIVE.match(line)
        if not match:
            continue
        directive, rest = match.groups()
        if directive == "include":
            yield number, rest.split("//")[0].strip(), conditions
        elif directive == "endif":
            conditions.pop()
        else:
            conditions.append(f"{directive} {rest}")


def why_refused(header, written, conditions):
    """One sentence that says what is wrong with an include, or None."""
    if written.strip("<>") in TOO_HEAVY:
        return "this standard header costs every user too much compile time; find a lighter way"
    if not header.startswith(ONLY_IN.get(written.strip("<>"), header)):
        return f"this standard header costs every user too much compile time; only {', '.join(ONLY_IN[written.strip('<>')])} may include it"
    if not written.startswith("<coworker"):
        return "write project includes as <coworker/...>" if written.startswith('"') else None

    included = written[len("<coworker/"):-1]
    if header == ROOF:
        if included.startswith(SIMULATION) and not any("COWORKER_WITH_SIMULATION" in condition for condition in conditions):
            return "without #ifdef COWORKER_WITH_SIMULATION around it, everybody would pay for it"
        if included in NEED_CURL and not (header in NEED_CURL[included] and any("COWORKER_WITH_CURL" in condition for condition in conditions)):
            return "it needs libcurl, which most users do not have"
        return None
    if written == "<coworker.hpp>" or included == ROOF:
        return "it includes everything, so nothing may include it; name the header that is needed"
    if included in NEED_CURL:
        if header not in NEED_CURL[included]:
            return f"it needs libcurl, so that only {' and '.join(NEED_CURL[included])} may include it"
        if header not in NEED_CURL and not any("COWORKER_WITH_CURL" in condition for condition in conditions):
            return "without #ifdef COWORKER_WITH_CURL around it, everybody would need libcurl"
    own, other = floor_of(header), floor_of(included)
    if other is None:
        return "that header stands on no floor"
    if other < own:
        return f"{FLOORS[own]} stands below {FLOORS[other]}, and a header includes only its own floor and those below"
    return None


def find_cycle(graph):
    """A list of headers each of which includes the next, the first being the last again; or None."""
    done = set()

    def walk(header, trail):
        if header in trail:
            return trail[trail.index(header):] + [header]
        if header in done:
            return None
        for included in graph.get(header, []):
            if cycle := walk(included, trail + [header]):
                return cycle
        done.add(header)
        return None

    for header in graph:
        if cycle := walk(header, []):
            return cycle
    return None


def out_of_reach(graph, start):
    """The headers that including `start` does not include."""
    reached, waiting = set(), [start]
    while waiting:
        header = waiting.pop()
        if header not in reached:
            reached.add(header)
            waiting += graph.get(header, [])
    return sorted(set(graph) - reached)


def wrong_namespaces(path, version):
    """Yields what is wrong with the namespaces that a header opens."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.match(r"\s*namespace coworker\b", line) and f"coworker::inline {version}" not in line:
            yield f"{path}:{number}: write namespace coworker::inline {version}, so that versions can live side by side"


def version_namespace(folder):
    """v0_1, from version.hpp."""
    found = re.search(r'COWORKER_VERSION "(\d+)\.(\d+)\.', (folder / "version.hpp").read_text())
    return f"v{found[1]}_{found[2]}"


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / "include") / "coworker"
    problems, graph = [], {}
    version = version_namespace(folder) if (folder / "version.hpp").exists() else "v0_1"
    for path in sorted(folder.rglob("*.hpp")):
        header = path.relative_to(folder).as_posix()
        if header != ROOF and floor_of(header) is None:
            problems.append(f"{path}: stands on no floor; the floors are {', '.join(FLOORS)}")
            continue
        graph[header] = []
        problems += wrong_namespaces(path, version)
        for number, written, conditions in includes_of(path):
            if why := why_refused(header, written, conditions):
                problems.append(f"{path}:{number}: #include {written}: {why}")
            elif written.startswith("<coworker/"):
                graph[header].append(written[len("<coworker/"):-1])
    if cycle := find_cycle(graph):
        problems.append("headers include each other in a circle: " + " -> ".join(cycle))
    if lost := out_of_reach(graph, ROOF):
        problems.append(f"{folder / ROOF}: does not lead to everything; include {', '.join(lost)}")
    print("\n".join(problems) or f"{len(graph)} headers, each on its floor")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
