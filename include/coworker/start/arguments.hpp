#pragma once
// Reads the arguments that coworker takes from a program's arguments. Must not know the environment or a
// worker.

#include <array>
#include <charconv>
#include <coworker/log.hpp>
#include <coworker/start/near_miss.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace coworker::inline v0_1::detail {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_undelivered = 3;
inline constexpr int exit_unfinished = 4;
inline constexpr int exit_not_prepared = 5;

inline constexpr char usage_text[] =
    "Arguments that coworker takes; any others, and all behind --, are left to the program:\n"
    "  --test_input JSON     run one job from this text (or an array of jobs) and exit\n"
    "  --test_file PATH      run the jobs in this file: a .json file with one job or an array, or a .jsonl "
    "file\n"
    "  --test_output JSON    compare the output with this; for several jobs an array, in their order\n"
    "  --rp_log_level LEVEL  NOTSET, TRACE, DEBUG, INFO, WARN or ERROR\n"
    "  --rp_debugger         add timings to outputs that are objects\n"
    "  --rp_serve_api        serve the platform's queue API and a console by HTTP\n"
    "  --serve               serve by HTTP: a POST on any path is a job, its response the output\n"
    "  serve                 the same on all addresses, as the first argument\n"
    "  --rp_api_host HOST    the address to serve on; default: localhost, or 0.0.0.0 on a platform\n"
    "  --rp_api_port PORT    the port to serve on; default: 8000, or what the platform says\n"
    "  --print_schema        print the JSON Schema of the handler's input and exit\n"
    "  --help                print this and exit\n"
    "Which mode runs, the first of these that holds:\n"
    "  --test_input, --test_file    these jobs, then exit\n"
    "  --rp_serve_api               the queue API by HTTP\n"
    "  --serve, or the word serve   a plain HTTP service (PORT chooses the port)\n"
    "  the program's own engine     what it gives to start()\n"
    "  RUNPOD_REALTIME_PORT         realtime by HTTP\n"
    "  RUNPOD_WEBHOOK_GET_JOB       the platform's queue\n"
    "  AWS_LAMBDA_RUNTIME_API       AWS Lambda\n"
    "  K_SERVICE, AIP_HTTP_PORT, PORT_HEALTH   a plain HTTP service on the platform's port\n"
    "  none of them                 the jobs in test_input.json in the working directory, then exit\n"
    "If COWORKER_API_TOKEN is set, everything that serves by HTTP asks for it.\n"
    "Exit status:\n"
    "  0  all went well\n"
    "  1  a local job failed, or bad input\n"
    "  2  arguments, environment or build do not fit\n"
    "  3  the queue did not get all results\n"
    "  4  something still hung when the grace period was over\n"
    "  5  the handler could not be prepared, as when its model cannot be loaded: no job was taken\n";

struct start_arguments {
  std::optional<std::string> test_input;
  std::optional<std::string> test_file;
  std::optional<std::string> test_output;
  std::optional<log_level> level;
  std::optional<std::string> api_host;
  std::optional<std::uint16_t> api_port;
  bool serve_api = false;
  bool serve = false;
  bool serve_word = false;  // the first argument is the word alone, as some platforms start a container
  bool rp_debugger = false;
  bool print_schema = false;
  bool help = false;
};

/// Arguments that cannot be used. The message is for standard error.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline log_level require_log_level(const std::string& origin, std::string_view name) {
  if (const std::optional<log_level> level = parse_log_level(name)) return *level;
  throw usage_error(origin + ": there is no log level \"" + std::string(name) +
                    "\"; use NOTSET, TRACE, DEBUG, INFO, WARN or ERROR");
}

// Reads `--flag value` and `--flag=value`, up to `--`. If a flag is given several times, the last one counts.
class argument_reader {
 public:
  argument_reader(int argc, char** argv) noexcept : next_(argv + (argc > 0 ? 1 : 0)), end_(argv + argc) {}

  start_arguments read() {
    start_arguments made;
    if (next_ != end_ && std::string_view(*next_) == "serve") made.serve_word = true;
    for (; next_ != end_ && std::string_view(*next_) != "--"; ++next_) {
      const std::string_view argument = *next_;
      const std::string flag(flag_part(argument));
      if (flag == "--test_input") {
        made.test_input = value_of(flag, argument);
      } else if (flag == "--test_file") {
        made.test_file = value_of(flag, argument);
      } else if (flag == "--test_output") {
        made.test_output = value_of(flag, argument);
      } else if (flag == "--rp_log_level") {
        made.level = require_log_level(flag, value_of(flag, argument));
      } else if (flag == "--print_schema") {
        made.print_schema = without_value(flag, argument);
      } else if (flag == "--rp_serve_api") {
        made.serve_api = without_value(flag, argument);
      } else if (flag == "--serve") {
        made.serve = without_value(flag, argument);
      } else if (flag == "--rp_api_host") {
        made.api_host = value_of(flag, argument);
      } else if (flag == "--rp_api_port") {
        made.api_port = port_of(flag, value_of(flag, argument));
      } else if (flag == "--rp_debugger") {
        made.rp_debugger = without_value(flag, argument);
      } else if (flag == "--help") {
        made.help = without_value(flag, argument);
      } else {
        refuse_near_miss(argument, flag);
        if (is_one_of_the_platform(flag))
          throw usage_error(flag + ": this version of coworker does not have it; leave it out");
      }
    }
    if (made.test_input && made.test_file)
      throw usage_error("--test_input and --test_file: give only one of them");
    return made;
  }

 private:
  static constexpr std::array<std::string_view, 11> flags{
      "--test_input", "--test_file",    "--test_output", "--rp_log_level", "--print_schema", "--rp_debugger",
      "--help",       "--rp_serve_api", "--serve",       "--rp_api_host",  "--rp_api_port"};

  static void refuse_near_miss(std::string_view argument, const std::string& flag) {
    std::string_view nearest;
    std::size_t distance = no_miss;
    for (const std::string_view known : flags) {
      if (near_miss(argument, known) >= distance) continue;
      distance = near_miss(argument, known);
      nearest = known;
    }
    if (distance == no_miss) return;
    throw usage_error(flag + ": there is no such argument; write " + std::string(nearest) +
                      ", or put it behind -- if it is the program's own");
  }

  // Flags of the platform's Python SDK that this version does not have.
  static bool is_one_of_the_platform(std::string_view flag) {
    const std::string name = plain_name(flag);
    return leading_dashes(flag) > 0 && (name.starts_with("rp_serve_api") || name.starts_with("rp_api_"));
  }

  static std::uint16_t port_of(const std::string& flag, const std::string& value) {
    unsigned number = 0;
    const char* const end = value.data() + value.size();
    const auto [stopped, problem] = std::from_chars(value.data(), end, number);
    if (problem != std::errc() || stopped != end || number > 65535)
      throw usage_error(flag + ": \"" + value +
                        "\" is no port; give a number from 0 to 65535, where 0 is any free port");
    return static_cast<std::uint16_t>(number);
  }

  static bool without_value(const std::string& flag, std::string_view argument) {
    if (argument != flag) throw usage_error(flag + ": it takes no value; write " + flag + " alone");
    return true;
  }

  std::string value_of(const std::string& flag, std::string_view argument) {
    std::string_view value;
    if (argument.size() > flag.size()) {
      if (argument[flag.size()] == '=') value = argument.substr(flag.size() + 1);
    } else if (next_ + 1 != end_ && !std::string_view(next_[1]).starts_with("--")) {
      value = *++next_;
    }
    if (value.empty()) throw usage_error(flag + ": its value is missing; write " + flag + " VALUE");
    return std::string(value);
  }

  char** next_;
  char** const end_;
};

}  // namespace coworker::inline v0_1::detail
