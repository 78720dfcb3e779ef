#!/usr/bin/env python3
"""Runs a program that calls start() as a user would, and checks its output and its exit status.

Usage: start_test.py PROGRAM [TEST...]    PROGRAM is built from start_program.cpp
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
BANNER = re.compile(r"^--- Starting coworker \|  Version \d+\.\d+\.\d+ ---$")
COMPLETE = "INFO   | Local testing complete, exiting."
LEVELS = "use NOTSET, TRACE, DEBUG, INFO, WARN or ERROR"


class Run:
    """One run in a folder of its own that contains `files`. `lines` is its output without the banner and the remaining
    arguments."""

    def __init__(self, *arguments, files=None, **environment):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUNPOD_")}
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (files or {}).items():
                (pathlib.Path(folder) / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            done = subprocess.run([PROGRAM, *arguments], cwd=folder, env=inherited | environment, timeout=60,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
        lines = done.stdout.decode().splitlines()
        self.status = done.returncode
        self.errors = done.stderr.decode().splitlines()
        self.has_banner = bool(lines) and bool(BANNER.match(lines[0]))
        self.arguments = [line.split(": ", 1)[1] for line in lines if re.match(r"argument \d+: ", line)]
        self.lines = [line for line in lines[self.has_banner:] if not re.match(r"argument \d+: ", line)]


class Local(unittest.TestCase):
    def assert_refused(self, run, status, complaint):
        self.assertEqual((run.status, run.errors), (status, ["coworker: " + complaint]))

    def test_a_job_in_the_working_directory_runs_and_each_step_is_logged(self):
        run = Run(files={"test_input.json": '{"input": {"answer": {"n": 1}}}'})
        self.assertTrue(run.has_banner)
        self.assertEqual(run.lines, [
            "INFO   | Using test_input.json as job input.",
            'DEBUG  | Retrieved local job: {"id": "local_test", "input": {"answer": {"n": 1}}}',
            "INFO   | local_test | Started.",
            'DEBUG  | local_test | Handler output: {"n": 1}',
            "INFO   | Job local_test completed successfully.",
            'INFO   | Job result: {"output": {"n": 1}}',
            COMPLETE])
        self.assertEqual((run.status, run.errors, run.arguments), (0, [], []))

    def test_a_job_that_fails_is_logged_and_the_status_is_1(self):
        run = Run("--test_input", '{"id": "a", "input": {"throw": "no"}}')
        logged = [line for line in run.lines if line.startswith("ERROR  | a | ")]
        self.assertEqual(logged, ["ERROR  | a | std::runtime_error: no"])
        self.assertEqual((run.status, run.errors, run.lines[-1]), (1, [], COMPLETE))

    def test_an_output_that_json_cannot_hold_is_a_failure(self):
        run = Run("--test_input", '{"input": {"nan": true}}')
        self.assertIn("output: NaN cannot be written as JSON", "\n".join(run.lines))
        self.assertEqual(run.status, 1)

    def test_test_input_takes_precedence_over_the_file(self):
        run = Run("--test_input", '{"input": 7}', files={"test_input.json": "broken"})
        self.assertIn("INFO   | Using --test_input as job input.", run.lines)
        self.assertIn('INFO   | Job result: {"output": 7}', run.lines)
        self.assertEqual(run.status, 0)

    def test_several_jobs_run_concurrently_and_a_summary_follows(self):
        jobs = '[{"input": {"ms": 400}}, {"input": {"ms": 400}}, {"input": {"throw": "no"}}, {"input": {"ms": 400}}]'
        run = Run("--test_file", "jobs.json", files={"jobs.json": jobs})
        self.assertIn("INFO   | Using jobs.json as job input.", run.lines)
        self.assertRegex(run.lines[-2], r"^INFO   \| 4 jobs, 1 failed, \d+\.\d\d s, highest concurrency 4\.$")
        self.assertEqual(run.status, 1)
        self.assertEqual({line.split()[3] for line in run.lines if line.startswith("INFO   | Job local_test")},
                         {"local_test", "local_test_2", "local_test_4"})

    def test_the_modifier_decides_how_many_run_at_once(self):
        jobs = '{"input": 1}\r\n\r\n{"input": 2}\r\n{"input": 3}'
        run = Run("--one_at_a_time", "--test_file=jobs.jsonl", files={"jobs.jsonl": jobs})
        self.assertRegex(run.lines[-2], r"^INFO   \| 3 jobs, 0 failed, \d+\.\d\d s, highest concurrency 1\.$")
        self.assertEqual([line for line in run.lines if "Job result" in line],
                         [f'INFO   | Job result: {{"output": {n}}}' for n in (1, 2, 3)])
        self.assertEqual(run.status, 0)

    def test_jobs_that_remain_when_one_asks_for_a_fresh_worker_are_a_failure(self):
        jobs = '[{"input": {"answer": {"refresh_worker": true}}}, {"input": 2}, {"input": 3}]'
        run = Run("--one_at_a_time", "--test_input", jobs)
        self.assertIn("ERROR  | 2 jobs were not run: the worker left before.", run.lines)
        self.assertEqual(run.status, 1)

    def test_members_of_an_output_have_the_platforms_meaning_unless_the_program_says_otherwise(self):
        job = '{"input": {"answer": {"error": "no", "n": 1}}}'
        self.assertEqual(Run("--test_input", job).status, 1)
        run = Run("--plain_members", "--test_input", job)
        self.assertIn('INFO   | Job result: {"output": {"error": "no", "n": 1}}', run.lines)
        self.assertEqual(run.status, 0)

    # --- --test_output

    def test_the_expected_output_gives_status_0(self):
        answer = '{"input": {"answer": {"a": 1, "b": [true]}}}'
        self.assertEqual(Run("--test_input", answer, "--test_output", '{"b": [true], "a": 1.0}').status, 0)

    def test_a_different_output_is_logged_with_the_expected_one_and_gives_status_1(self):
        run = Run("--test_input", '{"input": {"answer": {"a": 1}}}', "--test_output={\"a\": 2}")
        self.assertIn('ERROR  | Job local_test gave {"a": 1} where --test_output expects {"a": 2}.', run.lines)
        self.assertEqual((run.status, run.errors), (1, []))

    def test_the_outputs_of_several_jobs_are_compared_one_by_one(self):
        jobs = '[{"input": {"ms": 50, "answer": 1}}, {"input": 2}]'
        self.assertEqual(Run("--test_input", jobs, "--test_output", "[1, 2]").status, 0)
        run = Run("--test_input", jobs, "--test_output", "[1, 3]")
        self.assertIn("ERROR  | Job local_test_2 gave 2 where --test_output expects 3.", run.lines)
        self.assertEqual(run.status, 1)
        self.assert_refused(Run("--test_input", jobs, "--test_output", "[1]"), 1,
                            "--test_output: there are 2 jobs, so it must be an array of as many outputs, in the order of "
                            "the jobs")

    def test_a_failed_job_matches_no_output(self):
        self.assertEqual(Run("--test_input", '{"input": {"throw": "x"}}', "--test_output", "null").status, 1)

    # --- bad input: status 1 and one line

    def test_a_missing_file(self):
        way_out = "; name a file of jobs with --test_file PATH, or give one job with --test_input JSON"
        self.assert_refused(Run(), 1, "test_input.json: cannot be read (No such file or directory)" + way_out)
        self.assert_refused(Run("--test_file", "."), 1, ".: cannot be read (Is a directory)" + way_out)
        self.assert_refused(Run("--test_file", "a/b", files={"a": ""}), 1, "a/b: cannot be read (Not a directory)" + way_out)

    def test_an_empty_file_and_an_empty_list(self):
        example = 'write a job such as {"input": {"message": "hello"}}'
        for nothing in ("", " \n\n"):
            self.assert_refused(Run(files={"test_input.json": nothing}), 1, "test_input.json: it is empty; " + example)
        self.assert_refused(Run("--test_input", "[]"), 1, "--test_input: it holds no jobs; write at least one, such as "
                            '{"input": {"message": "hello"}}')

    def test_broken_json_is_reported_with_its_position(self):
        for arguments, files, place in [
                ((), {"test_input.json": '{\n  "input": 1,\n}'}, "test_input.json: line 3, column 1: expected "),
                (("--test_input", '{"input": }'), {}, "--test_input: line 1, column 11: expected a value"),
                (("--test_file", "a.jsonl"), {"a.jsonl": '{"input": 1}\n\n{"input"}\n'},
                 "a.jsonl: line 3, column 9: expected "),
                (("--test_input", '{"input": 1}', "--test_output", "{'a': 1}"), {},
                 "--test_output: line 1, column 2: expected "),
                ((), {"test_input.json": b'{"input": "caf\xe9"}'}, "test_input.json: line 1, column 15: "),
                ((), {"test_input.json": b"[" * 100_000_000}, "test_input.json: line 1, column 513: ")]:
            run = Run(*arguments, files=files)
            self.assertEqual((run.status, len(run.errors)), (1, 1), run.errors)
            self.assertTrue(run.errors[0].startswith("coworker: " + place), run.errors)

    def test_a_job_without_input_and_one_that_is_not_an_object(self):
        example = 'write {"input": {"message": "hello"}}'
        self.assert_refused(Run("--test_input", "{}"), 1, '--test_input: the job has no "input"; ' + example)
        self.assert_refused(Run("--test_input", '"text"'), 1,
                            '--test_input: a job must be an object, found string "text"; ' + example)
        self.assert_refused(Run("--test_file", "a.jsonl", files={"a.jsonl": '{"input": 1}\n7\n'}), 1,
                            "a.jsonl: line 2: a job must be an object, found integer 7; " + example)


class Arguments(unittest.TestCase):
    JOB = ("--test_input", '{"input": 7}')

    def assert_usage_error(self, run, complaint):
        self.assertEqual((run.status, run.errors, run.lines), (2, ["coworker: " + complaint], []))

    def test_unknown_arguments_stay_in_argv(self):
        arguments = ["--model", "llama", *self.JOB, "-v", "--rp_log_level=ERROR", "--", "file"]
        run = Run(*arguments)
        self.assertEqual((run.status, run.errors, run.lines), (0, [], []))
        self.assertEqual(run.arguments, arguments)

    def test_a_misspelt_flag_is_refused_and_the_right_name_is_suggested(self):
        for given, meant in (("--test-input", "--test_input"), ("--test_inpt", "--test_input"), ("-test_input", "--test_input"),
                             ("--rp-log-level", "--rp_log_level"), ("--test-output=1", "--test_output")):
            self.assert_usage_error(Run(given, "{}"), f"{given.split('=')[0]}: there is no such argument; write {meant}, or put "
                                    "it behind -- if it is the program's own")
        run = Run(*self.JOB, "--rp_log_level=ERROR", "--", "--test-input", "--help")
        self.assertEqual((run.status, run.errors, run.lines), (0, [], []))

    def test_the_schema_of_the_input_is_printed_and_nothing_run(self):
        run = Run("--typed", "--print_schema")
        self.assertEqual(run.status, 0)
        schema = json.loads("\n".join(run.lines))
        self.assertEqual(schema["required"], ["fruit"])
        self.assertEqual(schema["properties"]["count"]["type"], "integer")
        self.assertEqual(schema["properties"]["count"]["default"], 1)

    def test_the_schema_of_plain_json_allows_anything_and_says_how_to_define_one(self):
        run = Run("--print_schema")
        self.assertEqual(run.status, 0)
        schema = json.loads("\n".join(run.lines))
        self.assertEqual(set(schema), {"$schema", "description"})
        self.assertIn("job<Struct>", schema["description"])

    def test_help_lists_all_flags_and_runs_nothing(self):
        run = Run("--help")
        self.assertEqual((run.status, run.errors, run.has_banner), (0, [], False))
        for flag in ("--test_input", "--test_file", "--test_output", "--rp_log_level", "--print_schema", "--help",
                     "--rp_serve_api", "--serve", "--rp_api_host", "--rp_api_port", "RUNPOD_REALTIME_PORT", "K_SERVICE"):
            self.assertTrue(any(line.startswith(f"  {flag}") for line in run.lines), flag)
        self.assertLessEqual(max(map(len, run.lines)), 110)

    def test_a_flag_without_its_value(self):
        for flag in ("--test_input", "--test_file", "--test_output", "--rp_log_level"):
            for arguments in ((flag,), (flag, "--help"), (flag, ""), (flag + "=",)):
                self.assert_usage_error(Run(*arguments), f"{flag}: its value is missing; write {flag} VALUE")

    def test_an_unknown_level(self):
        self.assert_usage_error(Run(*self.JOB, "--rp_log_level", "LOUD"),
                                f'--rp_log_level: there is no log level "LOUD"; {LEVELS}')
        for name in ("RUNPOD_LOG_LEVEL", "RUNPOD_DEBUG_LEVEL"):
            self.assert_usage_error(Run(*self.JOB, **{name: "LOUD"}), f'{name}: there is no log level "LOUD"; {LEVELS}')

    def test_two_sources_of_jobs(self):
        self.assert_usage_error(Run(*self.JOB, "--test_file", "x"), "--test_input and --test_file: give only one of them")

    def test_unsupported_or_incomplete_api_flags_are_not_ignored(self):
        for flag in ("--rp_api_concurrency", "--rp_api_port"):
            run = Run(*self.JOB, flag)
            self.assertEqual(run.status, 2)
            self.assertTrue(run.errors[0].startswith(f"coworker: {flag}: "), run.errors)

    def test_the_last_of_repeated_flags_counts(self):
        run = Run("--test_input", "broken", *self.JOB, "--rp_log_level=DEBUG", "--rp_log_level", "warning")
        self.assertEqual((run.status, run.lines), (0, []))


class Prepared(unittest.TestCase):
    JOB = ("--prepared", "--test_input", '{"input": {"fruit": "apple"}}')

    def test_the_value_is_loaded_before_the_first_job(self):
        run = Run(*self.JOB)
        self.assertEqual(run.status, 0)
        self.assertEqual(run.lines[1:3], ["INFO   | Preparing the handler.", "loading"])
        self.assertRegex(run.lines[3], r"^INFO   \| The handler is ready after 0\.\d\d s\.$")
        self.assertIn("INFO   | local_test | Started.", run.lines[4:])
        self.assertIn('INFO   | Job result: {"output": "apple of the model"}', run.lines)

    def test_help_a_schema_and_a_refused_command_line_load_nothing(self):
        for arguments, status in ((("--help",), 0), (("--print_schema",), 0), (("--test-input", "{}"), 2), (("--test_input",), 2),
                                  (("--test_input", "broken"), 1), (("--test_file", "missing.json"), 1),
                                  (("--test_input", "{}", "--rp_log_level", "LOUD"), 2)):
            run = Run("--prepared", *arguments, LOAD="fails")
            self.assertNotIn("loading", run.lines)
            self.assertEqual(run.status, status, arguments)
        self.assertEqual(json.loads("\n".join(Run("--prepared", "--print_schema").lines))["required"], ["fruit"])

    def test_a_load_that_throws_is_logged_with_type_and_message_and_the_status_is_5(self):
        run = Run(*self.JOB, LOAD="fails")
        self.assertEqual(run.lines[-1], "ERROR  | The handler could not be prepared, so no job was taken: std::runtime_error: "
                                        "no such model")
        self.assertEqual((run.status, run.errors), (5, []))
        self.assertNotIn("Started.", "\n".join(run.lines))

    def test_a_signal_during_the_load_ends_the_process_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with subprocess.Popen([PROGRAM, *self.JOB], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                  env=os.environ | {"LOAD": "hangs"}) as program:
                lines = []
                while "loading\n" not in lines:
                    lines.append(program.stdout.readline())
                program.send_signal(number)
                rest = program.communicate(timeout=20)[0]
                self.assertEqual(rest, "INFO   | Asked to leave before the handler was ready: no job was taken, and the process "
                                       "ends at once.\n")
                self.assertEqual(program.returncode, 1)


def has_locale(name):
    listing = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    return name.replace("UTF-8", "utf8").lower() in listing.lower().replace("utf-8", "utf8").split()


class Environment(unittest.TestCase):
    JOB = ("--test_input", '{"input": 7}')

    def levels(self, *arguments, **environment):
        return {line.split()[0] for line in Run(*self.JOB, *arguments, **environment).lines}

    def test_the_log_level_comes_from_the_flag_else_from_the_environment_else_is_debug(self):
        self.assertEqual(self.levels(), {"DEBUG", "INFO"})
        self.assertEqual(self.levels(RUNPOD_LOG_LEVEL="info"), {"INFO"})
        self.assertEqual(self.levels(RUNPOD_DEBUG_LEVEL="INFO"), {"INFO"})
        self.assertEqual(self.levels(RUNPOD_LOG_LEVEL="DEBUG", RUNPOD_DEBUG_LEVEL="INFO"), {"DEBUG", "INFO"})
        self.assertEqual(self.levels(RUNPOD_LOG_LEVEL="", RUNPOD_DEBUG_LEVEL="INFO"), {"INFO"})
        self.assertEqual(self.levels("--rp_log_level", "INFO", RUNPOD_LOG_LEVEL="TRACE"), {"INFO"})
        self.assertEqual(self.levels(RUNPOD_LOG_LEVEL="WARNING"), set())

    @unittest.skipUnless(has_locale("de_DE.UTF-8"), "no locale with a decimal comma is installed")
    def test_the_output_does_not_depend_on_the_locale(self):
        jobs = ("--test_input", '[{"input": 0.25}, {"input": {"ms": 20}}]')
        run = Run(*jobs, LC_ALL="de_DE.UTF-8", LANGUAGE="de")
        self.assertIn('INFO   | Job result: {"output": 0.25}', run.lines)
        self.assertRegex(run.lines[-2], r"^INFO   \| 2 jobs, 0 failed, \d+\.\d\d s, highest concurrency 2\.$")
        self.assertIn("(No such file or directory)", Run(LC_ALL="de_DE.UTF-8", LANGUAGE="de").errors[0])

    def test_on_an_endpoint_lines_are_json(self):
        run = Run(*self.JOB, RUNPOD_ENDPOINT_ID="ep")
        self.assertTrue(run.has_banner)
        lines = [json.loads(line) for line in run.lines]
        self.assertEqual(list(lines[0].items()), [("requestId", None), ("message", "Using --test_input as job input."),
                                                  ("level", "INFO")])
        self.assertIn({"requestId": "local_test", "message": "Started.", "level": "INFO"}, lines)

    def test_a_queue_url_in_a_build_without_libcurl_is_an_error(self):
        take_url = "http://127.0.0.1:1/v2/ep/job-take/$ID?gpu=x"
        run = Run(RUNPOD_WEBHOOK_GET_JOB=take_url)
        self.assertEqual((run.status, run.errors), (2, [
            "coworker: RUNPOD_WEBHOOK_GET_JOB is set, but this program was built without libcurl; build it with "
            "-DCOWORKER_WITH_CURL -lcurl"]))
        self.assertNotIn(take_url, "\n".join(run.lines))

    def test_a_local_job_runs_even_if_there_is_a_queue(self):
        run = Run(*self.JOB, RUNPOD_WEBHOOK_GET_JOB="http://127.0.0.1:1/")
        self.assertEqual((run.status, run.errors), (0, []))


if __name__ == "__main__":
    unittest.main()
