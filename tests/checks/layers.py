#!/usr/bin/env python3
"""Checks that each header includes only its own layer and those below it, and no header that costs too much compile time;
that coworker.hpp includes every header, directly or not; and that all names are in the version's inline namespace.

Usage: layers.py [INCLUDE_DIR]
"""
import pathlib
import re
import sys

# From the top down. A name that ends in / is a folder.
LAYERS = ["simulation/", "start.hpp", "start/", "worker.hpp", "worker/", "transport/", "scale/", "job/", "typed/", "http/", "net/", "exec/", "coro/", "log.hpp", "log/", "json/",
          "refusal.hpp", "system.hpp", "version.hpp"]
EVERYTHING = "coworker.hpp"  # includes everything; nothing includes it
SIMULATION = "simulation/"  # the top layer, included only if COWORKER_WITH_SIMULATION is defined
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
# Headers that need libcurl, each with the only headers that may include it.
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
# Further heavy headers, each with the only headers that may include it. The others use <coworker/coro/clock.hpp> instead of
# <chrono>, and shared_handle instead of <memory>. Headers that only some programs include may cost more.
ONLY_IN = {"chrono": ("coro/clock.hpp",), "memory": ("http/curl/", "http/call", "http/download.hpp", "simulation/"), "thread": ("exec/thread.hpp", "transport/runpod/engine.hpp", "simulation/")}

DIRECTIVE = re.compile(r"^\s*#\s*(if|ifdef|ifndef|endif|include)\b\s*(.*?)\s*$")


def layer_of(header):
    """The index into LAYERS (0 is the top), or None for a header that belongs to none."""
    for index, layer in enumerate(LAYERS):
        if header == layer or (layer.endswith("/") and header.startswith(layer)):
            return index
    return None


def includes_of(path):
    """Yields (line number, the include as written, the #if conditions around it)."""
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
        return "this standard header costs every user too much compile time; use a lighter one"
    if not header.startswith(ONLY_IN.get(written.strip("<>"), header)):
        return f"this standard header costs every user too much compile time; only {', '.join(ONLY_IN[written.strip('<>')])} may include it"
    if not written.startswith("<coworker"):
        return "write project includes as <coworker/...>" if written.startswith('"') else None

    included = written[len("<coworker/"):-1]
    if header == EVERYTHING:
        if included.startswith(SIMULATION) and not any("COWORKER_WITH_SIMULATION" in condition for condition in conditions):
            return "without #ifdef COWORKER_WITH_SIMULATION around it, every user would pay for its compile time"
        if included in NEED_CURL and not (header in NEED_CURL[included] and any("COWORKER_WITH_CURL" in condition for condition in conditions)):
            return "it needs libcurl, which most users do not have"
        return None
    if written == "<coworker.hpp>" or included == EVERYTHING:
        return "it includes everything, so nothing may include it; name the header that is needed"
    if included in NEED_CURL:
        if header not in NEED_CURL[included]:
            return f"it needs libcurl, so only {' and '.join(NEED_CURL[included])} may include it"
        if header not in NEED_CURL and not any("COWORKER_WITH_CURL" in condition for condition in conditions):
            return "without #ifdef COWORKER_WITH_CURL around it, every user would need libcurl"
    own, other = layer_of(header), layer_of(included)
    if other is None:
        return "that header belongs to no layer"
    if other < own:
        return f"{LAYERS[own]} is below {LAYERS[other]}, and a header includes only its own layer and those below"
    return None


def find_cycle(graph):
    """A list of headers, each of which includes the next; the last is the first again. None if there is no cycle."""
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
    """Yields one sentence for each namespace that a header opens wrongly."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if re.match(r"\s*namespace coworker\b", line) and f"coworker::inline {version}" not in line:
            yield f"{path}:{number}: write namespace coworker::inline {version}, so that two versions can be in one program"


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
        if header != EVERYTHING and layer_of(header) is None:
            problems.append(f"{path}: belongs to no layer; the layers are {', '.join(LAYERS)}")
            continue
        graph[header] = []
        problems += wrong_namespaces(path, version)
        for number, written, conditions in includes_of(path):
            if why := why_refused(header, written, conditions):
                problems.append(f"{path}:{number}: #include {written}: {why}")
            elif written.startswith("<coworker/"):
                graph[header].append(written[len("<coworker/"):-1])
    if cycle := find_cycle(graph):
        problems.append("headers include each other in a cycle: " + " -> ".join(cycle))
    if lost := out_of_reach(graph, EVERYTHING):
        problems.append(f"{folder / EVERYTHING}: does not include every header; add {', '.join(lost)}")
    print("\n".join(problems) or f"{len(graph)} headers, each in its layer")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
