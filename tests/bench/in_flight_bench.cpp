// Measures the cost of jobs in flight: the memory of each of 10,000 jobs that sleep, and the time of a job
// that ends at once, with and without the sleeping jobs. Runs the whole worker and the queue protocol, over a
// client in this process that responds at once.
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -Iinclude tests/bench/in_flight_bench.cpp -o in_flight_bench
//
// Usage: in_flight_bench [--quick]
//
// Memory is what malloc has allocated (Linux), minus the memory of the jobs themselves: their envelopes with
// id, input and details, which are measured alone.

#define COWORKER_WITH_RUNPOD  // the queue, with an HTTP client of this program

#include <malloc.h>

#include <chrono>
#include <coworker/coworker.hpp>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace cw = coworker;

// Drops the log lines about the sleeping jobs' ends.
struct no_sink final : cw::log_sink {
  void write(cw::log_level, std::string_view) noexcept override {}
};

std::size_t allocated() {
  const struct mallinfo2 now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

std::string job_text(int number, bool sleeps) {
  char text[160];
  std::snprintf(text, sizeof text,
                R"({"id":"%08x-8d2f-4e0b-9f5e-0123456789ab-u1","input":{"prompt":"hello","sleeps":%s}})",
                static_cast<unsigned>(number), sleeps ? "true" : "false");
  return text;
}

// Gives the worker `sleepers` jobs that sleep, then `quick` jobs that end at once, one by one; then none.
class instant_client {
 public:
  instant_client(int sleepers, int quick) : sleepers_(sleepers), quick_(quick) {}

  int answered = 0;
  cw::auto_reset_event all_answered;

  cw::task<cw::http_response> send(const cw::http_request& request) {
    cw::http_response answer;
    answer.status = 200;
    if (request.body) {
      if (++answered == quick_) all_answered.set();
    } else if (handed_ < sleepers_) {
      answer.body = "[";
      for (; handed_ < sleepers_; ++handed_)
        answer.body += (handed_ == 0 ? "" : ",") + job_text(handed_, true);
      answer.body += "]";
    } else if (handed_ < sleepers_ + quick_) {
      answer.body = job_text(handed_++, false);
    } else {
      co_await cw::sleep_for(std::chrono::hours(1));
    }
    co_return answer;
  }

 private:
  const int sleepers_;
  const int quick_;
  int handed_ = 0;
};

cw::task<std::string> handle(cw::job<> job) {
  if (job.input.value("sleeps", false)) co_await cw::sleep_for(std::chrono::hours(1));
  co_return "done";
}

struct figures {
  double bytes_a_job = 0;
  double ns_a_quick_job = 0;
};

cw::task<void> run(int sleepers, int quick, cw::logger& log, figures& seen) {
  instant_client client(sleepers, quick);
  cw::runpod_options options;
  options.urls = {"http://h/job-take/$ID", "http://h/job-done/$RUNPOD_POD_ID/$ID", "", ""};
  cw::runpod_queue<instant_client> queue(client, options, log);
  cw::worker_options settings;
  settings.log = &log;
  settings.grace_period = cw::duration::zero();
  cw::worker runner(handle, cw::fixed_concurrency{sleepers + 1}, settings);
  const std::size_t before = allocated();
  cw::scope beside(co_await cw::this_coro::context());
  const auto serve = [](auto& worker, auto& from) -> cw::task<void> { co_await worker.serve(from); };
  const auto start = std::chrono::steady_clock::now();
  beside.spawn(serve(runner, queue));
  co_await client.all_answered.wait();
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  seen.ns_a_quick_job = took.count() / quick;
  seen.bytes_a_job = sleepers == 0 ? 0 : static_cast<double>(allocated() - before) / sleepers;
  runner.stop();
  co_await beside.join();
}

figures measure(int sleepers, int quick) {
  no_sink nowhere;
  cw::logger log(cw::log_level::error);
  log.set_sink(nowhere);
  figures seen;
  cw::event_loop loop;
  cw::sync_wait(loop, run(sleepers, quick, log, seen));
  return seen;
}

double envelope_bytes(int count) {
  cw::logger log(cw::log_level::error);
  std::vector<cw::job_envelope> kept;
  kept.reserve(static_cast<std::size_t>(count));
  const std::size_t before = allocated();
  for (int i = 0; i < count; ++i) {
    kept.push_back(std::move(*cw::read_envelope(cw::json::parse(job_text(i, true)), log)));
  }
  return static_cast<double>(allocated() - before) / count + sizeof(cw::job_envelope);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick_run = argc > 1 && std::string_view(argv[1]) == "--quick";
  const int sleepers = quick_run ? 1000 : 10'000;
  const int quick = quick_run ? 1000 : 200'000;
  measure(0, 1000);
  const double jobs = envelope_bytes(sleepers);
  const figures crowded = measure(sleepers, 1);
  std::printf("%d jobs in flight: %.0f bytes each, %.0f of them for the job itself and %.0f beyond it\n",
              sleepers, crowded.bytes_a_job, jobs, crowded.bytes_a_job - jobs);
  for (int round = 0; round < (quick_run ? 1 : 3); ++round) {
    const double alone = measure(0, quick).ns_a_quick_job;
    const double beside = measure(sleepers, quick).ns_a_quick_job;
    std::printf("a job that ends at once: %.0f ns alone, %.0f ns with them, ratio %.2f\n", alone, beside,
                beside / alone);
  }
}
