#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/captured_log.hpp"

namespace {

using coworker::json;
using coworker::log_form;
using coworker::log_level;
using coworker::log_subject;
using coworker::logger;
using coworker::shorten_message;
using coworker::testing::captured_log;

std::string repeated(std::string_view text, std::size_t count) {
  std::string made;
  for (std::size_t i = 0; i < count; ++i) made += text;
  return made;
}

// Returns the single line that a message becomes.
std::string line_of(std::string_view message, log_subject subject = {}, log_form form = log_form::text) {
  captured_log output(log_level::trace, form);
  output.log.info(message, subject);
  REQUIRE(output.lines().size() == 1);
  return output.lines()[0];
}

}  // namespace

TEST_CASE("a line for people has the level, seven characters wide, the job and the message") {
  captured_log output;
  output.log.trace("a");
  output.log.debug("b");
  output.log.info("c", log_subject("job-1"));
  output.log.warn("d");
  output.log.error("e", log_subject("job-2", "batch-3"));
  output.log.write(log_level::error, "f", log_subject("", "batch-4"));
  CHECK(output.lines() == std::vector<std::string>{"TRACE  | a", "DEBUG  | b", "INFO   | job-1 | c",
                                                   "WARN   | d", "ERROR  | job-2 | [batch-3] e",
                                                   "ERROR  | [batch-4] f"});
}

TEST_CASE("a line for a platform is an object with three members") {
  captured_log output(log_level::trace, log_form::json);
  output.log.info("Started.", log_subject("job-1"));
  output.log.warn("no job");
  output.log.error("said \"no\"\n\x01\x7f\u0085\u2028", log_subject("job \"2\"", "b"));
  CHECK(
      output.lines() ==
      std::vector<std::string>{
          R"({"requestId": "job-1", "message": "Started.", "level": "INFO"})",
          R"({"requestId": null, "message": "no job", "level": "WARN"})",
          R"({"requestId": "job \"2\"", "message": "[b] said \"no\"\n\u0001\u007f\u0085\u2028", "level": "ERROR"})"});
}

TEST_CASE("a logger drops lines below its level, which can be changed") {
  captured_log output(log_level::warn);
  output.log.info("dropped");
  output.log.warn("kept");
  CHECK_FALSE(output.log.writes(log_level::info));
  CHECK(output.log.writes(log_level::error));
  output.log.set_level(log_level::notset);
  output.log.trace("kept too");
  CHECK(output.lines() == std::vector<std::string>{"WARN   | kept", "TRACE  | kept too"});
}

TEST_CASE("a logger writes INFO and above by default") {
  const logger usual;
  CHECK(usual.writes(log_level::info));
  CHECK_FALSE(usual.writes(log_level::debug));
}

TEST_CASE("the form of lines can be changed") {
  captured_log output;
  output.log.set_form(log_form::json);
  output.log.info("now JSON");
  CHECK(json::parse(output.lines().at(0)).at("message") == "now JSON");
}

TEST_CASE("level names are recognised in any letter case, and WARNING means WARN") {
  CHECK(coworker::parse_log_level("INFO") == log_level::info);
  CHECK(coworker::parse_log_level("debug") == log_level::debug);
  CHECK(coworker::parse_log_level("Trace") == log_level::trace);
  CHECK(coworker::parse_log_level("NotSet") == log_level::notset);
  CHECK(coworker::parse_log_level("warning") == log_level::warn);
  CHECK(coworker::parse_log_level("WARN") == log_level::warn);
  CHECK(coworker::parse_log_level("ERROR") == log_level::error);
  for (const char* unknown : {"", " INFO", "INFOS", "CRITICAL", "3"})
    CHECK_FALSE(coworker::parse_log_level(unknown));
}

TEST_CASE("a message of 4096 characters is written whole") {
  const std::string message = repeated("x", 4096);
  CHECK(shorten_message(message) == message);
  CHECK(line_of(message) == "INFO   | " + message);
}

TEST_CASE("a longer message keeps its first and last 2048 characters around a note of the rest") {
  const std::string message = repeated("a", 2048) + "b" + repeated("c", 2048);
  CHECK(shorten_message(message) ==
        repeated("a", 2048) + "\n...TRUNCATED 1 CHARACTERS...\n" + repeated("c", 2048));
  CHECK(shorten_message(repeated("x", 10'000)) ==
        repeated("x", 2048) + "\n...TRUNCATED 5904 CHARACTERS...\n" + repeated("x", 2048));
}

TEST_CASE("characters are counted, not bytes, and none is cut in two") {
  for (const char* character : {"é", "€", "😀"}) {
    const std::string whole = repeated(character, 4096);
    CHECK(shorten_message(whole) == whole);
    CHECK(shorten_message(repeated(character, 4100)) ==
          repeated(character, 2048) + "\n...TRUNCATED 4 CHARACTERS...\n" + repeated(character, 2048));
  }
}

TEST_CASE("bytes that are not UTF-8 are replaced, each by one character, in both forms") {
  CHECK(line_of("bad \xff\x80 bytes") == "INFO   | bad \ufffd\ufffd bytes");
  CHECK(line_of("cut \xe2\x82") == "INFO   | cut \ufffd\ufffd");
  CHECK(line_of("bad \xff", log_subject("id \xfe"), log_form::json) ==
        "{\"requestId\": \"id \ufffd\", \"message\": \"bad \ufffd\", \"level\": \"INFO\"}");
}

TEST_CASE("a long message is shortened even if it is not UTF-8") {
  CHECK(line_of(repeated("\x80", 5000)) == "INFO   | " + repeated("\ufffd", 2048) +
                                               "\\n...TRUNCATED 904 CHARACTERS...\\n" +
                                               repeated("\ufffd", 2048));
}

TEST_CASE("a secret appears as three stars everywhere") {
  captured_log output;
  output.log.hide("rpa_KEY");
  output.log.info("Authorization: rpa_KEY, and rpa_KEYrpa_KEY again", log_subject("job-rpa_KEY", "rpa_KEY"));
  CHECK(output.lines().at(0) == "INFO   | job-*** | [***] Authorization: ***, and ****** again");
}

TEST_CASE("no part of a secret remains if a message is shortened within it") {
  captured_log output;
  output.log.hide("rpa_KEY");
  output.log.info(repeated("x", 2045) + "rpa_KEY" + repeated("y", 5000));
  CHECK(output.count("rpa") == 0);
}

TEST_CASE("if a secret contains another, no part of the longer one remains") {
  captured_log output;
  output.log.hide("abcdefgh");
  output.log.hide("abcdefgh-1");
  output.log.info("abcdefgh-1 abcdefgh");
  CHECK(output.lines().at(0) == "INFO   | *** ***");
}

TEST_CASE("a secret is recognised inside JSON text too") {
  captured_log output;
  output.log.hide("a\"b\\c");
  output.log.info(json{{"key", "a\"b\\c"}}.dump());
  CHECK(output.lines().at(0) == R"(INFO   | {"key":"***"})");
}

TEST_CASE("an empty secret is ignored, and a short one leaves lines readable") {
  captured_log output;
  CHECK(output.log.hide(""));
  CHECK_FALSE(output.log.hide("t"));
  CHECK(output.log.hide("rpa_KEY"));
  output.log.info("Started. Authorization: t", log_subject("test"));
  CHECK(output.lines().at(0) == "INFO   | test | Started. Authorization: ***");
}

TEST_CASE("the user and the password in a URL are masked in every line") {
  CHECK(line_of("Posting to https://user:pass@host/done fails.") ==
        "INFO   | Posting to https://***@host/done fails.");
}

TEST_CASE("the password of a URL can be masked outside the URL too") {
  captured_log output;
  output.log.hide_password_of("https://user:s3same-open@host/path");
  output.log.hide_password_of("https://token-1234@host");
  output.log.hide_password_of("https://host/a@b");
  output.log.info("s3same-open, user, token-1234, host");
  CHECK(output.lines().at(0) == "INFO   | ***, user, ***, host");
}

TEST_CASE("other texts that leave the process can be masked like a line, and are not changed otherwise") {
  captured_log output;
  output.log.hide("rpa_KEY");
  const logger& log = output.log;
  CHECK(log.masked("\xff\nrpa_KEY https://u:p@h/" + repeated("x", 5000)) ==
        "\xff\n*** https://***@h/" + repeated("x", 5000));
  CHECK(log.masked("plain").compare("plain") == 0);
  CHECK(output.lines().empty());
}

TEST_CASE("one event is one line: line breaks and cursor controls are escaped in message and ids") {
  const std::string forged = "x\nERROR  | job-2 | forged\r\x1b[2K\x7f\u0085\u2028\u2029\u202e\t\v";
  const std::string shown =
      "x\\nERROR  | job-2 | forged\\r\\u001b[2K\\u007f\\u0085\\u2028\\u2029\\u202e\\t\\u000b";
  CHECK(line_of(forged) == "INFO   | " + shown);
  CHECK(line_of("m", log_subject("", forged)) == "INFO   | [" + shown + "] m");
  const std::string id = line_of("m", log_subject(forged));
  CHECK(id.find_first_of("\n\r\x1b\x7f\t\v") == std::string::npos);
  CHECK(id.ends_with(" | m"));
}

TEST_CASE("an id cannot imitate the message") {
  CHECK(line_of("Started.", log_subject("a | Finished.")) == "INFO   | a \\u007c Finished. | Started.");
}

TEST_CASE("an id is not longer than 512 characters") {
  const std::string line = line_of("m", log_subject(repeated("x", 2000)));
  CHECK(line == "INFO   | " + repeated("x", 256) + "\\n...TRUNCATED 1488 CHARACTERS...\\n" +
                    repeated("x", 256) + " | m");
}

TEST_CASE("a message of many megabytes full of a secret becomes a short line quickly") {
  captured_log output;
  output.log.hide("rpa_KEY_0123456789");
  output.log.info(repeated("rpa_KEY_0123456789 ", 100'000));
  CHECK(output.count("TRUNCATED") == 1);
  CHECK(output.count("rpa") == 0);
}

TEST_CASE("any exception that ends one of coworker's threads is logged in one line") {
  captured_log output;
  const auto line_for = [&output](auto thrown) {
    try {
      throw thrown;
    } catch (...) {
      coworker::detail::log_current_exception(output.log, "The thread has ended");
    }
    return output.lines().back();
  };
  CHECK(line_for(std::runtime_error("no socket")) == "ERROR  | The thread has ended: no socket");
  CHECK(line_for(7) == "ERROR  | The thread has ended: an exception that is no std::exception");
  CHECK(output.lines().size() == 2);
}

TEST_CASE("lines go to the sink that was set last") {
  captured_log first, second;
  first.log.info("one");
  first.log.set_sink(second);
  first.log.info("two");
  CHECK(first.lines() == std::vector<std::string>{"INFO   | one"});
  CHECK(second.lines() == std::vector<std::string>{"INFO   | two"});
}

TEST_CASE("many threads may log at once, and change the level meanwhile; no line is lost or mixed up") {
  captured_log output;
  std::vector<std::thread> threads;
  constexpr int each = 200;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([&output, number] {
      const std::string id = std::to_string(number);
      const std::string message = repeated(id, 500);
      for (int i = 0; i < each; ++i) {
        output.log.info(message, log_subject(id));
        output.log.set_level(log_level::info);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(output.lines().size() == 4 * each);
  for (int number = 0; number < 4; ++number) {
    const std::string id = std::to_string(number);
    CHECK(output.count("INFO   | " + id + " | " + repeated(id, 500)) == each);
  }
}

TEST_CASE("a stderr_sink writes to standard error, and names it when lines are missing") {
  std::FILE* const file = std::tmpfile();
  const int before = ::fcntl(2, F_DUPFD_CLOEXEC, 3);
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(file != nullptr);
  REQUIRE(before > 2);
  REQUIRE(full > 2);
  {
    logger log;
    coworker::stderr_sink sink;
    log.set_sink(sink);
    ::dup2(full, 2);
    log.info("no space");
    ::dup2(::fileno(file), 2);
    log.info("space");
    log.wait_until_written();
  }
  ::dup2(before, 2);
  char text[200];
  std::rewind(file);
  const std::size_t size = std::fread(text, 1, sizeof text, file);
  std::fclose(file);
  ::close(before);
  ::close(full);
  CHECK(std::string_view(text, size) ==
        "WARN   | 1 log line was dropped: standard error took no more.\nINFO   | space\n");
}
