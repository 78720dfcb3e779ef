#include <doctest/doctest.h>
#include <coworker/job/error_info.hpp>
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
using coworker::error_info;

template <class Thrown>
error_info description_of(Thrown thrown) {
  return describe_exception(std::make_exception_ptr(std::move(thrown)));
}

}  // namespace

TEST_CASE("an exception is described by the name of its dynamic type and its what()") {
  const auto described = description_of(job_errors::out_of_memory_on_gpu("12 GB wanted"));
  CHECK(described.type == "job_errors::out_of_memory_on_gpu");
  CHECK(described.message == "12 GB wanted");
  CHECK(described.trace() == "job_errors::out_of_memory_on_gpu: 12 GB wanted");
}

TEST_CASE("a thrown text is its own message") {
  CHECK(description_of("a literal").message == "a literal");
  CHECK(description_of(std::string("a string")).message == "a string");
  CHECK(description_of(std::string("a string")).type == "std::string");
}

TEST_CASE("any other thrown value is described by its type") {
  CHECK(description_of(42).type == "int");
  CHECK(description_of(42).message == "a value that is not a std::exception was thrown");
  CHECK(description_of(job_errors::plain()).type == "job_errors::plain");
}

TEST_CASE("a null text, thrown or returned by what(), is an empty message") {
  CHECK(description_of(static_cast<const char*>(nullptr)).message.empty());
  CHECK(description_of(job_errors::speechless()).message.empty());
}

TEST_CASE("nested exceptions are listed one per line, outermost first, with the types that were thrown") {
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
  CHECK(described.trace() ==
        "job_errors::out_of_memory_on_gpu: cannot speak\n"
        "caused by std::invalid_argument: no such voice\n"
        "caused by std::out_of_range: index 7");
}

TEST_CASE("a value that is not a std::exception may have a nested cause as well") {
  const auto trace_of_nested = [](auto thrown) {
    try {
      try {
        throw std::out_of_range("index 7");
      } catch (...) {
        std::throw_with_nested(std::move(thrown));
      }
    } catch (...) {
      return describe_exception(std::current_exception()).trace();
    }
  };
  CHECK(trace_of_nested(std::string("cannot speak")) ==
        "std::string: cannot speak\ncaused by std::out_of_range: index 7");
  CHECK(trace_of_nested(job_errors::plain()) ==
        "job_errors::plain: a value that is not a std::exception was thrown\n"
        "caused by std::out_of_range: index 7");
}

TEST_CASE("the causes of an error are values too, the direct cause first") {
  std::exception_ptr caught;
  try {
    try {
      throw std::out_of_range("index 7");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("cannot speak"));
    }
  } catch (...) {
    caught = std::current_exception();
  }
  const error_info described = describe_exception(caught);
  REQUIRE(described.causes.size() == 1);
  CHECK(described.causes[0].type == "std::out_of_range");
  CHECK(described.causes[0].message == "index 7");
}

TEST_CASE("an error with only a message has no type in its text") {
  error_info error;
  error.message = "no such model";
  CHECK(error.text() == "no such model");
  CHECK(error.trace() == "no such model");
}
