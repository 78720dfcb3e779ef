#!/usr/bin/env python3
"""Runs a worker with limited memory against a queue that gives it a job of 12 MB, then a small one. Both must get a result,
whatever the limit, and the worker must keep running.

Usage: short_of_memory_test.py PROGRAM    PROGRAM is built from serve_program.cpp, with libcurl
"""
import http.server
import json
import os
import resource
import subprocess
import sys
import threading
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
MILLION = 1_000_000


class Queue(http.server.ThreadingHTTPServer):
    """Responds to each take with the next of the texts, then holds the takes. Keeps the bodies that are posted."""
    daemon_threads = True

    def __init__(self, takes):
        super().__init__(("127.0.0.1", 0), Handler)
        self.takes, self.results = takes, {}
        self.changed = threading.Condition()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a worker that is out of memory, or that ends, drops its connection

    def wait_for_results(self, count):
        with self.changed:
            return self.changed.wait_for(lambda: len(self.results) == count, timeout=60)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if not self.path.startswith("/job-take"):
            return self.answer(404)
        with self.server.changed:
            taken = self.server.takes.pop(0) if self.server.takes else None
            if taken is None:
                self.server.changed.wait(timeout=30)
        return self.answer(204) if taken is None else self.answer(200, taken)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.changed:
            self.server.results[self.path.rsplit("/", 1)[1].split("?")[0]] = json.loads(body)
            self.server.changed.notify_all()
        self.answer(200)


class ShortOfMemory(unittest.TestCase):
    def run_with(self, limit):
        large = {"id": "large", "input": {"answer": "x" * 12 * MILLION, "more": [0] * 1_500_000}}
        small = {"id": "small", "input": {"answer": "fine"}}
        queue = Queue([json.dumps([job]).encode() for job in (large, small)])
        address = f"http://127.0.0.1:{queue.server_port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUNPOD_")}
        worker = subprocess.Popen(
            [PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=inherited | {"RUNPOD_WEBHOOK_GET_JOB": address + "/job-take/$ID", "RUNPOD_POD_ID": "w",
                             "RUNPOD_WEBHOOK_POST_OUTPUT": address + "/job-done/$RUNPOD_POD_ID/$ID"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        try:
            all_there = queue.wait_for_results(2)
            worker.terminate()
            printed = worker.communicate(timeout=30)[0].decode(errors="replace")
        finally:
            worker.kill()
            queue.shutdown()
            queue.server_close()
        self.assertTrue(all_there, printed)
        self.assertEqual(worker.returncode, 0, printed)
        self.assertEqual(queue.results["small"], {"output": "fine"})
        return queue.results["large"]

    def test_both_jobs_get_a_result_whatever_the_limit(self):
        results = [self.run_with(limit * MILLION) for limit in (70, 90, 120, 160, 250, 1000)]
        for result in results:
            error = result.get("error", "")
            self.assertTrue("output" in result or "memory" in error or "bad_alloc" in error, str(result)[:300])
        self.assertIn("error", results[0])
        self.assertEqual(results[-1], {"output": "x" * 12 * MILLION})


if __name__ == "__main__":
    unittest.main()
