// The queue server as a program, for manual tests and for benchmarks:
//
//   queue_server [--port P] [--jobs N] [--hold-ms MS] [--input JSON] [--print-env] [--linger] [--limit-s S]
//
// Serves on 127.0.0.1 until all N jobs have a result, or forever if N is 0, then prints its figures on one
// line. --print-env first prints the environment variables for a worker, in shell syntax. --linger continues
// to serve after the figures. --limit-s gives up after that time and exits with 1.
//
//   queue_server --jobs 1000 --print-env > env & sleep 1; . ./env; ./worker

#include <chrono>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/queue_server.hpp>

namespace {

using namespace coworker::testing;

struct arguments {
  queue_settings server{.keep_exchanges = false};
  std::size_t jobs = 0;
  coworker::json input = coworker::json{{"message", "hello"}};
  std::chrono::seconds limit = std::chrono::hours(24);
  bool print_env = false;
  bool linger = false;
};

arguments read_arguments(int argc, char** argv) {
  arguments made;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto value = [&]() -> std::string {
      if (++i == argc) throw std::runtime_error(std::string(flag) + ": its value is missing");
      return argv[i];
    };
    if (flag == "--port") {
      made.server.port = static_cast<std::uint16_t>(std::stoi(value()));
    } else if (flag == "--jobs") {
      made.jobs = std::stoul(value());
    } else if (flag == "--hold-ms") {
      made.server.hold = std::chrono::milliseconds(std::stol(value()));
    } else if (flag == "--input") {
      made.input = coworker::json::parse(value());
    } else if (flag == "--limit-s") {
      made.limit = std::chrono::seconds(std::stol(value()));
    } else if (flag == "--print-env") {
      made.print_env = true;
    } else if (flag == "--linger") {
      made.linger = true;
    } else {
      throw std::runtime_error("there is no " + std::string(flag) +
                               "; there are --port --jobs --hold-ms --input --print-env --linger --limit-s");
    }
  }
  return made;
}

/// first_take is a time of CLOCK_MONOTONIC in nanoseconds, so that a start can be measured from outside.
void print_figures(const queue_log& log) {
  const double elapsed = std::chrono::duration<double>(log.last_result - log.first_take).count();
  std::printf(
      "jobs=%zu results=%zu duplicates=%zu elapsed_s=%.6f jobs_per_s=%.0f takes=%zu connections=%zu "
      "first_take=%lld\n",
      log.jobs_with_result, log.results, log.duplicates, elapsed,
      elapsed > 0 ? static_cast<double>(log.jobs_with_result) / elapsed : 0, log.takes(), log.connections,
      static_cast<long long>(log.first_take.time_since_epoch().count()));
  std::fflush(stdout);
}

int run(const arguments& wanted) {
  queue_server server(wanted.server);
  server.add_jobs(wanted.jobs, wanted.input);
  if (wanted.print_env) {
    for (const auto& [name, value] : server.environment())
      std::printf("export %s='%s'\n", name.c_str(), value.c_str());
    std::fflush(stdout);
  }
  const auto all_done = [&](const queue_log& log) {
    return wanted.jobs != 0 && log.jobs_with_result == wanted.jobs;
  };
  const bool done = server.wait_for(all_done, wanted.limit);
  print_figures(server.log());
  if (wanted.linger) server.wait_for([](const queue_log&) { return false; }, wanted.limit);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(read_arguments(argc, argv));
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "queue_server: %s\n", problem.what());
    return 2;
  }
}
