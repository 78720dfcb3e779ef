#!/usr/bin/env python3
"""Runs examples/own_queue.cpp as a user would, with a pipe, a file and a terminal as standard input.

Usage: own_queue_test.py PROGRAM [TEST...]
"""
import fcntl
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
COUNT = 1000
JOBS = "".join(f'{{"n": {i}}}\n' for i in range(COUNT)).encode()
PATIENCE = 60


def results(output):
    return {one["id"]: one for one in map(json.loads, output.decode().splitlines())}


class OwnQueue(unittest.TestCase):
    def run_with(self, **given):
        done = subprocess.run([PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False, **given)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"--- Starting coworker", done.stderr)
        self.assertIn(b"| Drained: ", done.stderr)
        return done.stdout

    def assert_all(self, output):
        self.assertEqual(len(output.splitlines()), COUNT)
        self.assertEqual({name: one["output"]["n"] for name, one in results(output).items()},
                         {f"line-{i + 1}": i for i in range(COUNT)})

    def test_each_line_of_a_pipe_gets_a_result_and_the_end_of_the_input_ends_the_worker(self):
        self.assert_all(self.run_with(input=JOBS))

    def test_each_line_of_a_file_gets_a_result(self):
        with tempfile.TemporaryFile() as file:
            file.write(JOBS)
            file.seek(0)
            self.assert_all(self.run_with(stdin=file))

    def test_without_input_there_is_no_result(self):
        self.assertEqual(self.run_with(stdin=subprocess.DEVNULL), b"")

    def test_a_broken_line_fails_alone_and_the_last_line_needs_no_line_end(self):
        found = results(self.run_with(input=b'{"n": 1}\nbroken\n{"n": 3}'))
        self.assertEqual(found["line-1"]["output"], {"n": 1})
        self.assertIn("expected a value", found["line-2"]["error"])
        self.assertEqual(found["line-3"]["output"], {"n": 3})

    def assert_drains(self, reader, writer):
        """Sends two jobs, one line in two pieces, and then SIGTERM while the other end stays open."""
        flags = fcntl.fcntl(reader, fcntl.F_GETFL)
        with subprocess.Popen([PROGRAM], stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                os.write(writer, b'{"n": 1}\n{"n"')
                self.assertEqual(json.loads(process.stdout.readline())["output"], {"n": 1})
                os.write(writer, b": 2}\n")
                self.assertEqual(json.loads(process.stdout.readline())["output"], {"n": 2})
                process.send_signal(signal.SIGTERM)
                output, errors = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        self.assertEqual((process.returncode, output), (0, b""))
        self.assertIn(b"Drained: 2 jobs taken, 0 failed, 0 stopped, 0 not delivered", errors)
        self.assertEqual(fcntl.fcntl(reader, fcntl.F_GETFL), flags)

    def test_sigterm_ends_it_while_a_pipe_stays_open(self):
        reader, writer = os.pipe()
        with open(reader, "rb"), open(writer, "wb"):
            self.assert_drains(reader, writer)

    def test_sigterm_ends_it_while_a_terminal_stays_open(self):
        terminal, inside = os.openpty()
        with open(terminal, "rb"), open(inside, "rb"):
            os.set_inheritable(inside, True)
            # A terminal passes on only whole lines, so the line in two pieces arrives as one.
            self.assert_drains(inside, terminal)


if __name__ == "__main__":
    unittest.main()
