#!/usr/bin/env python3
"""Compares a worker over HTTP with a bare curl_multi loop that does the same takes and posts.

Usage: queue_bench.py [--concurrency 1,10,100] [--rounds 5] [--starts 15] [--cpu N] [--quick]
       queue_bench.py --idle SECONDS

Builds the test queue, the bare loop and the worker with $CXX or g++ (needs libcurl's headers) and runs them on loopback,
in turn, so that a machine that slows down slows all of them. Prints for each concurrency the jobs per second of each round,
the CPU time per job and the peak memory, with the worker's ratio to the bare loop; then the time from the start of the process
to its first take. The last line of each table has the medians of its columns, including the ratios. On a machine with other
work, compare CPU times. With one job at a time, client and server run alternately, and the cost of their wake-ups depends on
whether the kernel has put them on one core or two; --cpu keeps both on one core. --idle counts how often a worker without jobs
wakes up.
"""
import argparse
import collections
import contextlib
import os
import pathlib
import resource
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 60  # seconds for one run of one program
JOBS = {1: 10_000, 10: 40_000, 100: 60_000}

SOURCES = {
    "server": ("tests/support/queue_server_main.cpp", ["-Itests"]),
    "bare": ("tests/bench/queue_bare_loop.cpp", ["-lcurl"]),
    "worker": ("tests/bench/queue_worker.cpp", ["-DCOWORKER_WITH_CURL", "-lcurl"]),
}

# What is measured: the name, the program, and its environment variables in addition to the queue's.
Client = collections.namedtuple("Client", "name program environment")
BARE = Client("bare loop", "bare", {})
WORKERS = [Client("worker WARN", "worker", {"RUNPOD_LOG_LEVEL": "WARN"}),
           Client("worker INFO", "worker", {"RUNPOD_LOG_LEVEL": "INFO"})]

Run = collections.namedtuple("Run", "jobs_per_s cpu_us start_ms peak_kib")


class Failed(Exception):
    """A program failed. The text has its output."""


# --- building -----------------------------------------------------------------------------------------------

def build(folder):
    """Compiles the programs in parallel. Returns their paths by name."""
    compiling, programs = {}, {}
    for name, (source, arguments) in SOURCES.items():
        programs[name] = folder / name
        command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O2", "-DNDEBUG", "-pthread", "-Iinclude", source,
                   *arguments, "-o", programs[name]]
        compiling[name] = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    for name, process in compiling.items():
        problem = process.communicate()[1]
        if process.returncode != 0:
            raise Failed(f"{SOURCES[name][0]} does not compile:\n{problem[-2000:]}")
    return programs


# --- running ------------------------------------------------------------------------------------------------

def read_line(stream, what):
    """Returns the next line of an unbuffered stream. Throws Failed after LIMIT seconds."""
    deadline, line = time.monotonic() + LIMIT, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
        byte = stream.read(1) if ready else b""
        if not byte:
            raise Failed(f"{what} printed nothing within {LIMIT} s" if not ready else f"{what} ended too early")
        line += byte
    return line.decode()


@contextlib.contextmanager
def running(command, **arguments):
    """Runs a process, and kills it at the end of the block if it still runs."""
    process = subprocess.Popen(command, **arguments)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def queue(programs, jobs, hold_ms=5_000, limit=LIMIT):
    """Runs a test queue. Yields its process and the environment variables with its address."""
    command = [programs["server"], "--jobs", str(jobs), "--hold-ms", str(hold_ms), "--print-env", "--linger",
               "--limit-s", str(limit)]
    with running(command, stdout=subprocess.PIPE, bufsize=0) as server:
        variables = dict(os.environ)
        for _ in range(6):
            name, value = read_line(server.stdout, "the server").removeprefix("export ").strip().split("=", 1)
            variables[name] = value.strip("'")
        yield server, variables


def figures(line):
    return {name: float(value) for name, value in (part.split("=") for part in line.split())}


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def end(process, name):
    """Sends SIGTERM to a client, as the platform does. Throws Failed if it does not exit within 10 s."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        raise Failed(f"the {name} still ran 10 s after SIGTERM") from None


def measure(programs, client, concurrency, jobs):
    """One run of `jobs` jobs, from the first take to the last result."""
    with queue(programs, jobs) as (server, variables), tempfile.TemporaryFile() as complaints:
        command = [programs[client.program], "--concurrency", str(concurrency), "--jobs", str(jobs)]
        bare = client is BARE
        cpu_before, started = cpu_seconds(), time.monotonic_ns()
        with running(command, env=variables | client.environment, stderr=complaints, bufsize=0,
                     stdout=subprocess.PIPE if bare else subprocess.DEVNULL) as process:
            try:
                seen = figures(read_line(server.stdout, "the server"))
            except Failed as problem:
                complaints.seek(0)
                raise Failed(f"{client.name}: {problem}; it wrote: {complaints.read(2000).decode()}") from None
            if bare:
                peak = figures(read_line(process.stdout, client.name))["peak_kib"]
                process.wait(10)
            else:
                peak = peak_kib(process.pid)
                end(process, client.name)
        cpu = cpu_seconds() - cpu_before  # the server still runs, so this is the client's CPU time only
    if seen["duplicates"]:
        raise Failed(f"{client.name}: {seen['duplicates']:.0f} results were posted twice")
    return Run(seen["jobs_per_s"], cpu / jobs * 1e6, (seen["first_take"] - started) / 1e6, peak)


# --- what is printed ------------------------------------------------------------------------------------------

def table(title, clients, rows):
    """Prints one line per round, then the medians. A worker's figure is followed by its ratio to the bare loop's."""
    def line(label, row, ratios):
        cells = [f"{value:12.1f}" + (f" {ratio:7.3f}" if index else "")
                 for index, (value, ratio) in enumerate(zip(row, ratios))]
        print(f"{label:>8}" + "".join(cells))

    all_ratios = [[value / row[0] for value in row] for row in rows]
    print(f"\n{title}")
    print(f"{'round':>8}" + "".join(f"{client.name:>{12 if client is BARE else 20}}" for client in clients))
    for number, (row, ratios) in enumerate(zip(rows, all_ratios), 1):
        line(number, row, ratios)
    line("median", *([statistics.median(column) for column in zip(*of)] for of in (rows, all_ratios)))


def compare(programs, clients, arguments):
    for concurrency in arguments.concurrency:
        jobs = JOBS.get(concurrency, 40_000) // (50 if arguments.quick else 1)
        rounds = [[measure(programs, client, concurrency, jobs) for client in clients]
                  for _ in range(arguments.rounds)]
        table(f"concurrency {concurrency}: jobs per second ({jobs} jobs)", clients,
              [[run.jobs_per_s for run in runs] for runs in rounds])
        table(f"concurrency {concurrency}: CPU time per job, us, including start and end", clients,
              [[run.cpu_us for run in runs] for runs in rounds])
        table(f"concurrency {concurrency}: peak memory, KiB", clients,
              [[run.peak_kib for run in runs] for runs in rounds])
        sys.stdout.flush()
    starts = [[measure(programs, client, 1, 1).start_ms for client in clients] for _ in range(arguments.starts)]
    table("start of the process to its first take, ms", clients, starts)


def context_switches(pid):
    """The number of voluntary context switches of each thread."""
    counts = {}
    for status in sorted(pathlib.Path(f"/proc/{pid}/task").glob("*/status")):
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        counts[status.parent.name] = int(fields["voluntary_ctxt_switches"])
    return counts


def idle(programs, seconds):
    with queue(programs, 0, hold_ms=90_000, limit=seconds + LIMIT) as (_, variables):
        command = [programs["worker"], "--concurrency", "10"]
        with running(command, env=variables | {"RUNPOD_LOG_LEVEL": "WARN"}, stdout=subprocess.DEVNULL) as process:
            time.sleep(2)  # it has started and waits
            before = context_switches(process.pid)
            time.sleep(seconds)
            after = context_switches(process.pid)
            end(process, "worker")
    print(f"wake-ups of an idle worker in {seconds} s, by thread, the main thread first; it sends a heartbeat every 10 s:")
    for thread in after:
        print(f"{after[thread] - before.get(thread, 0):6}")
    print(f"{sum(after.values()) - sum(before.values()):6} in total")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--concurrency", default=[1, 10, 100],
                        type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="do a fiftieth of the work once: shows only that the benchmark works")
    parser.add_argument("--idle", type=int, metavar="SECONDS")
    parser.add_argument("--cpu", type=int, metavar="N", help="run client and server on that one CPU")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.starts = 1, 1
    clients = [BARE]
    if (ROOT / "include/coworker/http/curl/client.hpp").exists():
        clients += WORKERS
    else:
        del SOURCES["worker"]
        print("there is no worker over HTTP; only the bare loop is measured")
    try:
        with tempfile.TemporaryDirectory(prefix="queue_bench.") as folder:
            programs = build(pathlib.Path(folder))
            if arguments.cpu is not None:
                os.sched_setaffinity(0, {arguments.cpu})
            if arguments.idle:
                idle(programs, arguments.idle)
            else:
                compare(programs, clients, arguments)
    except Failed as problem:
        sys.exit(f"queue_bench.py: {problem}")


if __name__ == "__main__":
    main()
