// doctest's own code and main(), compiled once for all tests.
//
// A test whose requirements are missing logs MESSAGE("skipped: what it needs") and returns. If a run did
// nothing else, it exits with 77, which CTest and meson show as skipped. A failure is never hidden by this.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <string_view>

namespace {

int tests_begun = 0;
int tests_skipped = 0;

struct skip_counter final : doctest::IReporter {
  explicit skip_counter(const doctest::ContextOptions&) {}
  void log_message(const doctest::MessageData& message) override {
    if (std::string_view(message.m_string.c_str()).substr(0, 9) == "skipped: ") ++tests_skipped;
  }
  void test_case_start(const doctest::TestCaseData&) override { ++tests_begun; }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("skip_counter", 1, skip_counter);

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int result = context.run();
  constexpr int skipped = 77;
  return result == 0 && tests_begun > 0 && tests_skipped == tests_begun ? skipped : result;
}
