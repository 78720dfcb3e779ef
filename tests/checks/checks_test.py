#!/usr/bin/env python3
"""Tests that the checks find what they look for."""
import pathlib
import shutil
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "single_include"), str(HERE.parent / "simulation")]
sys.dont_write_bytecode = True

import contract_example  # noqa: E402
import documented  # noqa: E402
import generate  # noqa: E402
import guide_names  # noqa: E402
import layers  # noqa: E402
import mutants  # noqa: E402
import readme  # noqa: E402
import total  # noqa: E402
import unqualified_calls  # noqa: E402
import words  # noqa: E402


class ContractExample(unittest.TestCase):
    ENGINE = ["struct countdown {", "  int next = 3;", "", "  int f();", "};", contract_example.LAST]

    def difference(self, shown, compiled):
        page = "".join(f"///     {line}".rstrip() + "\n" for line in shown)
        return contract_example.difference("/// Text.\n///\n" + page, "#pragma once\n" + "\n".join(compiled))

    def test_the_engine_is_the_same_in_the_comment_and_in_the_code(self):
        self.assertIsNone(self.difference(self.ENGINE, self.ENGINE))
        changed = self.ENGINE[:1] + ["  int next = 4;"] + self.ENGINE[2:]
        self.assertIn("line 2", self.difference(self.ENGINE, changed))
        self.assertIn("line 2", self.difference(self.ENGINE[:1] + self.ENGINE[2:], self.ENGINE))
        self.assertIn("line 5", self.difference(self.ENGINE, self.ENGINE[:4] + [""] + self.ENGINE[4:]))

    def test_a_missing_engine_is_an_error(self):
        with self.assertRaises(ValueError):
            self.difference(self.ENGINE[1:], self.ENGINE)
        with self.assertRaises(ValueError):
            self.difference(self.ENGINE, self.ENGINE[:-1])


class Layers(unittest.TestCase):
    def refused(self, header, written, conditions=()):
        return layers.why_refused(header, written, conditions)

    def test_a_header_may_include_its_own_layer_and_those_below(self):
        self.assertIsNone(self.refused("exec/event_loop.hpp", "<coworker/exec/executor.hpp>"))
        self.assertIsNone(self.refused("exec/event_loop.hpp", "<coworker/coro/task.hpp>"))
        self.assertIsNone(self.refused("start.hpp", "<vector>"))

    def test_a_header_may_not_include_a_layer_above(self):
        self.assertIn("coro/ is below exec/", self.refused("coro/task.hpp", "<coworker/exec/event_loop.hpp>"))
        self.assertIn("json/ is below log.hpp", self.refused("json/json.hpp", "<coworker/log.hpp>"))
        self.assertIn("no layer", self.refused("coro/task.hpp", "<coworker/misc/x.hpp>"))

    def test_no_header_includes_the_one_that_includes_everything(self):
        self.assertIn("everything", self.refused("start.hpp", "<coworker/coworker.hpp>"))
        self.assertIn("everything", self.refused("start.hpp", "<coworker.hpp>"))

    def test_a_header_that_needs_libcurl_is_included_in_one_place_and_under_its_macro(self):
        client, mode = "<coworker/http/curl/client.hpp>", "<coworker/start/runpod_mode.hpp>"
        self.assertIsNone(self.refused("start.hpp", mode, ["ifdef COWORKER_WITH_CURL"]))
        self.assertIsNone(self.refused("transport/runpod/engine.hpp", client))
        self.assertIn("libcurl", self.refused("start.hpp", mode, ["ifdef __linux__"]))
        self.assertIn("only start.hpp", self.refused("worker.hpp", mode, ["ifdef COWORKER_WITH_CURL"]))
        self.assertIn("only transport/runpod/engine.hpp", self.refused("transport/runpod/queue.hpp", client))
        self.assertIn("libcurl", self.refused("coworker.hpp", client))

    def test_the_simulation_is_included_only_under_its_macro(self):
        written = "<coworker/simulation/simulation.hpp>"
        self.assertIsNone(self.refused("coworker.hpp", written, ["ifdef COWORKER_WITH_SIMULATION"]))
        self.assertIn("pay for its compile time", self.refused("coworker.hpp", written))
        self.assertIn("simulation/", self.refused("start.hpp", written, ["ifdef COWORKER_WITH_SIMULATION"]))

    def test_heavy_standard_headers_and_quotes_are_refused(self):
        self.assertIn("compile time", self.refused("json/json.hpp", "<iostream>"))
        self.assertIn("<coworker/...>", self.refused("json/json.hpp", '"value.hpp"'))

    def test_a_cycle_is_found(self):
        self.assertEqual(layers.find_cycle({"a": ["b"], "b": ["c"], "c": ["b"]}), ["b", "c", "b"])
        self.assertIsNone(layers.find_cycle({"a": ["b", "c"], "b": ["c"], "c": []}))

    def test_a_header_that_no_other_includes_is_found(self):
        self.assertEqual(layers.out_of_reach({"all": ["a"], "a": ["b"], "b": [], "lost": ["b"]}, "all"), ["lost"])


class SingleHeader(unittest.TestCase):
    def assemble(self, **headers):
        with tempfile.TemporaryDirectory() as folder:
            generate.INCLUDE = pathlib.Path(folder)
            (generate.INCLUDE / "coworker").mkdir()
            for name, text in headers.items():
                (generate.INCLUDE / "coworker" / f"{name}.hpp").write_text("#pragma once\n" + text)
            text = generate.assemble()
        return [line for line in text.splitlines() if line and not line.startswith("//")]

    def test_a_header_appears_once_after_what_it_needs_with_standard_headers_on_top(self):
        lines = self.assemble(coworker="#include <coworker/a.hpp>\n#include <coworker/b.hpp>\nint last;\n",
                              a="#include <coworker/b.hpp>\n#include <vector>\nint a;\n",
                              b="#include <string>\n#include <vector>\nint b;\n")
        self.assertEqual(lines, ["#pragma once", "#include <string>", "#include <vector>", "int b;", "int a;", "int last;"])

    def test_a_header_under_a_condition_stays_there_but_what_others_need_too_comes_before_it(self):
        lines = self.assemble(coworker="#include <coworker/a.hpp>\n#include <coworker/b.hpp>\n",
                              a="#ifdef X\n#include <coworker/client.hpp>\n#endif\nint a;\n",
                              b="#ifdef Y\n#include <poll.h>\n#endif\nint b;\n",
                              client="#include <coworker/b.hpp>\n#include <curl/curl.h>\nint client;\n")
        self.assertEqual(lines, ["#pragma once", "#ifdef Y", "#include <poll.h>", "#endif", "int b;", "#ifdef X",
                                 "#include <curl/curl.h>", "int client;", "#endif", "int a;"])

    def test_what_an_outer_condition_needs_too_comes_before_the_inner_condition(self):
        lines = self.assemble(coworker="#if X\n#include <coworker/a.hpp>\n#endif\n",
                              a="#ifdef Y\n#include <coworker/y.hpp>\n#endif\n#include <coworker/b.hpp>\nint a;\n",
                              y="#include <coworker/b.hpp>\nint y;\n", b="int b;\n")
        self.assertEqual(lines, ["#pragma once", "#if X", "int b;", "#ifdef Y", "int y;", "#endif", "int a;", "#endif"])

    def test_the_first_lines_of_the_entry_header_come_before_the_standard_headers(self):
        lines = self.assemble(coworker="#undef x\n#include <coworker/a.hpp>\nint last;\n", a="#include <vector>\nint a;\n")
        self.assertEqual(lines, ["#pragma once", "#undef x", "#include <vector>", "int a;", "int last;"])

    def test_a_header_under_two_conditions_is_refused(self):
        with self.assertRaises(SystemExit):
            self.assemble(coworker="#ifdef X\n#include <coworker/a.hpp>\n#endif\n#ifdef Y\n#include <coworker/a.hpp>\n#endif\n",
                          a="int a;\n")

    def test_a_header_that_is_placed_where_one_of_two_macros_is_defined_may_be_included_where_one_of_them_is(self):
        lines = self.assemble(coworker="#if defined(X) || defined(Y)\n#include <coworker/a.hpp>\n#endif\n"
                                       "#ifdef X\n#include <coworker/a.hpp>\nint x;\n#endif\n", a="int a;\n")
        self.assertEqual(lines, ["#pragma once", "#if defined(X) || defined(Y)", "int a;", "#endif", "#ifdef X", "int x;", "#endif"])
        with self.assertRaises(SystemExit):
            self.assemble(coworker="#if defined(X) || defined(Y)\n#include <coworker/a.hpp>\n#endif\n"
                                   "#ifdef Z\n#include <coworker/a.hpp>\n#endif\n", a="int a;\n")


class Mutants(unittest.TestCase):
    def test_each_mutant_still_finds_the_code_that_it_changes(self):
        self.assertEqual([problem for mutant in mutants.MUTANTS if (problem := mutants.fits(mutant))], [])


class Words(unittest.TestCase):
    def test_a_retired_word_is_found_with_its_line_and_what_to_say_instead(self):
        found = list(words.problems_in("a.hpp", "// one\n// Its farewell is dear.\n"))
        self.assertEqual([one.split(" is a word")[0] for one in found], ['a.hpp:2: "farewell"', 'a.hpp:2: "dear"'])
        self.assertTrue(found[0].endswith("say: linger"))

    def test_words_that_only_contain_one_are_left_alone(self):
        self.assertEqual(list(words.problems_in("a.hpp", "// nearly; whether; std::floor(x); a menu")), [])


class Documented(unittest.TestCase):
    def problems(self, *lines):
        text = "\n".join(["namespace coworker {", *lines, "}  // namespace coworker"])
        return [one.split(": ", 1)[1] for one in documented.problems_in("a.hpp", text)]

    def test_a_public_name_needs_a_comment_of_three_words(self):
        self.assertEqual(self.problems("struct silent {", "};"), ["silent has no doc comment"])
        self.assertEqual(self.problems("/// Short.", "struct terse {", "};"), ["the comment of terse says too little: Short."])
        self.assertEqual(self.problems("/// Says what it is for.", "struct clear {", "};"), [])

    def test_one_comment_serves_all_overloads(self):
        self.assertEqual(self.problems("/// Adds two numbers up.", "int add(int a, int b);", "int add(long a, long b);"), [])

    def test_internal_names_need_none(self):
        self.assertEqual(self.problems("namespace detail {", "struct hidden {", "};", "}  // namespace detail"), [])

    def test_a_field_of_options_needs_a_comment_and_a_size_or_a_duration_its_unit(self):
        lines = ("/// Options of a thing.", "struct thing_options {", "  int count = 1;", "  /// How patient it is.",
                 "  duration patience{};", "  /// In bytes. Default: 1.", "  std::size_t size = 1;", "};")
        self.assertEqual(self.problems(*lines), ["the field count has no doc comment",
                                                 "the comment of patience names no unit and no default: How patient it is."])


class GuideNames(unittest.TestCase):
    def names(self, *lines):
        return [guide_names.name_of(code) for _, code, _ in guide_names.declarations("\n".join(lines))]

    def test_each_documented_declaration_in_a_public_namespace_is_a_name(self):
        self.assertEqual(self.names(
            "namespace coworker {", "/// A class.", "template <class T>", 'class [[nodiscard("use it")]] task {', "};",
            "/// A function.", "/// Throws: nothing.", "inline int add(int a, int b) {", "}", "/// A concept.", "template <class T>",
            "concept executor = true;", "/// A value.", "template <class T>", "inline constexpr bool is_task = false;",
            "/// Refused elsewhere.", "template <class A>", "requires(is_task<A>) auto blocking(A given) {", "}", "struct silent {};",
            "namespace detail {", "/// Internal.", "struct hidden {};", "}  // namespace detail", "/// Last.",
            "struct open {};", "}  // namespace coworker"), ["task", "add", "executor", "is_task", "blocking", "open"])

    def test_the_first_sentence_ends_before_a_full_stop_or_a_colon(self):
        self.assertEqual(guide_names.first_sentence(["Lends values", "to one user. More."]), "Lends values to one user")
        self.assertEqual(guide_names.first_sentence(["Waits:", "", "co_await x;"]), "Waits")

    def test_a_point_or_a_colon_inside_code_or_parentheses_does_not_end_the_first_sentence(self):
        self.assertEqual(guide_names.first_sentence(["Reads `{a: 1}` (and - . _) here. More."]), "Reads `{a: 1}` (and - . _) here")
        self.assertEqual(guide_names.first_sentence(["An unfinished ` and ( do no harm. More."]), "An unfinished ` and ( do no harm")

    def test_a_name_in_a_nested_namespace_is_listed_with_that_namespace(self):
        text = "\n".join(["namespace coworker::inline v0_1 {", "namespace http {", "/// Fetches a URL.", "task<response> get(url from);",
                          "}  // namespace http", "/// Makes a route.", "route get(const char* pattern);", "}  // namespace coworker",
                          "namespace coworker::inline v0_1::s3 {", "/// Stores.", "task<text> put(account to);", "}  // namespace"])
        self.assertEqual([inner + guide_names.name_of(code) for _, code, inner in guide_names.declarations(text)],
                         ["http::get", "get", "s3::put"])


class Readme(unittest.TestCase):
    def test_only_marked_blocks_are_found(self):
        text = "```sh\nls\n```\n<!-- from: examples/a.cpp -->\n\n```cpp\nint a;\n```\n<!-- note -->\n"
        blocks = list(readme.marked_blocks(text.splitlines()))
        self.assertEqual([(block.kind, block.subject, block.quoted) for block in blocks],
                         [("from", "examples/a.cpp", ["int a;"])])

    def test_a_marker_without_a_block_is_an_error(self):
        with self.assertRaises(ValueError):
            list(readme.marked_blocks(["<!-- from: examples/a.cpp -->", "text"]))

    def test_a_quotation_is_a_run_of_whole_lines_of_the_file(self):
        own = pathlib.Path(__file__).read_text().splitlines()
        name = "tests/checks/checks_test.py"
        self.assertIsNone(readme.problem_with_source(readme.Block(1, "from", name, own[3:9])))
        self.assertIn("not a run", readme.problem_with_source(readme.Block(1, "from", name, [own[3], own[5]])))
        self.assertIn("not a run", readme.problem_with_source(readme.Block(1, "from", name, [])))
        self.assertIn("does not exist", readme.problem_with_source(readme.Block(1, "from", "examples/none", ["x"])))

    def test_durations_may_differ_and_other_numbers_may_not(self):
        self.assertEqual(readme.without_varying(["3 jobs in 0.51 s"]), readme.without_varying(["3 jobs in 0.6 s"]))
        self.assertNotEqual(readme.without_varying(["3 jobs in 0.51 s"]), readme.without_varying(["4 jobs in 0.51 s"]))


CLANG = next(filter(shutil.which, unqualified_calls.CLANGS), None)


@unittest.skipUnless(CLANG, "needs clang")
class UnqualifiedCalls(unittest.TestCase):
    def found(self, text):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "coworker.hpp").write_text("namespace coworker {\n" + text + "}\n")
            return unqualified_calls.found_in(folder, CLANG)

    def test_a_call_that_may_receive_a_users_type_is_found_with_its_line(self):
        self.assertEqual(self.found("template <class T> void f(T&);\n"
                                    "template <class T> void g(T value) {\n  f(value);\n}\n"), [("coworker.hpp", 4, "f")])
        self.assertEqual(self.found("inline void f(int, const void*);\n"
                                    "template <class T> struct s {\n  T t;\n  void g() { f(1, t.x); }\n};\n"),
                         [("coworker.hpp", 5, "f")])

    def test_a_qualified_call_a_member_call_and_one_without_such_arguments_are_safe(self):
        self.assertEqual(self.found("template <class T> void f(T&) {}\ntemplate <class T> int h() { return 1; }\n"
                                    "inline void plain(int) {}\n"
                                    "template <class T> struct s { T t; void m(T&) {}\n"
                                    "void g() { coworker::f(t); m(t); plain(1); h<T>(); t.f(t); } };\n"), [])

    def test_a_call_of_a_customisation_point_is_allowed(self):
        self.assertEqual(self.found("template <class T> void g(T& t) { to_json(1, t); }\n"), [])


class Total(unittest.TestCase):
    def outcome(self, entry):
        return total.outcome_of(xml.etree.ElementTree.fromstring(entry))

    def test_doctest_counts_its_cases_and_everything_else_counts_as_one(self):
        summary = "[doctest] test cases: 5 | 3 passed | 2 failed | 9 skipped\n"
        self.assertEqual(self.outcome('<t status="run"><system-out>fine</system-out></t>'), (1, 0, 0))
        self.assertEqual(self.outcome(f'<t status="fail"><system-out>{summary}</system-out></t>'), (3, 2, 0))
        self.assertEqual(self.outcome('<t status="fail"><system-out/></t>'), (0, 1, 0))

    def test_a_sanitizer_report_after_the_last_case_is_a_failure(self):
        summary = "[doctest] test cases: 5 | 5 passed | 0 failed | 0 skipped\n==1==ERROR: LeakSanitizer\n"
        self.assertEqual(self.outcome(f'<t status="fail"><system-out>{summary}</system-out></t>'), (5, 1, 0))

    def test_a_case_that_says_it_is_skipped_has_not_passed_and_hides_no_failure(self):
        said = "a.cpp:3: MESSAGE: skipped: this needs nginx\n" * 2
        one_ran = f"{said}[doctest] test cases: 3 | 3 passed | 0 failed | 9 skipped\n"
        self.assertEqual(self.outcome(f'<t status="run"><system-out>{one_ran}</system-out></t>'), (1, 0, 2))
        none_ran = f"{said}[doctest] test cases: 2 | 2 passed | 0 failed | 9 skipped\n"
        self.assertEqual(self.outcome('<t status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
                                      f'<system-out>{none_ran}</system-out></t>'), (0, 0, 2))
        one_failed = f"{said}[doctest] test cases: 3 | 2 passed | 1 failed | 9 skipped\n"
        self.assertEqual(self.outcome(f'<t status="fail"><system-out>{one_failed}</system-out></t>'), (0, 1, 2))

    def test_a_test_that_could_not_run_is_a_failure_and_a_skipped_one_is_not(self):
        self.assertEqual(self.outcome('<t status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></t>'), (0, 0, 1))
        self.assertEqual(self.outcome('<t status="notrun"><skipped message="Unable to find executable"/></t>'), (0, 1, 0))


if __name__ == "__main__":
    unittest.main()
