#!/usr/bin/env python3
"""Runs a program that calls start() as an HTTP server, in each of its modes, and sends it the requests of its clients.

Usage: serve_test.py PROGRAM [TEST...]    PROGRAM is built from serve_program.cpp
"""
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
PLATFORM = ("OTEL_", "RUNPOD_", "AWS_", "AIP_", "K_", "PORT", "COWORKER_", "HEALTH_")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment_with(environment):
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PLATFORM)}
    return inherited | environment


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.text = response.read().decode()

    @property
    def body(self):
        return json.loads(self.text)


class Server:
    """A running server. `lines` has what it logged before it was ready."""

    def __init__(self, *arguments, port=None, **environment):
        self.lines = []
        self.process = subprocess.Popen([PROGRAM, *arguments], env=environment_with(environment),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.port = port
        while True:
            line = self.process.stdout.readline().decode()
            if not line:
                raise AssertionError(f"the server ended: {self.lines} {self.process.stderr.read().decode()}")
            self.lines.append(line.rstrip("\n"))
            place = re.search(r"(?:Serving|Metrics) on http://([^:/]+|\[.*\]):(\d+)", line)
            if place:
                self.port = int(place.group(2))
                self.host = place.group(1)
                break

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.stdout.close()
            self.process.stderr.close()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            if body is not None and not isinstance(body, (str, bytes)):
                body = json.dumps(body)
            given = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body, given | (headers or {}))
            return Response(connection.getresponse())
        finally:
            connection.close()

    def leave(self):
        """Sends SIGTERM. Returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def refused(*arguments, **environment):
    done = subprocess.run([PROGRAM, *arguments], env=environment_with(environment), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, check=False)
    return done.returncode, done.stderr.decode().strip()


def wait_until(fact):
    due = time.monotonic() + 20
    while not fact():
        if time.monotonic() > due:
            raise AssertionError("the condition was not met within 20 s")
        time.sleep(0.02)


class QueueApi(unittest.TestCase):
    FLAGS = ("--rp_serve_api", "--rp_api_port", "0")

    def test_the_log_names_the_mode_and_the_address_and_a_job_runs(self):
        with Server(*self.FLAGS) as server:
            self.assertEqual(server.lines[1], "INFO   | Mode: the queue API by HTTP, because --rp_serve_api was given.")
            self.assertEqual(server.lines[2],
                             f"INFO   | Serving on http://localhost:{server.port} (console), /run, /runsync, /docs.")
            response = server.ask("POST", "/runsync", {"input": {"ms": 20, "answer": "hello"}})
            self.assertEqual((response.status, response.body["status"], response.body["output"]), (200, "COMPLETED", "hello"))
            run = server.ask("POST", "/v2/any/run", {"input": 7}).body
            wait_until(lambda: server.ask("GET", "/status/" + run["id"]).body["status"] == "COMPLETED")
            self.assertEqual(server.ask("GET", "/docs").status, 200)
            self.assertEqual(server.leave(), 0)

    def test_only_this_machine_may_send_requests(self):
        with Server(*self.FLAGS) as server:
            self.assertEqual(server.ask("GET", "/health", headers={"Host": "evil.example"}).status, 403)
            self.assertEqual(server.ask("POST", "/run", {"input": 1}, {"Origin": "http://evil.example"}).status, 403)
            own = f"localhost:{server.port}"
            self.assertEqual(server.ask("GET", "/health", headers={"Host": own, "Origin": "http://" + own}).status, 200)

    def test_on_all_addresses_it_warns_and_accepts_any_host(self):
        with Server(*self.FLAGS, "--rp_api_host", "0.0.0.0") as server:
            self.assertEqual(server.ask("GET", "/health", headers={"Host": "evil.example"}).status, 200)
            warning = server.process.stdout.readline().decode()
            self.assertIn("COWORKER_API_TOKEN", warning)

    def test_a_token_is_required_and_never_logged(self):
        with Server(*self.FLAGS, COWORKER_API_TOKEN="s3cret-token") as server:
            self.assertEqual(server.ask("GET", "/health").status, 401)
            self.assertEqual(server.ask("GET", "/health", headers={"Authorization": "Bearer s3cret-token"}).status, 200)
            wait_until(lambda: server.ask("GET", "/ping").status == 200)
            self.assertNotIn("s3cret-token", "\n".join(server.lines))

    def test_a_handler_that_blocks_delays_neither_health_nor_cancel(self):
        with Server("--block", *self.FLAGS) as server:
            running = server.ask("POST", "/run", {"input": {"ms": 60000}}).body["id"]
            wait_until(lambda: server.ask("GET", "/health").body["jobs"]["inProgress"] == 1)
            self.assertEqual(server.ask("POST", "/cancel/" + running).body["status"], "CANCELLED")
            self.assertEqual(server.ask("POST", "/runsync", {"input": {"ms": 1}}).body["output"], "blocked")

    def test_at_sigterm_running_and_waiting_jobs_complete_and_new_ones_are_refused(self):
        with Server("--block", *self.FLAGS) as server:
            first = server.connect()
            first.request("POST", "/runsync", json.dumps({"input": {"ms": 1500}}), {"Content-Type": "application/json"})
            wait_until(lambda: server.ask("GET", "/health").body["jobs"]["inProgress"] == 1)
            second = server.connect()
            second.request("POST", "/runsync", json.dumps({"input": {"ms": 1}}), {"Content-Type": "application/json"})
            wait_until(lambda: server.ask("GET", "/health").body["jobs"]["inQueue"] == 1)
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: server.ask("GET", "/ping").status == 503)
            self.assertEqual(server.ask("POST", "/run", {"input": {}}).status, 503)
            self.assertEqual(Response(first.getresponse()).body["status"], "COMPLETED")
            self.assertEqual(Response(second.getresponse()).body["status"], "COMPLETED")
            self.assertEqual(server.process.wait(30), 0)

    def test_an_ipv6_address_is_served_and_written_in_brackets(self):
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("this machine has no IPv6")
        for host in ("::1", "[::1]"):
            with Server("--rp_api_host", host, *self.FLAGS) as server:
                self.assertEqual(server.host, "[::1]")
                self.assertFalse(any("COWORKER_API_TOKEN" in line for line in server.lines))
                connection = http.client.HTTPConnection("::1", server.port, timeout=30)
                connection.request("GET", "/health")
                self.assertEqual(Response(connection.getresponse()).status, 200)
                connection.close()
                status, complaint = refused("--rp_serve_api", "--rp_api_host", host, "--rp_api_port", str(server.port))
                self.assertEqual(status, 2)
                self.assertIn(f"cannot serve on [::1]:{server.port}: ", complaint)

    def test_no_two_processes_give_the_same_ids(self):
        ids = set()
        for _ in range(2):
            with Server(*self.FLAGS) as server:
                ids.add(server.ask("POST", "/run", {"input": 1}).body["id"])
        self.assertEqual(len(ids), 2)

    def test_a_port_in_use_is_an_error_that_names_it(self):
        with Server(*self.FLAGS) as server:
            status, complaint = refused("--rp_serve_api", "--rp_api_port", str(server.port))
            self.assertEqual(status, 2)
            self.assertIn(f"cannot serve on localhost:{server.port}", complaint)
            self.assertIn("--rp_api_port", complaint)


class Otlp(unittest.TestCase):
    TRACE = "0af7651916cd43dd8448eb211c80319c"

    def test_metrics_and_a_span_for_each_job_are_sent_if_built_with_libcurl(self):
        receiver = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        receiver.bodies = []
        receiver.paths = []
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        try:
            place = f"http://127.0.0.1:{receiver.server_port}"
            with Server(*Service.FLAGS, OTEL_EXPORTER_OTLP_ENDPOINT=place, OTEL_SERVICE_NAME="it",
                        OTEL_EXPORTER_OTLP_HEADERS="x-key=a%20b", OTEL_METRIC_EXPORT_INTERVAL="200") as server:
                trace = {"traceparent": f"00-{self.TRACE}-b7ad6b7169203331-01"}
                server.ask("POST", "/", {"answer": 1}, trace)
                server.ask("POST", "/", {"throw": "no"})
                server.ask("POST", "/", {"answer": 1}, {"traceparent": f"00-{'1' * 32}-b7ad6b7169203331-00"})
                self.assertEqual(server.leave(), 0)
            if not receiver.bodies:
                return  # built without libcurl
            spans = [span for body in receiver.bodies if "resourceSpans" in body
                     for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]]
            self.assertEqual([span["status"]["code"] for span in spans], [1, 2])
            self.assertEqual((spans[0]["traceId"], spans[0]["parentSpanId"]), (self.TRACE, "b7ad6b7169203331"))
            self.assertEqual(spans[1]["status"]["message"], "no")
            self.assertLessEqual(int(spans[0]["startTimeUnixNano"]), int(spans[0]["endTimeUnixNano"]))
            metrics = [body for body in receiver.bodies if "resourceMetrics" in body][-1]["resourceMetrics"][0]
            self.assertIn({"key": "service.name", "value": {"stringValue": "it"}}, metrics["resource"]["attributes"])
            ended = [one for one in metrics["scopeMetrics"][0]["metrics"] if one["name"] == "coworker.jobs.ended"]
            self.assertEqual([point["asInt"] for point in ended[0]["sum"]["dataPoints"]], ["2", "1", "0"])
            self.assertTrue(all(key == "a b" for _, key in receiver.paths))
            self.assertEqual({path for path, _ in receiver.paths}, {"/v1/traces", "/v1/metrics"})
        finally:
            receiver.shutdown()
            receiver.server_close()


class Hook(http.server.BaseHTTPRequestHandler):
    """Keeps the bodies of the requests that it receives."""

    def do_POST(self):
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if hasattr(self.server, "paths"):
            self.server.paths.append((self.path, self.headers["x-key"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Webhooks(unittest.TestCase):
    def test_a_webhook_receives_the_outcome_if_built_with_libcurl(self):
        receiver = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        receiver.bodies = []
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        try:
            with Server(*QueueApi.FLAGS) as server:
                order = {"input": {"answer": 5}, "webhook": f"http://127.0.0.1:{receiver.server_port}/hook"}
                run = server.ask("POST", "/run", order)
                if run.status == 400:
                    self.assertIn("-DCOWORKER_WITH_CURL", run.body["error"])
                    return
                wait_until(lambda: receiver.bodies)
                body = receiver.bodies[0]
                self.assertEqual((body["id"], body["status"], body["output"]), (run.body["id"], "COMPLETED", 5))
                self.assertEqual(server.leave(), 0)
        finally:
            receiver.shutdown()
            receiver.server_close()


class Service(unittest.TestCase):
    FLAGS = ("--serve", "--rp_api_port", "0")

    def test_a_post_on_any_path_is_a_job(self):
        with Server(*self.FLAGS) as server:
            self.assertEqual(server.lines[1], "INFO   | Mode: a plain HTTP service, because --serve was given.")
            self.assertEqual(server.host, "localhost")
            response = server.ask("POST", "/any/path?x=1", {"answer": {"n": [1, 2]}})
            self.assertEqual((response.status, response.body), (200, {"n": [1, 2]}))
            self.assertEqual(server.ask("POST", "/", "plain text", {"Content-Type": "text/plain"}).body, "plain text")
            self.assertEqual(server.ask("POST", "/", {"throw": "no"}).status, 500)
            self.assertEqual(server.ask("POST", "/", {"throw": "no"}).body, {"error": "no"})
            self.assertEqual(server.ask("POST", "/", "{").status, 400)
            self.assertEqual(server.ask("POST", "/", b"\xff", {"Content-Type": "text/plain"}).status, 400)
            self.assertEqual(server.ask("POST", "/", "x", {"Content-Type": "image/png"}).status, 415)
            self.assertEqual(server.ask("GET", "/any").status, 405)
            wait_until(lambda: server.ask("GET", "/ping").status == 200)
            self.assertIn("coworker_jobs_taken_total", server.ask("GET", "/metrics").text)

    def test_an_input_that_does_not_fit_is_422_with_every_path(self):
        with Server("--typed", *self.FLAGS) as server:
            response = server.ask("POST", "/", {"fruit": 1, "count": "x"})
            self.assertEqual(response.status, 422)
            self.assertIn("input.fruit: expected a string", response.body["error"])
            self.assertIn("input.count: expected an integer", response.body["error"])
            self.assertEqual(server.ask("POST", "/", {"fruit": "apple", "count": 3}).body, 3)

    def test_a_stream_comes_as_events_as_lines_or_as_one_array(self):
        with Server("--stream", *self.FLAGS) as server:
            self.assertEqual(server.ask("POST", "/", {"count": 3}).body, [1, 2, 3])
            events = server.ask("POST", "/", {"count": 3}, {"Accept": "text/event-stream"})
            self.assertEqual(events.headers["content-type"], "text/event-stream")
            self.assertEqual(events.text, "data: 1\n\ndata: 2\n\ndata: 3\n\n")
            lines = server.ask("POST", "/", {"count": 2}, {"Accept": "application/x-ndjson"})
            self.assertEqual((lines.headers["content-type"], lines.text), ("application/x-ndjson", "1\n2\n"))
            broken = server.ask("POST", "/", {"count": 3, "throw_at": 2}, {"Accept": "text/event-stream"})
            self.assertEqual(broken.text, 'data: 1\n\nevent: error\ndata: {"error":"no more"}\n\n')
            early = server.ask("POST", "/", {"count": 3, "throw_at": 1}, {"Accept": "text/event-stream"})
            self.assertEqual((early.status, early.body), (500, {"error": "no more"}))
            self.assertEqual(server.ask("POST", "/", {"count": 0}).body, [])
            self.assertEqual(server.ask("POST", "/", {"count": 0}, {"Accept": "text/event-stream"}).text, "")

    def test_a_client_that_goes_away_stops_its_job(self):
        with Server("--block", *self.FLAGS) as server:
            gone = server.connect()
            gone.request("POST", "/", json.dumps({"ms": 60000}), {"Content-Type": "application/json"})
            wait_until(lambda: "coworker_jobs_in_progress 1" in server.ask("GET", "/metrics").text)
            gone.close()
            self.assertEqual(server.ask("POST", "/", {"ms": 1}).body, "blocked")

    def test_a_full_server_responds_with_429_and_stays_healthy(self):
        with Server("--block", *self.FLAGS) as server:
            waiting = []

            def add_client():
                waiting.append(server.connect())
                waiting[-1].request("POST", "/", json.dumps({"ms": 60000}), {"Content-Type": "application/json"})

            add_client()
            wait_until(lambda: "coworker_jobs_in_progress 1" in server.ask("GET", "/metrics").text)
            for _ in range(8):
                add_client()
            wait_until(lambda: "jobs_waiting 8" in server.ask("GET", "/metrics").text)
            full = server.ask("POST", "/", {"ms": 1})
            self.assertEqual((full.status, full.headers["retry-after"]), (429, "1"))
            wait_until(lambda: server.ask("GET", "/ping").status == 200)
            for one in waiting:
                one.close()

    def test_sigterm_drains_and_the_health_check_fails(self):
        with Server("--block", *self.FLAGS) as server:
            running = server.connect()
            running.request("POST", "/", json.dumps({"ms": 1500}), {"Content-Type": "application/json"})
            wait_until(lambda: "coworker_jobs_in_progress 1" in server.ask("GET", "/metrics").text)
            server.process.send_signal(signal.SIGTERM)
            wait_until(lambda: server.ask("GET", "/ping").status == 503)
            self.assertEqual(server.ask("POST", "/", {}).status, 503)
            self.assertEqual(Response(running.getresponse()).body, "blocked")
            self.assertEqual(server.process.wait(30), 0)

    def test_at_sigterm_waiting_jobs_run_within_the_grace_period_or_get_the_reason_why_not(self):
        with Server("--block", *self.FLAGS) as server:
            clients = []

            def add_client(span):
                clients.append(server.connect())
                clients[-1].request("POST", "/", json.dumps({"ms": span}), {"Content-Type": "application/json"})

            add_client(500)
            wait_until(lambda: "coworker_jobs_in_progress 1" in server.ask("GET", "/metrics").text)
            for span in (500, 60000, 60000):
                add_client(span)
                time.sleep(0.1)
            server.process.send_signal(signal.SIGTERM)
            for one in clients[:2]:
                self.assertEqual(Response(one.getresponse()).body, "blocked")
            stopped, never_started = (Response(one.getresponse()) for one in clients[2:])
            self.assertEqual((stopped.status, stopped.body["error"]),
                             (503, "stopped: the worker leaves, and its grace period is over"))
            self.assertEqual((never_started.status, never_started.body["error"]),
                             (503, "cancelled: the worker left before it had started the job"))
            self.assertEqual(server.process.wait(30), 0)

    def test_while_the_handler_is_prepared_the_health_check_fails_and_jobs_wait(self):
        with Server("--slow_start", *self.FLAGS) as server:
            self.assertEqual(server.ask("GET", "/ping").status, 503)
            self.assertEqual(server.ask("POST", "/", {}).body, "ready")
            self.assertEqual(server.ask("GET", "/ping").status, 200)
        ports = str(free_port()), str(free_port())
        with Server("--slow_start", PORT=ports[0], PORT_HEALTH=ports[1]) as server:
            loading = server.ask("GET", "/ping")
            self.assertEqual((loading.status, loading.text), (204, ""))
            wait_until(lambda: server.ask("GET", "/ping").status == 200)


class MetricsPort(unittest.TestCase):
    def test_the_metrics_port_of_a_queue_worker_serves_metrics_and_takes_no_jobs(self):
        with Server("--own_queue", str(free_port())) as server:
            self.assertIn("INFO   | Mode: an engine of its own, because the program brings it.", server.lines)
            wait_until(lambda: "coworker_jobs_ended_total{outcome=\"succeeded\"} 1" in server.ask("GET", "/metrics").text)
            self.assertEqual(server.ask("GET", "/ping").status, 200)
            self.assertEqual(server.ask("GET", "/").status, 200)
            self.assertTrue(server.ask("GET", "/console/state").body["read_only"])
            self.assertEqual(server.ask("POST", "/run", {"input": 1}).status, 404)
            self.assertEqual(server.ask("GET", "/metrics", headers={"Host": "evil.example"}).status, 403)
            self.assertEqual(server.leave(), 0)


class Routes(unittest.TestCase):
    def test_each_route_has_its_own_handler_and_input(self):
        with Server("--routes", "--serve", "--rp_api_port", "0") as server:
            self.assertEqual(server.ask("POST", "/v1/fruit", {"fruit": "apple", "count": 5}).body, 5)
            wrong = server.ask("POST", "/v1/fruit", {"count": "x"})
            self.assertEqual(wrong.status, 422)
            self.assertIn("input.fruit: missing", wrong.body["error"])
            self.assertIn("input.count: expected an integer", wrong.body["error"])
            got = server.ask("GET", "/models/a%20b?page=3&all=true", headers={"User-Agent": "me"})
            self.assertEqual(got.body, {"page": 3, "all": True, "name": "a b", "agent": "me"})
            self.assertEqual(server.ask("GET", "/models/x?page=y").status, 422)
            self.assertEqual(server.ask("POST", "/any/a/b", {"answer": 1}).body, 1)
            self.assertEqual(server.ask("POST", "/stream", {"count": 2}).body, [1, 2])
            events = server.ask("POST", "/stream", {"count": 2}, {"Accept": "text/event-stream"})
            self.assertEqual(events.text, "data: 1\n\ndata: 2\n\n")
            self.assertEqual(server.ask("POST", "/elsewhere", {}).status, 404)
            refused_method = server.ask("GET", "/v1/fruit")
            self.assertEqual((refused_method.status, refused_method.headers["allow"]), (405, "POST, OPTIONS"))
            self.assertEqual(server.ask("POST", "/any/%zz", {}).status, 400)
            self.assertEqual(server.ask("PUT", "/images/x", b"\xff\0\xfe", {"Content-Type": "image/png"}).body, 3)
            paths = server.ask("GET", "/openapi.json").body["paths"]
            self.assertEqual(set(paths), {"/v1/fruit", "/models/{name}", "/stream", "/images/{name}", "/any/{rest}"})
            self.assertIn("fruit", paths["/v1/fruit"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"])
            self.assertIn("POST /v1/fruit", server.ask("GET", "/docs").text)

    def test_a_plain_service_may_take_bodies_of_any_type(self):
        with Server("--raw", "--serve", "--rp_api_port", "0") as server:
            self.assertEqual(server.ask("POST", "/", b"\xff\0\xfe", {"Content-Type": "image/png"}).body, 3)
            self.assertEqual(server.ask("POST", "/", '{"a": 1}').body, 8)

    def test_a_job_of_a_queue_names_its_route(self):
        with Server("--routes", "--rp_serve_api", "--rp_api_port", "0") as server:
            run = server.ask("POST", "/runsync", {"input": {"fruit": "a", "count": 2}, "route": "POST /v1/fruit"})
            self.assertEqual((run.body["status"], run.body["output"]), ("COMPLETED", 2))
            for route in ({}, {"route": "GET /v1/fruit"}, {"route": 7}):
                run = server.ask("POST", "/runsync", {"input": {"fruit": "a"}} | route)
                self.assertEqual(run.body["status"], "FAILED")
                self.assertIn("route", run.body["error"])


class Platforms(unittest.TestCase):
    def test_runpods_load_balancer(self):
        ports = str(free_port()), str(free_port())
        with Server(PORT=ports[0], PORT_HEALTH=ports[1], HEALTH_CHECK_PATH="/healthy") as server:
            self.assertEqual(server.lines[1], "INFO   | Mode: a plain HTTP service, because PORT_HEALTH is set.")
            self.assertEqual((server.host, server.port), ("0.0.0.0", int(ports[0])))
            self.assertEqual(server.ask("POST", "/generate", {"answer": 1}, {"Host": "lb.example"}).body, 1)
            wait_until(lambda: server.ask("GET", "/healthy").status == 200)
            server.port = int(ports[1])
            wait_until(lambda: server.ask("GET", "/healthy").status == 200)
            self.assertEqual(server.ask("POST", "/generate", {"answer": 1}).status, 404)

    def test_cloud_run(self):
        port = str(free_port())
        with Server(PORT=port, K_SERVICE="hello") as server:
            self.assertEqual((server.host, server.port), ("0.0.0.0", int(port)))
            self.assertEqual(server.ask("POST", "/", {"answer": 1}).body, 1)

    def test_sagemaker(self):
        port = str(free_port())
        with Server("serve", PORT=port) as server:
            self.assertEqual(server.lines[1], "INFO   | Mode: a plain HTTP service, because the first argument is serve.")
            self.assertEqual((server.host, server.port), ("0.0.0.0", int(port)))
            wait_until(lambda: server.ask("GET", "/ping").status == 200)
            self.assertEqual(server.ask("POST", "/invocations", {"answer": 1}).body, 1)

    def test_vertex(self):
        port = str(free_port())
        with Server(AIP_HTTP_PORT=port, AIP_HEALTH_ROUTE="/v1/ready", AIP_PREDICT_ROUTE="/v1/predict") as server:
            wait_until(lambda: server.ask("GET", "/v1/ready").status == 200)
            asked = {"instances": [{"answer": 1, "ms": 50}, {"answer": "two"}], "parameters": {"x": 1}}
            self.assertEqual(server.ask("POST", "/v1/predict", asked).body, {"predictions": [1, "two"]})
            self.assertEqual(server.ask("POST", "/v1/predict", {"instances": []}).body, {"predictions": []})
            self.assertEqual(server.ask("POST", "/v1/predict", {"x": 1}).status, 400)
            self.assertEqual(server.ask("POST", "/v1/predict", {"instances": [{"throw": "no"}]}).status, 500)

    def test_realtime(self):
        port = str(free_port())
        with Server(RUNPOD_REALTIME_PORT=port, RUNPOD_ENDPOINT_ID="ep", RUNPOD_REALTIME_CONCURRENCY="2",
                    RUNPOD_WEBHOOK_GET_JOB="http://127.0.0.1:1/") as server:
            self.assertIn("RUNPOD_REALTIME_PORT is set", server.lines[1])
            self.assertEqual(server.ask("POST", "/ep/realtime", {"id": "a", "input": {"id": True}}).body, {"output": "a"})
            failed = server.ask("POST", "/ep/realtime", {"id": "a", "input": {"throw": "no"}})
            self.assertEqual(json.loads(failed.body["error"])["error_message"], "no")
            own = server.ask("POST", "/ep/realtime", {"id": "a", "input": {"answer": {"error": "mine"}}})
            self.assertEqual(own.body["error"], "mine")
            self.assertEqual(server.ask("POST", "/other/realtime", {"id": "a", "input": 1}).status, 404)
            self.assertEqual(server.ask("POST", "/ep/realtime", {"id": "a"}).status, 400)

    def test_two_vendors_at_once_are_an_error_unless_a_flag_decides(self):
        both = {"K_SERVICE": "x", "AIP_HTTP_PORT": "1"}
        status, complaint = refused(**both)
        self.assertEqual(status, 2)
        self.assertIn("K_SERVICE", complaint)
        self.assertIn("AIP_HTTP_PORT", complaint)
        with Server("--serve", "--rp_api_port", "0", **both) as server:
            wait_until(lambda: server.ask("GET", "/ping").status == 200)

    def test_an_unsupported_platform_or_a_bad_port_is_an_error_that_names_the_variable(self):
        status, complaint = refused(AWS_LAMBDA_RUNTIME_API="127.0.0.1:1")
        self.assertEqual(status, 2)
        self.assertIn("AWS_LAMBDA_RUNTIME_API", complaint)
        for name in ("PORT", "PORT_HEALTH", "AIP_HTTP_PORT", "RUNPOD_REALTIME_PORT"):
            status, complaint = refused(**({"K_SERVICE": "x"} if name == "PORT" else {}), **{name: "99999"})
            self.assertEqual(status, 2)
            self.assertIn(f'{name}: "99999" is no port', complaint)

    def test_the_variable_port_alone_starts_no_server(self):
        status, complaint = refused(PORT="8080")
        self.assertEqual(status, 1)
        self.assertIn("test_input.json", complaint)


class OpenAi(unittest.TestCase):
    def ask_all(self, server, before):
        whole = server.ask("POST", before + "/v1/chat/completions", {"model": "tiny", "messages": []})
        self.assertEqual((whole.status, whole.body["choices"][0]["message"]["content"]), (200, "Hello, world"))
        events = server.ask("POST", before + "/v1/chat/completions", {"model": "tiny", "stream": True}).text.split("\n\n")
        words = [json.loads(event[6:])["choices"][0]["delta"]["content"] for event in events[:-2]]
        self.assertEqual((words, events[-2:]), (["Hello", ", ", "world"], ["data: [DONE]", ""]))
        self.assertEqual(server.ask("GET", before + "/v1/models").body["data"][0]["id"], "tiny")
        missing = server.ask("POST", before + "/v1/chat/completions", {"model": "none"})
        self.assertEqual((missing.status, missing.body["error"]["type"]), (404, "not_found_error"))
        failed = server.ask("POST", before + "/v1/chat/completions", {"model": 5})  # also in OpenAI's error format
        self.assertEqual((failed.status, failed.body["error"]["type"], failed.body["error"]["code"]), (500, "server_error", 500))
        self.assertIn("model", failed.body["error"]["message"])

    def test_routes_of_openai_in_both_modes(self):
        with Server("--openai", "--rp_serve_api", "--rp_api_port", "0") as server:
            self.ask_all(server, "")
            self.ask_all(server, "/v2/any/openai")
        with Server("--openai", "--serve", "--rp_api_port", "0") as server:
            self.ask_all(server, "")

    def test_openai_routes_are_missing_if_the_handler_does_not_take_them(self):
        with Server("--rp_serve_api", "--rp_api_port", "0") as server:
            self.assertEqual(server.ask("POST", "/v1/chat/completions", {}).status, 404)


if __name__ == "__main__":
    unittest.main()
