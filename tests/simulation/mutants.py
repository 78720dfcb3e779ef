#!/usr/bin/env python3
"""Shows that the simulation notices what it is there for: puts one deliberate bug at a time into a copy of the headers,
and counts the seeds until tests/simulation/run_seeds finds it. A bug that is not found means that an invariant is missing.

Usage: mutants.py [--compiler CXX] [--seeds N] [--only NAME] [--third 0|1|2] [--jobs N]

Ends with 1 when a bug was not found in N seeds (10,000 by default), or when a mutant does not fit the source any more: its
old text must stand there exactly once.
"""
import argparse
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUEUE, POSTER, JOBS = "transport/runpod/queue.hpp", "transport/runpod/poster.hpp", "transport/runpod/job_list.hpp"
ANSWERS, WORKER, RUN = "transport/runpod/responses.hpp", "worker/worker_run.hpp", "worker/run_jobs.hpp"
STREAM, PROGRESS, WIND_DOWN = "job/chunk_stream.hpp", "worker/send_progress.hpp", "worker/wind_down.hpp"

# Name, header, old text, new text.
MUTANTS = [
    ("a result is dropped on 429", ANSWERS, "status == 413 || status == 422) return", "status == 413 || status == 422 || status == 429) return"),
    ("a post without an answer counts as accepted", ANSWERS,
     "? post_answer::unsendable : post_answer::try_again;\n", "? post_answer::unsendable : post_answer::accepted;\n"),
    ("a result is given up after one try", POSTER, "const bool last = (here >= deadline &&",
     "const bool last = (here >= deadline - options_.delivery_deadline &&"),
    ("results are posted again without a pause", POSTER,
     "co_await hurry_.wait_until(once_more || wait < deadline - here ? here + wait : deadline);", "static_cast<void>(wait);"),
    ("takes are sent again without a pause", QUEUE, "delay_takes_until(detail::after(asked, idle_backoff_.next()));", ";"),
    ("what is given up is not kept in the spool", POSTER, "if (kept != nullptr) keep(", "if (false) keep("),
    ("an outcome replaces one that may have been accepted", POSTER, "if (first.perhaps_accepted) {", "if (false) {"),
    ("a take that is stopped drops its answer", QUEUE, "  co_return detail::insist([&] { return read_jobs(",
     "  const stop_token stop = co_await this_coro::stop_token();\n  stop.throw_if_stopped();\n"
     "  co_return detail::insist([&] { return read_jobs("),
    ("all posts carry one request id", POSTER, "header_line(\"X-Request-ID\", job_id)", "header_line(\"X-Request-ID\", \"job-0\")"),
    ("a job handed over twice is run twice", RUN, "return core_.in_progress.add(record->id); })) {",
     "return core_.in_progress.add(record->id); }) && record->id.empty()) {"),
    ("a bad item costs its batch", JOBS, "      found.push_back(std::move(*made));\n  };", "      found.push_back(std::move(*made));\n    else\n      found.clear();\n  };"),
    ("heartbeats forget a job while its result is posted", RUN, "  job_ended(record, co_await",
     "  core_.in_progress.remove(record.id);\n  job_ended(record, co_await"),
    ("heartbeats name jobs that have ended", RUN, "  core_.in_progress.remove(record.id);\n",
     "  core_.in_progress.remove(record.id);\n  core_.in_progress.add(*new std::string(record.id));\n"),
    ("a chunk is posted once and then forgotten", POSTER,
     "co_await post_until_settled(request, nullptr, options_.delivery_deadline, false, true);",
     "posted{ending::accepted, {}};\n    co_await send(request, parts_cut_off_->get_token());"),
    ("heartbeats stop at the first refusal", "transport/runpod/heartbeat.hpp", "if (!detail::worth_another_ping(response)) break;",
     "if (!detail::worth_another_ping(response)) co_return;"),
    ("the heart waits for an answer to end", "transport/runpod/heartbeat.hpp", "ping.timeout_to_end = true;", ""),
    ("whoever waits for a turn is not woken", "exec/semaphore.hpp", "detail::wake_first(waiting_).granted = true;",
     "waiting_.pop_front().granted = true;"),
    ("a slot opens before its result is posted", "worker/slots.hpp", "return handlers + delivering;\n    return", "return handlers;\n    return"),
    ("jobs asked for already are asked for again", "worker/slots.hpp", "- waiting - requested;", "- waiting;"),
    ("a stop ends all jobs", WORKER, "watch_.stop(*running, outcome::stop(\"stopped: a stop was requested\"),",
     "watch_.stop_all(\"stopped: a stop was requested\","),
    ("a stop reaches nobody", WORKER, "watch_.stop(*running, outcome::stop(\"stopped: a stop was requested\"), executor_.now());", ""),
    ("the grace period has no end", WIND_DOWN, "    watch_.stop_all(at_once ?", "    if (at_once) watch_.stop_all(at_once ?"),
    ("the grace period is over at once", WIND_DOWN, "last_call = after(now, core_.options.grace_period);", "last_call = now;"),
    ("a result does not wait for progress", PROGRESS, "while (state.sending) co_await state.sent.wait();", ""),
    ("a result waits for the first progress only", PROGRESS, "while (state.sending) co_await", "if (state.sending) co_await"),
    ("progress is reported after the handler's end", RUN, "    record.progress.close();\n", ""),
    ("an element of a stream replaces those that wait", STREAM, "pending_.push_back(std::move(element));", "pending_ = json::array({std::move(element)});"),
    ("what waits when a stream ends is not sent", STREAM, "while (!broken_ && pending_size_ != 0) {", "while (!broken_ && pending_size_ != 0 && !finished_) {"),
    ("stops are asked for again without a pause", "transport/runpod/stop_channel.hpp", "    co_await sleep_for(wait);", "    if (named.items.empty()) co_await sleep_for(wait);"),
    ("what a modifier throws ends the worker", "scale/modifier.hpp", "    return {measured.limit, limit_decision::fault::threw,",
     "    throw;\n    return {measured.limit, limit_decision::fault::threw,"),
    ("the modifier is asked without a pause", WORKER, "  ask_again_ = after(now, core_.options.modifier_interval);\n", ""),
    ("pauses are drawn from the wall clock", "exec/backoff.hpp", "    const double share = 0.5 + 0.5 * random_.fraction();",
     "    random_ = random_source(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));\n"
     "    const double share = 0.5 + 0.5 * random_.fraction();"),
]


def fits(mutant):
    """Nothing, or why the mutant cannot be put into the source."""
    _, header, old, _ = mutant
    count = (ROOT / "include" / "coworker" / header).read_text().count(old)
    return "" if count == 1 else f"{mutant[0]}: its old text stands {count} times in {header}, not once: {old!r}"


def build(folder, compiler, header, old, new):
    include = folder / "include"
    shutil.copytree(ROOT / "include", include)
    path = include / "coworker" / header
    path.write_text(path.read_text().replace(old, new))
    program = folder / "run_seeds"
    subprocess.run([compiler, "-std=c++20", "-O0", "-pthread", "-I", include, "-I", ROOT / "tests",
                    ROOT / "tests" / "simulation" / "run_seeds.cpp", "-o", program],
                   check=True, capture_output=True, text=True, timeout=300)
    return program


def find(arguments, mutant):
    """A line of the table, and whether the bug was found."""
    name, header, old, new = mutant
    with tempfile.TemporaryDirectory() as folder:
        try:
            program = build(pathlib.Path(folder), arguments.compiler, header, old, new)
            run = subprocess.run([program, "--seeds", str(arguments.seeds), "--threads", "1"], check=False,
                                 capture_output=True, text=True, timeout=300)
        except subprocess.CalledProcessError as error:
            return f"{name}: does not compile: {error.stderr[:2000]}", False
        except subprocess.TimeoutExpired:
            return f"{name}: did not end in time", False
    seed = re.search(r"--seed (\d+)$", run.stdout, re.MULTILINE)
    broken = re.search(r"^violated: (\w+)", run.stdout, re.MULTILINE)
    if run.returncode < 0:
        return f"{name:55}         the program ended by signal {-run.returncode}: {run.stderr.strip().partition(chr(10))[0][:60]}", True
    if run.returncode != 1 or not seed or not broken:
        return f"{name}: NOT FOUND in {arguments.seeds} seeds (exit {run.returncode}) {run.stderr[-300:]}", False
    return f"{name:55} {seed[1]:>6}  {broken[1]}", True


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--third", type=int, choices=range(3), help="only every third mutant, beginning with that one")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    if misfits := [problem for mutant in MUTANTS if (problem := fits(mutant))]:
        sys.exit("\n".join(misfits))
    chosen = [mutant for mutant in MUTANTS if arguments.only in mutant[0]]
    if arguments.third is not None:
        chosen = chosen[arguments.third::3]
    print(f"{'bug':55} {'seeds':>6}  what was violated", flush=True)
    missed = len(chosen) == 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for line, found in pool.map(lambda mutant: find(arguments, mutant), chosen):
            print(line, flush=True)
            missed += not found
    print(f"{len(chosen) - missed} passed, {missed} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
