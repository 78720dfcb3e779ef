// A worker whose handler uses the parts of a user's program, in the simulation with all its faults: a value
// that is loaded before the first job and lent, lanes, common steps, batches, channels.
#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/blocking.hpp>
#include <coworker/exec/channel.hpp>
#include <coworker/exec/lanes.hpp>
#include <coworker/exec/lender.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/step_engine.hpp>
#include <coworker/job/middleware/batched.hpp>
#include <coworker/job/middleware/prepared.hpp>
#include <coworker/job/whole.hpp>
#include <coworker/simulation/simulation.hpp>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace cw = coworker;
namespace sim = coworker::simulation;
using namespace std::chrono_literals;

struct program_sequence {
  int left;
};
using program_engine = cw::step_engine<program_sequence, int>;

void program_step(std::span<program_engine::active* const> all) {
  for (program_engine::active* const one : all) {
    one->send((*one)->left);
    if (--(*one)->left == 0) one->finish();
  }
}

// The value that a worker loads; it cannot be moved.
struct program_tools {
  cw::lender<int> contexts;
  cw::lanes<int> gpus;
  program_engine engine;

  explicit program_tools(cw::executor_ref place)
      : contexts([](std::size_t number) { return static_cast<int>(number); }, 2),
        gpus(
            2, [](std::size_t lane) { return static_cast<int>(lane); },
            cw::lanes_options{.per_lane = 2, .run_on = place}),
        engine(program_step, cw::step_engine_options{.at_once = 3}) {}
};

program_tools load_program(const cw::preparation& how) { return program_tools(how.pool()); }

cw::task<> warm_program(program_tools& tools) {
  co_await cw::sleep_for(2s);
  const auto use = [](int& value) { return value; };
  const int lane = co_await tools.gpus.run(use);
  if (lane < 0) throw std::logic_error("no such lane");
}

cw::task<> send_words(cw::channel_sender<std::string> to, int count) {
  for (int i = 0; i != count; ++i) {
    std::string word = "word " + std::to_string(i);
    co_await to.send(std::move(word));
    co_await cw::sleep_for(5ms);
  }
}

cw::async_generator<cw::chunk_or_whole<std::string>> use_program(program_tools& tools, cw::job<> work) {
  const int kind = static_cast<int>(work.id.back()) % 4;
  work.progress("kind " + std::to_string(kind));
  if (kind == 0) {
    const auto context = co_await tools.contexts.lend();
    co_await cw::sleep_for(50ms);
    const std::size_t index = context.index();
    if (index >= 2) throw std::logic_error("no such context");
    co_yield "lent";
  } else if (kind == 1) {
    const auto add = [](int& value, int more) { return value + more; };
    const int sum = co_await tools.gpus.run(add, 40);
    co_await cw::sleep_for(20ms);
    if (sum != 40 && sum != 41) throw std::logic_error("another lane's value");
    co_yield cw::whole("on a lane");
  } else if (kind == 2) {
    program_sequence own{4};
    auto pieces = tools.engine.run(std::move(own));
    for (int* one = co_await pieces.next(); one != nullptr; one = co_await pieces.next())
      co_yield std::to_string(*one);
  } else {
    const cw::context here = co_await cw::this_coro::context();
    cw::channel<std::string> words(1);
    cw::scope senders(here);
    senders.spawn(send_words(words.sender(), 3));
    std::exception_ptr stopped;
    try {
      for (auto one = co_await words.next(); one; one = co_await words.next()) co_yield std::move(*one);
    } catch (...) {
      stopped = std::current_exception();
    }
    senders.request_stop();
    co_await senders.join();
    if (stopped != nullptr) std::rethrow_exception(stopped);
  }
}

std::vector<cw::batch_result<int>> program_many(program_tools& tools, std::vector<cw::json> batch) {
  std::vector<cw::batch_result<int>> results;
  for (std::size_t i = 0; i != batch.size(); ++i) {
    if (i % 5 == 4) {
      results.push_back(cw::job_error("the fifth of a batch"));
    } else {
      results.push_back(static_cast<int>(tools.gpus.size()));
    }
  }
  return results;
}

}  // namespace

TEST_CASE(
    "a worker whose handler lends, enters lanes, steps and streams keeps the invariants under all faults") {
  sim::options load;
  load.jobs = 40;
  const auto handle = cw::prepared(load_program, warm_program, use_program);
  const sim::seeds_report seen = sim::simulate_seeds(60, handle, cw::fixed_concurrency{6}, load);
  CHECK_MESSAGE(seen.ok(), seen.text());
  load.faults = sim::fault_set();
  const sim::report calm = sim::simulate(handle, cw::fixed_concurrency{6}, load);
  CHECK_MESSAGE(calm.ok(), calm.text());
  for (const sim::job_report& one : calm.jobs) CHECK(one.succeeded());
}

TEST_CASE("a worker whose handler runs batches keeps the invariants under all faults") {
  sim::options load;
  load.jobs = 40;
  const auto handle = cw::prepared(load_program, cw::batched(program_many, {.most = 5, .within = 20ms}));
  const sim::seeds_report seen = sim::simulate_seeds(60, handle, cw::fixed_concurrency{10}, load);
  CHECK_MESSAGE(seen.ok(), seen.text());
}
