#!/usr/bin/env python3
"""Compares a worker as an HTTP server with servers that Debian has packages of, all on loopback.

Usage: server_bench.py [--rounds 5] [--seconds 4] [--connections 10000] [--starts 20] [--quick]

A request is a POST that is a job. It goes through the server, the queue and the worker to the handler, which returns its input
at once. The other servers: an echo with Boost.Beast on one thread, cpp-httplib, nginx with a constant response, FastAPI with
uvicorn. Those that are not installed are listed and left out; on Debian: apt-get install wrk libboost-dev libcpp-httplib-dev
nginx python3-fastapi python3-uvicorn. All servers run all the time. wrk sends requests to them in turn, with 64 connections, so
that a machine that slows down slows all of them. Prints requests per second and CPU time per request of each round, the medians
with the worker's ratios, the latencies at about half of that load (wrk with a pause before each request), the memory and CPU
time of an idle connection, and the time from the start of the process to its first response, next to that of queue_bench.py's
bare libcurl loop to its first take. On a machine with other work, compare CPU times.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BODY = '{"prompt":"hello","tokens":[1,2,3,4]}'
POST = 'wrk.method = "POST"\nwrk.body = \'' + BODY + '\'\nwrk.headers["Content-Type"] = "application/json"\n'
FASTAPI = """from fastapi import FastAPI, Request
app = FastAPI()
@app.post("/")
async def echo(request: Request):
    return await request.json()
"""
NGINX = """worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
server {{ listen 127.0.0.1:{port}; location / {{ default_type application/json; return 200 '{body}'; }} }} }}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build(folder, name, standard="c++20", library=()):
    program = folder / name
    made = subprocess.run([os.environ.get("CXX", "g++"), f"-std={standard}", "-O2", "-DNDEBUG", "-pthread", f"-I{ROOT}/include",
                           ROOT / f"tests/bench/{name}.cpp", "-o", program, *library], stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode != 0 and name == "server_worker":
        sys.exit(made.stderr)
    return program if made.returncode == 0 else None


def servers(folder):
    """Returns the worker's program, and for each installed server a function from its port to its command, by name."""
    worker = build(folder, "server_worker")
    found = {"worker": lambda port: [worker, "--serve", "--rp_api_port", str(port)]}
    for name in ("beast", "httplib"):
        if program := build(folder, "server_" + name, "c++17", ["-lcpp-httplib"] if name == "httplib" else []):
            found[name] = lambda port, program=program: [program, str(port)]
    if nginx := shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
        def start_nginx(port):
            (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, body=BODY))
            return [nginx, "-c", folder / "nginx.conf", "-p", folder]
        found["nginx"] = start_nginx
    python = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
    if subprocess.run([python, "-c", "import fastapi, uvicorn"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        (folder / "echo_app.py").write_text(FASTAPI)
        found["fastapi"] = lambda port: [python, "-m", "uvicorn", "--app-dir", folder, "--port", str(port),
                                         "--log-level", "error", "echo_app:app"]
    return worker, found


@contextlib.contextmanager
def running(command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RUNPOD_", "PORT"))}
    process = subprocess.Popen(command, env=environment | {"RUNPOD_DEBUG_LEVEL": "ERROR"}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def connect(port, until):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except OSError:
            if time.monotonic() > until:
                raise


def first_answer(port):
    request = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
    with connect(port, time.monotonic() + 20) as client:
        client.sendall(request.encode())
        answer = client.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"port {port} responded with {answer!r}")


def children(pid):
    found = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, found)]


def cpu_seconds(pid):
    total = 0
    for one in children(pid):
        fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid):
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def microseconds(text):
    number, unit = re.match(r"([\d.]+)(\w+)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}[unit]


def wrk(port, script, seconds, connections=64):
    text = subprocess.run(["wrk", f"-c{connections}", "-t1", f"-d{seconds}", "--latency", "-s", script, f"http://127.0.0.1:{port}/"],
                          capture_output=True, text=True, check=True).stdout
    if re.search(r"Non-2xx", text):
        raise SystemExit(text)
    found = {name: microseconds(re.search(rf"^\s*{name}%\s+(\S+)", text, re.MULTILINE).group(1)) for name in ("50", "99")}
    found["rate"] = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    found["requests"] = int(re.search(r"(\d+) requests in", text).group(1))
    return found


def compare(found, rounds, seconds, folder):
    script = folder / "post.lua"
    script.write_text(POST)
    rates = {name: [] for name in found}
    costs = {name: [] for name in found}
    with contextlib.ExitStack() as stack:
        ports = {}
        processes = {}
        for name, command in found.items():
            ports[name] = free_port()
            processes[name] = stack.enter_context(running(command(ports[name])))
            first_answer(ports[name])
        print("requests/s, 64 connections (CPU time per request)")
        for number in range(rounds):
            line = []
            for name in found:
                before = cpu_seconds(processes[name].pid)
                seen = wrk(ports[name], script, seconds)
                rates[name].append(seen["rate"])
                costs[name].append((cpu_seconds(processes[name].pid) - before) / seen["requests"] * 1e6)
                line.append(f"{name} {seen['rate']:8.0f} ({costs[name][-1]:5.1f} us)")
            print(f"  round {number + 1}: " + "  ".join(line), flush=True)
        worker = statistics.median(rates["worker"])
        for name in found:
            ratios = [mine / its for mine, its in zip(rates["worker"], rates[name])]
            print(f"  {name:8} {statistics.median(rates[name]):8.0f}/s  {statistics.median(costs[name]):5.1f} us"
                  f"   worker is {statistics.median(ratios):.2f} x that")
        # Each connection pauses for a whole number of milliseconds, so that the total rate is about half.
        pause = max(1, round(64 / (worker / 2) * 1000 - 0.5))
        script.write_text(POST + f"function delay() return {pause} end\n")
        print(f"latency at about half of that (each connection pauses for {pause} ms)")
        for name in found:
            if name == "fastapi":
                continue
            seen = [wrk(ports[name], script, seconds) for _ in range(3)]
            median, last = (statistics.median(one[key] for one in seen) for key in ("50", "99"))
            print(f"  {name:8} {statistics.median(one['rate'] for one in seen):8.0f}/s  median {median:.0f} us,"
                  f" 99% {last:.0f} us: {last / median:.1f} x")


def idle(worker, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    kinds = {"keep-alive": ([], b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n1"),
             "event stream": (["--quiet"], b"POST / HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nContent-Length: 1\r\n\r\n1")}
    for name, (first, request) in kinds.items():
        port = free_port()
        with running([worker, *first, "--serve", "--rp_api_port", str(port)]) as process:
            clients = [connect(port, time.monotonic() + 20)]
            try:
                for client in clients:
                    client.sendall(request)
                    client.recv(4096)
                before = resident_bytes(process.pid)
                for _ in range(count):
                    clients.append(connect(port, time.monotonic() + 20))
                    clients[-1].sendall(request)
                    clients[-1].recv(4096)
                time.sleep(1)
                grown = resident_bytes(process.pid) - before
                cpu = cpu_seconds(process.pid)
                time.sleep(5)
                print(f"{count} idle connections ({name}): {grown / count / 1024:.1f} KiB each,"
                      f" {(cpu_seconds(process.pid) - cpu) / 5:.3f} s of CPU per second", flush=True)
            finally:
                for client in clients:
                    client.close()


def first_take(program):
    """Seconds from the start of queue_bench.py's bare loop to its first request."""
    with socket.create_server(("127.0.0.1", 0)) as queue:
        base = f"http://127.0.0.1:{queue.getsockname()[1]}/"
        begin = time.monotonic()
        with subprocess.Popen([program, "--concurrency", "1", "--jobs", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env=os.environ | {"RUNPOD_POD_ID": "bare", "RUNPOD_AI_API_KEY": "none", "RUNPOD_WEBHOOK_GET_JOB": base + "take", "RUNPOD_WEBHOOK_POST_OUTPUT": base + "done/$ID"}) as process:
            queue.settimeout(20)
            client, _ = queue.accept()
            with client:
                client.recv(1)
                took = time.monotonic() - begin
            process.kill()
    return took


def starts(found, bare_loop, count):
    print("from the start of the process to its first response; of the bare loop of queue_bench.py to its first take")
    medians = {}
    names = [name for name in ("worker", "bare loop", "beast") if name in found or name == "bare loop" and bare_loop]
    spans = {name: [] for name in names}
    for _ in range(count):
        for name in names:
            if name == "bare loop":
                spans[name].append(first_take(bare_loop))
                continue
            port = free_port()
            begin = time.monotonic()
            with running(found[name](port)):
                first_answer(port)
                spans[name].append(time.monotonic() - begin)
    for name in names:
        medians[name] = statistics.median(spans[name])
        print(f"  {name:9} {medians[name] * 1000:6.2f} ms" +
              (f"   worker is {medians['worker'] / medians[name]:.2f} x that" if name != "worker" else ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.rounds, wanted.seconds, wanted.connections, wanted.starts = 1, 1, 500, 3
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed; on Debian: apt-get install wrk")
    json.loads(BODY)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        worker, found = servers(folder)
        left_out = [one for one in ("beast", "httplib", "nginx", "fastapi") if one not in found]
        if left_out:
            print("not installed, so left out: " + ", ".join(left_out))
        compare(found, wanted.rounds, wanted.seconds, folder)
        idle(worker, wanted.connections)
        starts(found, build(folder, "queue_bare_loop", library=["-lcurl"]), wanted.starts)


if __name__ == "__main__":
    main()
