#include <doctest/doctest.h>
#include <chrono>
#include <coworker/exec/block_for.hpp>
#include <future>
#include <limits>
#include <thread>

namespace {

using namespace std::chrono_literals;
using coworker::block_for;
using coworker::cancelled;

}  // namespace

TEST_CASE("block_for blocks for its time, and returns at once for a time of zero") {
  const coworker::stop_source nobody_stops;
  const auto start = coworker::clock_type::now();
  block_for(2ms, nobody_stops.get_token());
  CHECK(coworker::clock_type::now() - start >= 2ms);
  block_for(0ms, coworker::stop_token());
  block_for(-1h, coworker::stop_token());
  block_for(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()), coworker::stop_token());
}

TEST_CASE(
    "a stop ends the blocking at once, whether it was requested before or by another thread meanwhile") {
  coworker::stop_source stopped;
  stopped.request_stop();
  CHECK_THROWS_AS(block_for(1h, stopped.get_token()), cancelled);
  CHECK_THROWS_AS(block_for(0h, stopped.get_token()), cancelled);

  coworker::stop_source source;
  std::promise<void> about_to_wait;
  std::thread stopper([&] {
    about_to_wait.get_future().wait();
    source.request_stop();
  });
  about_to_wait.set_value();
  CHECK_THROWS_AS(block_for(std::chrono::hours::max(), source.get_token()), cancelled);
  stopper.join();
}
