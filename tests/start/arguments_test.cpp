#include <doctest/doctest.h>
#include <coworker/start/arguments.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

using coworker::log_level;
using coworker::detail::argument_reader;
using coworker::detail::start_arguments;
using coworker::detail::usage_error;

// Reads arguments as main() gets them, and checks that they were not changed.
start_arguments read_arguments(std::vector<std::string> given) {
  given.insert(given.begin(), "program");
  const std::vector<std::string> before = given;
  std::vector<char*> pointers;
  for (std::string& argument : given) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  start_arguments made = argument_reader(static_cast<int>(given.size()), pointers.data()).read();
  CHECK(given == before);
  return made;
}

std::string refusal_of(std::vector<std::string> given) {
  try {
    read_arguments(std::move(given));
  } catch (const usage_error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("without arguments nothing is set, even without the program's name") {
  for (const int count : {0, 1}) {
    std::string name = "program";
    char* arguments[] = {name.data(), nullptr};
    const start_arguments none = argument_reader(count, arguments).read();
    CHECK_FALSE(none.test_input);
    CHECK_FALSE(none.test_file);
    CHECK_FALSE(none.test_output);
    CHECK_FALSE(none.level);
    CHECK_FALSE(none.help);
  }
}

TEST_CASE("a value follows its flag, or an equals sign, and may contain more equals signs") {
  CHECK(read_arguments({"--test_input", "{}"}).test_input == "{}");
  CHECK(read_arguments({"--test_input={\"a\": \"b=c\"}"}).test_input == "{\"a\": \"b=c\"}");
  CHECK(read_arguments({"--test_file", "-"}).test_file == "-");
  CHECK(read_arguments({"--test_output=-1"}).test_output == "-1");
  CHECK(read_arguments({"--test_output", "-1"}).test_output == "-1");
  CHECK(read_arguments({"--rp_log_level", "warn"}).level == log_level::warn);
  CHECK(read_arguments({"--help"}).help);
}

TEST_CASE("the last of several flags counts") {
  CHECK(read_arguments({"--test_input", "1", "--test_input=2"}).test_input == "2");
}

TEST_CASE("arguments that are not ours are ignored, also those that only begin like ours") {
  const start_arguments read = read_arguments({"test_input",
                                               "test_input=1",
                                               "-t",
                                               "-h",
                                               "-v",
                                               "-",
                                               "---",
                                               "--test",
                                               "--test_file_x",
                                               "y",
                                               "--model=x",
                                               "--input",
                                               "--output",
                                               "--log_level",
                                               "--log-level",
                                               "--debugger",
                                               "--schema",
                                               "--test_output_folder",
                                               "--heap",
                                               "--yelp",
                                               "--rp_log_level=INFO",
                                               "--testing",
                                               "--test_case=x",
                                               "--prints",
                                               "",
                                               "=",
                                               "\xe2\x80",
                                               "\xe2\x80\x93",
                                               "-5",
                                               "--help_me"});
  CHECK_FALSE(read.test_input);
  CHECK_FALSE(read.test_file);
  CHECK_FALSE(read.help);
  CHECK(read.level == log_level::info);
}

TEST_CASE("arguments after -- are the program's own, whatever they look like") {
  const start_arguments read =
      read_arguments({"--test_input", "1", "--", "--test_input", "2", "--help", "-test_file",
                      "--rp_serve_api", "--test_output", "--", "--rp_log_level=LOUD"});
  CHECK(read.test_input == "1");
  CHECK_FALSE(read.test_output);
  CHECK_FALSE(read.level);
  CHECK_FALSE(read.help);
}

TEST_CASE("a near miss of one of our flags is refused with the right name, and with the way out") {
  for (const auto& [given, meant] :
       std::vector<std::pair<std::string, std::string>>{{"--test-input", "--test_input"},
                                                        {"--test_inpt", "--test_input"},
                                                        {"-test_input", "--test_input"},
                                                        {"---test_input", "--test_input"},
                                                        {"-test-input", "--test_input"},
                                                        {"--testinput", "--test_input"},
                                                        {"--testInput", "--test_input"},
                                                        {"--TEST_INPUT", "--test_input"},
                                                        {"--test_inptu", "--test_input"},
                                                        {"--tets_input", "--test_input"},
                                                        {"--test_inputs", "--test_input"},
                                                        {"--test_inut", "--test_input"},
                                                        {"--test__input", "--test_input"},
                                                        {"\xe2\x80\x94test_input", "--test_input"},
                                                        {"\xe2\x80\x93test_input", "--test_input"},
                                                        {"\xe2\x88\x92-test_input", "--test_input"},
                                                        {"--test-file", "--test_file"},
                                                        {"--test_fil", "--test_file"},
                                                        {"--test_files", "--test_file"},
                                                        {"--test-output", "--test_output"},
                                                        {"--test_ouput", "--test_output"},
                                                        {"--test_otput", "--test_output"},
                                                        {"--rp-log-level", "--rp_log_level"},
                                                        {"--rp_loglevel", "--rp_log_level"},
                                                        {"--rp_log_lvl", "--rp_log_level"},
                                                        {"-rp_log_level", "--rp_log_level"},
                                                        {"--rp-debugger", "--rp_debugger"},
                                                        {"--rp_debuger", "--rp_debugger"},
                                                        {"--print-schema", "--print_schema"},
                                                        {"--print_shema", "--print_schema"},
                                                        {"--print_scheme", "--print_schema"},
                                                        {"-help", "--help"},
                                                        {"--Help", "--help"},
                                                        {"--HELP", "--help"}}) {
    CAPTURE(given);
    const std::string refusal = given + ": there is no such argument; write " + meant +
                                ", or put it behind -- if it is the program's own";
    CHECK(refusal_of({given}) == refusal);
    CHECK(refusal_of({given + "=1"}) == refusal);
    CHECK(refusal_of({given, "1"}) == refusal);
    CHECK(refusal_of({given + ":1"}) == refusal);
    CHECK(refusal_of({"--", given}) == "accepted");
    CHECK(refusal_of({"--test_output", given.starts_with("--") ? "=" : given}) == "accepted");
  }
}

TEST_CASE("a flag that takes no value is refused with one, because it might mean the opposite") {
  for (const char* const flag : {"--rp_debugger", "--print_schema", "--help"}) {
    for (const char* const value : {"=false", "=", "=1", ":", "\r"})
      CHECK(refusal_of({flag + std::string(value)}) ==
            flag + std::string(": it takes no value; write ") + flag + " alone");
  }
}

TEST_CASE("a flag without its value is refused, and so is an empty value") {
  for (const char* flag : {"--test_input", "--test_file", "--test_output", "--rp_log_level"}) {
    const std::string refusal = std::string(flag) + ": its value is missing; write " + flag + " VALUE";
    CHECK(refusal_of({flag}) == refusal);
    CHECK(refusal_of({flag, "--help"}) == refusal);
    CHECK(refusal_of({flag, ""}) == refusal);
    CHECK(refusal_of({std::string(flag) + "="}) == refusal);
    CHECK(refusal_of({flag, "--"}) == refusal);
    CHECK(refusal_of({std::string(flag) + ":{}"}) == refusal);
    CHECK(refusal_of({std::string(flag) + "\r"}) == refusal);
  }
}

TEST_CASE("an unknown level is refused, and the known ones are listed") {
  CHECK(refusal_of({"--rp_log_level=LOUD"}) ==
        "--rp_log_level: there is no log level \"LOUD\"; use NOTSET, TRACE, DEBUG, INFO, WARN or ERROR");
}

TEST_CASE("two sources of jobs are refused") {
  CHECK(refusal_of({"--test_file", "a", "--test_input", "b"}) ==
        "--test_input and --test_file: give only one of them");
}

TEST_CASE("arguments that ask for a server are read, and near misses of them are refused") {
  const start_arguments api =
      read_arguments({"--rp_serve_api", "--rp_api_host", "0.0.0.0", "--rp_api_port=0"});
  CHECK(api.serve_api);
  CHECK(!api.serve);
  CHECK(api.api_host == "0.0.0.0");
  CHECK(api.api_port == std::uint16_t{0});
  CHECK(read_arguments({"--serve"}).serve);
  CHECK(read_arguments({"serve"}).serve_word);
  CHECK(!read_arguments({"--test_input", "1", "serve"}).serve_word);
  CHECK(!read_arguments({"--", "serve"}).serve_word);
  for (const char* const port : {"65536", "-1", "x", "1x", "+1", "99999999999999999999"}) {
    CAPTURE(port);
    CHECK(refusal_of({"--rp_api_port", port}).find("is no port") != std::string::npos);
  }
  for (const char* flag :
       {"--rp_api_concurrency", "--rp-serve-api", "-rp_serve_api", "--rp-api-port", "--rp_serve_apis"}) {
    CAPTURE(flag);
    CHECK(refusal_of({flag}).starts_with(std::string(flag) + ": "));
  }
  CHECK(refusal_of({"--rp-serve-api"}).find("write --rp_serve_api,") != std::string::npos);
  CHECK(refusal_of({"--rp-api-port=80"}).find("write --rp_api_port,") != std::string::npos);
  CHECK(refusal_of({"--rp_api_concurrency"}).find("does not have it") != std::string::npos);
  CHECK(refusal_of({"--rp_serve_api=1"}).starts_with("--rp_serve_api: it takes no value"));
}
