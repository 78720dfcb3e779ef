#include <doctest/doctest.h>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/transport/local_file.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"

namespace {

using coworker::job_envelope;
using coworker::json;
using coworker::local_file;
using coworker::local_job_error;
using coworker::outcome;
using coworker::read_local_job_file;
using coworker::read_local_jobs;
using coworker::testing::captured_log;

// A folder that is removed at the end of the test.
class local_file_folder {
 public:
  local_file_folder() : path_(std::filesystem::temp_directory_path() / "coworker_local_file_XXXXXX") {
    std::string name = path_.string();
    path_ = mkdtemp(name.data());
  }
  local_file_folder(const local_file_folder&) = delete;
  local_file_folder& operator=(const local_file_folder&) = delete;
  ~local_file_folder() { std::filesystem::remove_all(path_); }

  std::string path(std::string_view name = "") const { return (path_ / name).string(); }

  std::string write(std::string_view name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }

 private:
  std::filesystem::path path_;
};

template <class Read>
std::string complaint_of(Read read) {
  try {
    read();
  } catch (const local_job_error& error) {
    return error.what();
  }
  return "no complaint";
}

// Returns the error for a text; always one line that begins with its name.
std::string complaint_about(std::string_view text, bool json_lines = false) {
  const std::string complaint = complaint_of([&] { read_local_jobs(text, "jobs", json_lines); });
  CHECK(complaint.starts_with("jobs: "));
  CHECK(complaint.find('\n') == std::string::npos);
  return complaint.substr(complaint.find(": ") + 2);
}

std::string complaint_about_lines(std::string_view text) { return complaint_about(text, true); }

std::vector<std::string> ids_of(const std::vector<job_envelope>& jobs) {
  std::vector<std::string> ids;
  for (const job_envelope& envelope : jobs) ids.push_back(envelope.id);
  return ids;
}

}  // namespace

// --- jobs out of texts
// ----------------------------------------------------------------------------------------

TEST_CASE("one object is one job, called local_test, and keeps all its members") {
  const auto jobs =
      read_local_jobs(R"({"input": {"n": 1}, "webhook": "https://example.org", "batchId": "b"})", "t");
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].id == "local_test");
  CHECK(jobs[0].input == json{{"n", 1}});
  CHECK(jobs[0].details == json{{"webhook", "https://example.org"}, {"batchId", "b"}});
}

TEST_CASE("a job may have an id of its own, and any input") {
  const auto jobs = read_local_jobs(R"({"id": "mine", "input": null})", "t");
  CHECK(jobs.at(0).id == "mine");
  CHECK(jobs.at(0).input.is_null());
  CHECK(jobs.at(0).details == json::object());
}

TEST_CASE("an array holds many jobs; those without an id are called by their number") {
  const auto jobs =
      read_local_jobs(R"([{"input": 1}, {"input": 2}, {"id": "x", "input": 3}, {"input": 4}])", "t");
  CHECK(ids_of(jobs) == std::vector<std::string>{"local_test", "local_test_2", "x", "local_test_4"});
  CHECK(jobs[3].input == 4);
}

TEST_CASE("lines of JSON are one job each, whatever ends them, and blank ones are skipped") {
  const std::string text =
      "\xef\xbb\xbf{\"input\": 1}\r\n\r\n  \t\n{\"input\": 2}\r\n{\"id\": \"x\", \"input\": 3}";
  const auto jobs = read_local_jobs(text, "t", true);
  CHECK(ids_of(jobs) == std::vector<std::string>{"local_test", "local_test_2", "x"});
  CHECK(jobs[2].input == 3);
}

TEST_CASE("an empty text is refused, and the error names the way out") {
  for (const char* nothing : {"", " ", "\n\r\n\t \n"}) {
    CHECK(complaint_about(nothing) == R"(it is empty; write a job such as {"input": {"message": "hello"}})");
    CHECK(complaint_about_lines(nothing) ==
          R"(it is empty; write a job such as {"input": {"message": "hello"}})");
  }
}

TEST_CASE("an empty array is refused") {
  CHECK(complaint_about("[]") ==
        R"(it holds no jobs; write at least one, such as {"input": {"message": "hello"}})");
}

TEST_CASE("broken JSON is refused with line, column and what was expected") {
  CHECK(complaint_about("{\n  \"input\": }").starts_with("line 2, column 12: expected a value"));
  CHECK(complaint_about("{\"input\": 1").starts_with("line 1, column 12: expected "));
  CHECK(complaint_about("{\"input\": 1} {\"input\": 2}").starts_with("line 1, column 14: expected "));
  CHECK(complaint_about("{\"input\": NaN}").starts_with("line 1, column 11: expected a value"));
  CHECK(complaint_about("{'input': 1}").starts_with("line 1, column 2: expected "));
}

TEST_CASE("a broken line is refused with its number in the file") {
  const std::string good = "{\"input\": 1}\n";
  CHECK(complaint_about_lines(good + "\n" + good + "{\"input\": }\n" + good)
            .starts_with("line 4, column 11: expected a value"));
  CHECK(complaint_about_lines("oops").starts_with("line 1, column 1: expected a value"));
  CHECK(complaint_about_lines(good + "{\"input\":\n1}").starts_with("line 2, column 10: expected a value"));
  CHECK(complaint_about_lines(good + good + "[1]") ==
        R"(line 3: a job must be an object, found an array; write {"input": {"message": "hello"}})");
}

TEST_CASE("a job without input is refused, and one of several is named") {
  CHECK(complaint_about("{}") == R"(the job has no "input"; write {"input": {"message": "hello"}})");
  CHECK(complaint_about(R"({"Input": 1})") ==
        R"(the job has no "input"; write {"input": {"message": "hello"}})");
  CHECK(complaint_about(R"([{"input": 1}, {"id": "x"}])") ==
        R"(job 2: the job has no "input"; write {"input": {"message": "hello"}})");
  CHECK(complaint_about_lines("{\"input\": 1}\n\n{}\n") ==
        R"(line 3: the job has no "input"; write {"input": {"message": "hello"}})");
}

TEST_CASE("a job that is not an object is refused") {
  CHECK(complaint_about("\"text\"") ==
        R"(a job must be an object, found string "text"; write {"input": {"message": "hello"}})");
  CHECK(complaint_about("7").starts_with("a job must be an object, found integer 7"));
  CHECK(complaint_about("null").starts_with("a job must be an object, found null"));
  CHECK(
      complaint_about(R"([{"input": 1}, 2])").starts_with("job 2: a job must be an object, found integer 2"));
  CHECK(complaint_about("[[]]").starts_with("job 1: a job must be an object, found an array"));
}

TEST_CASE("an id that is not a string, or is empty, is refused") {
  for (const char* id : {"7", "null", "true", "\"\"", "{}", "[\"x\"]"}) {
    const std::string complaint = complaint_about(std::string(R"({"input": 1, "id": )") + id + "}");
    CHECK(complaint.starts_with("\"id\" must be a string that is not empty, found "));
    CHECK(complaint.ends_with("; correct it or leave it out"));
  }
}

TEST_CASE("two jobs with the same id are refused, also when one got it by its number") {
  CHECK(complaint_about(R"([{"id": "x", "input": 1}, {"input": 2}, {"id": "x", "input": 3}])") ==
        R"(jobs 1 and 3 have the same id "x"; give each its own, or none)");
  CHECK(complaint_about(R"([{"id": "local_test_2", "input": 1}, {"input": 2}])") ==
        R"(jobs 1 and 2 have the same id "local_test_2"; give each its own, or none)");
}

TEST_CASE("text that is not UTF-8 is refused with its place") {
  CHECK(complaint_about("{\"input\": \"caf\xe9\"}").starts_with("line 1, column 15: "));
  CHECK(complaint_about_lines("{\"input\": 1}\n{\"input\": \"\xff\"}").starts_with("line 2, column 12: "));
}

TEST_CASE("a hundred megabytes of nested brackets are refused quickly") {
  const std::string brackets(100'000'000, '[');
  CHECK(complaint_about(brackets).starts_with("line 1, column 513: "));
  CHECK(complaint_about_lines(brackets).starts_with("line 1, column 513: "));
}

TEST_CASE("many jobs are read quickly") {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "{\"input\": " + std::to_string(i) + "}\n";
  CHECK(read_local_jobs(text, "t", true).size() == 50'000);
}

// --- files
// ----------------------------------------------------------------------------------------------------

TEST_CASE("a file is read to its end, and one named .jsonl line by line") {
  const local_file_folder folder;
  const std::string long_text(300'000, 'x');
  const auto jobs = read_local_job_file(folder.write("a.json", R"({"input": ")" + long_text + "\"}"));
  CHECK(jobs.at(0).input == long_text);
  CHECK(read_local_job_file(folder.write("b.jsonl", "{\"input\": 1}\n{\"input\": 2}\n")).size() == 2);
}

TEST_CASE("a file that cannot be read is refused with its name, the system's reason and the way out") {
  const local_file_folder folder;
  const auto complaint = [](const std::string& path) {
    const std::string text = complaint_of([&] { read_local_job_file(path); });
    const std::string way_out =
        "); name a file of jobs with --test_file PATH, or give one job with --test_input JSON";
    CHECK(text.starts_with(path + ": cannot be read ("));
    CHECK(text.ends_with(way_out));
    return text.substr(path.size() + 18, text.size() - path.size() - 18 - way_out.size());
  };
  CHECK(complaint(folder.path("none.json")) == "No such file or directory");
  CHECK(complaint(folder.path()) == "Is a directory");
  CHECK(complaint(folder.write("file", "{}") + "/inside.json") == "Not a directory");
  CHECK(complaint(folder.path(std::string(300, 'n'))) == "File name too long");
#ifdef __linux__
  CHECK(complaint("/proc/self/mem") == "Input/output error");
#endif
}

TEST_CASE("an error inside a file names the file") {
  const local_file_folder folder;
  const std::string empty = folder.write("empty.json", "");
  CHECK(complaint_of([&] { read_local_job_file(empty); }) ==
        empty + R"(: it is empty; write a job such as {"input": {"message": "hello"}})");
  const std::string broken = folder.write("broken.json", "{\"input\": 1,\n}");
  CHECK(complaint_of([&] {
          read_local_job_file(broken);
        }).starts_with(broken + ": line 2, column 1: expected "));
}

// --- the queue
// ------------------------------------------------------------------------------------------------

TEST_CASE("a local queue hands its jobs out in order, no more than asked for, and then is closed") {
  captured_log output;
  coworker::simulated_loop loop;
  local_file queue(read_local_jobs(R"([{"input": 1}, {"input": 2}, {"input": 3}])", "t"), output.log);
  const auto take = [&](std::size_t capacity) {
    coworker::take_request request;
    request.capacity = capacity;
    return coworker::sync_wait(loop, queue.take(request));
  };
  const auto first = take(2);
  CHECK(ids_of(first.jobs) == std::vector<std::string>{"local_test", "local_test_2"});
  CHECK_FALSE(first.closed);
  const auto second = take(5);
  CHECK(ids_of(second.jobs) == std::vector<std::string>{"local_test_3"});
  CHECK(second.closed);
}

TEST_CASE("a local queue keeps outcomes in the order of its jobs, whatever order they come in") {
  captured_log output;
  coworker::simulated_loop loop;
  local_file queue(read_local_jobs(R"([{"input": 1}, {"input": 2}, {"id": "a", "input": 3}])", "t"),
                   output.log);
  const auto complete = [&](std::string_view id, const outcome& ended) {
    coworker::job_result result;
    result.job_id = id;
    result.outcome = ended;
    return coworker::sync_wait(loop, queue.complete(std::move(result)));
  };
  CHECK(complete("a", outcome::success(30)) == coworker::delivery::accepted);
  CHECK(complete("local_test", outcome::failure("broken")) == coworker::delivery::accepted);
  CHECK(queue.outcomes().at(0).message() == "broken");
  CHECK(queue.outcomes().at(1).message() == "the job was not run");
  CHECK(queue.outcomes().at(2).output == 30);
}

TEST_CASE("two jobs with the same id are refused by the queue too") {
  captured_log output;
  std::vector<job_envelope> jobs(2);
  CHECK_THROWS_AS(local_file(std::move(jobs), output.log), local_job_error);
}
