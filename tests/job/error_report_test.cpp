#include <doctest/doctest.h>
#include <coworker/job/error_report.hpp>
#include <coworker/json/json.hpp>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace job_errors {
struct out_of_memory_on_gpu : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct plain {};
struct speechless : std::exception {
  const char* what() const noexcept override { return nullptr; }
};
}  // namespace job_errors

namespace {

using coworker::describe_exception;
using coworker::exception_description;

template <class Thrown>
exception_description description_of(Thrown thrown) {
  return describe_exception(std::make_exception_ptr(std::move(thrown)));
}

}  // namespace

TEST_CASE("an exception is described by the name of its real type and what it says") {
  const auto described = description_of(job_errors::out_of_memory_on_gpu("12 GB wanted"));
  CHECK(described.type == "job_errors::out_of_memory_on_gpu");
  CHECK(described.message == "12 GB wanted");
  CHECK(described.trace == "job_errors::out_of_memory_on_gpu: 12 GB wanted");
}

TEST_CASE("a thrown text is its own message") {
  CHECK(description_of("a literal").message == "a literal");
  CHECK(description_of(std::string("a string")).message == "a string");
  CHECK(description_of(std::string("a string")).type == "std::string");
}

TEST_CASE("whatever else is thrown is described by its type") {
  CHECK(description_of(42).type == "int");
  CHECK(description_of(42).message == "a value that is not a std::exception was thrown");
  CHECK(description_of(job_errors::plain()).type == "job_errors::plain");
}

TEST_CASE("a null text, thrown or said by what(), is an empty message") {
  CHECK(description_of(static_cast<const char*>(nullptr)).message.empty());
  CHECK(description_of(job_errors::speechless()).message.empty());
}

TEST_CASE(
    "nested exceptions are told one a line, outermost first, under the names of the types that were meant") {
  std::exception_ptr caught;
  try {
    try {
      try {
        throw std::out_of_range("index 7");
      } catch (...) {
        std::throw_with_nested(std::invalid_argument("no such voice"));
      }
    } catch (...) {
      std::throw_with_nested(job_errors::out_of_memory_on_gpu("cannot speak"));
    }
  } catch (...) {
    caught = std::current_exception();
  }
  const auto described = describe_exception(caught);
  CHECK(described.type == "job_errors::out_of_memory_on_gpu");
  CHECK(described.message == "cannot speak");
  CHECK(described.trace ==
        "job_errors::out_of_memory_on_gpu: cannot speak\n"
        "caused by std::invalid_argument: no such voice\n"
        "caused by std::out_of_range: index 7");
}

TEST_CASE("what is no std::exception may be nested around a cause as well") {
  const auto trace_of_nested = [](auto thrown) {
    try {
      try {
        throw std::out_of_range("index 7");
      } catch (...) {
        std::throw_with_nested(std::move(thrown));
      }
    } catch (...) {
      return describe_exception(std::current_exception()).trace;
    }
  };
  CHECK(trace_of_nested(std::string("cannot speak")) ==
        "std::string: cannot speak\ncaused by std::out_of_range: index 7");
  CHECK(trace_of_nested(job_errors::plain()) ==
        "job_errors::plain: a value that is not a std::exception was thrown\n"
        "caused by std::out_of_range: index 7");
}

TEST_CASE("an error report is JSON text with the members that the platform's clients read") {
  exception_description error;
  error.type = "std::runtime_error";
  error.message = "said \"no\"";
  error.trace = "std::runtime_error: said \"no\"";
  coworker::worker_identity reporter;
  reporter.worker_id = "pod-7";
  reporter.hostname = "host-3";
  CHECK(coworker::error_report(error, reporter) ==
        R"({"error_type":"std::runtime_error","error_message":"said \"no\"",)"
        R"("error_traceback":"std::runtime_error: said \"no\"","hostname":"host-3","worker_id":"pod-7",)"
        R"("runpod_version":")" COWORKER_VERSION R"("})");
}

TEST_CASE("bytes that are not UTF-8 are replaced in a report, so that it can always be sent") {
  exception_description error;
  error.message = "bad \xff byte";
  const auto report = coworker::json::parse(coworker::error_report(error, {}));
  CHECK(report.at("error_message") == "bad \ufffd byte");
}
