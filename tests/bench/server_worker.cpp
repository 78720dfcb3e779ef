// For server_bench.py: a worker whose handler returns its input at once, and one whose stream sends nothing
// for an hour.

#include <chrono>
#include <coworker/coworker.hpp>
#include <string_view>
#include <utility>

namespace cw = coworker;

cw::task<cw::json> echo(cw::job<> job) { co_return std::move(job.input); }

cw::async_generator<cw::json> be_quiet(cw::job<>) {
  co_yield "begun";
  co_await cw::sleep_for(std::chrono::hours(1));
}

int main(int argc, char** argv) {
  const cw::options many{.most_waiting = 20'000, .most_connections = 20'000};
  if (argc > 1 && std::string_view(argv[1]) == "--quiet")
    return cw::start(argc, argv, be_quiet, cw::fixed_concurrency{20'000}, many);
  return cw::start(argc, argv, echo, cw::fixed_concurrency{256}, many);
}
