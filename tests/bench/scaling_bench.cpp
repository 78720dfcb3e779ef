// Measures how costs grow with the size: for each row the CPU time at growing sizes, the exponent that fits
// it (1 is linear, 2 quadratic), and the peak of additional memory at the largest size. All rows are linear
// or nearly so. A row whose largest size no longer fits into the CPU's caches shows an exponent of 1.1 to
// 1.3.
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -Iinclude tests/bench/scaling_bench.cpp -o scaling_bench && ./scaling_bench
//
// Usage: scaling_bench [--quick] [ROW]: runs only rows whose name begins with ROW; --quick shows only that
// the benchmark works. Tests check the same rows by counting operations and allocations.

#include "bench.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <coworker/coworker.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <malloc.h>

namespace {

std::atomic<std::size_t> bytes_held{0};
std::atomic<std::size_t> most_held{0};

}  // namespace

void* operator new(std::size_t size) {
  void* const memory = std::malloc(size != 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t held = bytes_held.fetch_add(malloc_usable_size(memory)) + malloc_usable_size(memory);
  std::size_t most = most_held.load();
  while (held > most && !most_held.compare_exchange_weak(most, held)) {
  }
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  bytes_held.fetch_sub(malloc_usable_size(memory));
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace {

namespace cw = coworker;
using namespace coworker::bench;

struct no_sink final : cw::log_sink {
  void write(cw::log_level, std::string_view) noexcept override {}
};

// Runs `count` jobs that sleep for an hour of virtual time, each with the deadline that `details` gives it.
// Calls `act` with the worker when all of them have started.
template <class Details, class Act>
void serve_sleepers(std::size_t count, Details details, Act act) {
  no_sink nowhere;
  cw::logger log(cw::log_level::error);
  log.set_sink(nowhere);
  std::vector<cw::job_envelope> jobs(count);
  for (std::size_t i = 0; i < count; ++i) {
    jobs[i].id = "job-" + std::to_string(i);
    jobs[i].details = details(i);
  }
  cw::local_file queue(std::move(jobs), log);
  cw::worker_options settings;
  settings.log = &log;
  const auto handle = [](cw::job<>) -> cw::task<void> { co_await cw::sleep_for(std::chrono::hours(1)); };
  cw::worker runner(handle, cw::fixed_concurrency{static_cast<int>(count)}, settings);
  cw::simulated_loop loop;
  const auto beside = [&]() -> cw::task<void> {
    co_await cw::sleep_for(std::chrono::milliseconds(1));
    act(runner);
  };
  const auto both = [&]() -> cw::task<void> {
    cw::scope side_by_side(co_await cw::this_coro::context());
    side_by_side.spawn(beside());
    co_await runner.serve(queue);
    co_await side_by_side.join();
  };
  cw::sync_wait(loop, both());
}

cw::json no_deadline(std::size_t) { return cw::json::object(); }

void stop_all_by_id(std::size_t count) {
  serve_sleepers(count, no_deadline, [count](auto& runner) {
    for (std::size_t i = 0; i < count; ++i) runner.stop_job("job-" + std::to_string(count - 1 - i));
  });
}

void stop_unknown_ids(std::size_t count) {
  serve_sleepers(count, no_deadline, [count](auto& runner) {
    for (std::size_t i = 0; i < count; ++i) runner.stop_job("another-" + std::to_string(i));
    runner.stop_job("job-0");
  });
}

void deadlines_spread(std::size_t count) {
  const auto details = [](std::size_t i) {
    const double milliseconds = 100 + static_cast<double>(i % 10'000);
    return cw::json{{"policy", {{"executionTimeout", milliseconds}}}};
  };
  serve_sleepers(count, details, [](auto&) {});
}

// Runs `count` children of one job that wait at the same time, and then as many one after the other.
void children_under_watchdog(std::size_t count) {
  no_sink nowhere;
  cw::logger log(cw::log_level::error);
  log.set_sink(nowhere);
  cw::local_file queue({cw::job_envelope{"a", {}}}, log);
  cw::worker_options settings;
  settings.log = &log;
  settings.loop_block_limit = std::chrono::seconds(60);
  const auto handle = [count](cw::job<>) -> cw::task<void> {
    const auto child = [](cw::duration span) -> cw::task<void> { co_await cw::sleep_for(span); };
    cw::scope side_by_side(co_await cw::this_coro::context());
    for (std::size_t i = 0; i < count; ++i) side_by_side.spawn(child(std::chrono::milliseconds(1)));
    co_await side_by_side.join();
    for (std::size_t i = 0; i < count; ++i) {
      cw::scope alone(co_await cw::this_coro::context());
      alone.spawn(child(cw::duration::zero()));
      co_await alone.join();
    }
  };
  cw::worker runner(handle, cw::fixed_concurrency{1}, settings);
  runner.run(queue);
}

// Aggregates a stream of `count` elements into an output that is limited to 100 kB.
void aggregate_beyond_limit(std::size_t count) {
  no_sink nowhere;
  cw::logger log(cw::log_level::error);
  log.set_sink(nowhere);
  cw::local_file queue({cw::job_envelope{"a", {}}}, log);
  cw::worker_options settings;
  settings.log = &log;
  settings.stream.return_aggregate_stream = true;
  settings.output_limit = 100'000;
  const auto handle = [count](cw::job<>) -> cw::async_generator<int> {
    for (std::size_t i = 0; i < count; ++i) co_yield 7;
  };
  cw::worker runner(handle, cw::fixed_concurrency{1}, settings);
  cw::simulated_loop loop;
  cw::sync_wait(loop, runner.serve(queue));
}

std::string text_of_keys(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "a word, rpa_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ";
  return text;
}

void log_line(std::size_t, const std::string& text) {
  no_sink nowhere;
  cw::logger log;
  log.set_sink(nowhere);
  log.hide("rpa_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
  log.info(text);
}

void jobs_come_and_go(std::size_t count) {
  std::vector<std::string> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = "job-" + std::to_string(i);
  cw::jobs_in_progress jobs;
  for (const std::string& id : ids) jobs.add(id);
  for (const std::string& id : ids) jobs.remove(id);
}

void erase_members(std::size_t count) {
  cw::json object = cw::json::object();
  for (std::size_t i = 0; i < count; ++i) object["a rather long key " + std::to_string(i)] = i;
  for (std::size_t i = 0; i < count; ++i) object.erase("a rather long key " + std::to_string(i * 7 % count));
  require(object.empty(), "members remain");
}

std::string zeros_text(std::size_t count) {
  std::string text = "[0";
  for (std::size_t i = 1; i < count; ++i) text += ",0";
  return text + "]";
}

void parse_text(std::size_t, const std::string& text) {
  require(!cw::json::parse(text).empty(), "nothing was parsed");
}

std::string deep_text(std::size_t count) { return std::string(count, '[') + std::string(count, ']'); }

void parse_deep(std::size_t count, const std::string& text) {
  const cw::json value = cw::json::parse(text, {.max_depth = count});
  require(value.dump() == text, "the written text differs from the parsed one");
}

std::string bad_values_text(std::size_t count) {
  std::string text = "{\"" + std::string(count, 'k') + "\":{";
  for (int i = 0; i < 200; ++i)
    text.append(i == 0 ? "\"" : ",\"").append(std::to_string(i)).append("\":\"bad\"");
  return text + "}}";
}

void refuse_input(std::size_t, const std::string& text) {
  std::map<std::string, std::map<std::string, int>> target;
  std::size_t reported = 0;
  try {
    cw::detail::read_input(cw::json::parse(text), target, "input");
  } catch (const cw::input_error& error) {
    reported = std::string_view(error.what()).size();
  }
  require(reported > 0, "the input was accepted");
}

struct point {
  double size;
  double seconds;
  std::size_t held;
};

// The slope of log(time) over log(size), by least squares.
double exponent_of(const std::vector<point>& points) {
  double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
  for (const point& one : points) {
    const double x = std::log(one.size);
    const double y = std::log(one.seconds);
    sum_x += x;
    sum_y += y;
    sum_xx += x * x;
    sum_xy += x * y;
  }
  const auto count = static_cast<double>(points.size());
  return (count * sum_xy - sum_x * sum_y) / (count * sum_xx - sum_x * sum_x);
}

class table {
 public:
  table(bool quick, std::string_view only) : quick_(quick), only_(only) {
    std::printf("%-44s %9s %12s %9s %14s\n", "", "largest", "its time", "exponent", "peak memory");
  }

  // `prepare` makes the input; its cost is not measured.
  template <class Prepare, class Work>
  void row(const char* name, std::size_t largest, Prepare prepare, Work work) {
    if (!std::string_view(name).starts_with(only_)) return;
    if (quick_) largest /= 50;
    std::vector<point> points;
    for (std::size_t size = largest / 16; size <= largest; size *= 2) {
      const auto prepared = prepare(size);
      point best{static_cast<double>(size), 1e9, 0};
      for (int repetition = 0; repetition < (quick_ ? 1 : 3); ++repetition) {
        const std::size_t before = bytes_held;
        most_held = before;
        const std::clock_t start = std::clock();
        work(size, prepared);
        const double seconds = static_cast<double>(std::clock() - start + 1) / CLOCKS_PER_SEC;
        if (seconds < best.seconds) best.seconds = seconds;
        best.held = most_held - before;
      }
      points.push_back(best);
    }
    const point& top = points.back();
    std::printf("%-44s %9.0f %10.1f ms %9.2f %11.2f MB\n", name, top.size, top.seconds * 1e3,
                exponent_of(points), static_cast<double>(top.held) / 1e6);
    std::fflush(stdout);
  }

  template <class Work>
  void row(const char* name, std::size_t largest, Work work) {
    row(
        name, largest, [](std::size_t) { return 0; }, [&work](std::size_t size, int) { work(size); });
  }

 private:
  bool quick_;
  std::string_view only_;
};

}  // namespace

int main(int argc, char** argv) {
  bool quick = false;
  std::string_view only;
  for (int i = 1; i < argc; ++i) {
    const std::string_view given = argv[i];
    if (given == "--quick") {
      quick = true;
    } else {
      only = given;
    }
  }
  table rows(quick, only);
  rows.row("stopping all jobs by id", 100'000, stop_all_by_id);
  rows.row("stopping unknown ids, as many as jobs", 100'000, stop_unknown_ids);
  rows.row("deadlines spread over ten seconds", 100'000, deadlines_spread);
  rows.row("children under loop_block_limit", 100'000, children_under_watchdog);
  rows.row("a stream's aggregate beyond its limit", 500'000, aggregate_beyond_limit);
  rows.row("a log line with a key, by occurrences", 50'000, text_of_keys, log_line);
  rows.row("ids added and removed in a heartbeat", 200'000, jobs_come_and_go);
  rows.row("erasing all members of an object by key", 64'000, erase_members);
  rows.row("parsing [0,0,...], by elements", 2'000'000, zeros_text, parse_text);
  rows.row("parsing and writing [[[...]]], by depth", 1'000'000, deep_text, parse_deep);
  rows.row("refusing bad values, by the length of a key", 4'000'000, bad_values_text, refuse_input);
}
