#include <doctest/doctest.h>
#include <chrono>
#include <coworker/coro/scope.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/simulation/conformance.hpp>
#include <coworker/transport/local_file.hpp>
#include <coworker/transport/memory_queue.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <cstddef>
#include <deque>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/captured_log.hpp"
#include "support/scripted_client.hpp"
#include "transport/minimal_transport.hpp"

namespace coworker::testing {
namespace {

using namespace std::chrono_literals;
using coworker::simulation::arrival;
using coworker::simulation::check_conformance;
using coworker::simulation::conformance_options;
using coworker::simulation::conformance_report;

arrival result_of(std::string id, const outcome& made) {
  return {arrival::kind::result, std::move(id), made.succeeded() ? made.output : json(), made.status};
}

// --- the engines in the tree --------------------------------------------------------------------------------

class memory_feed {
 public:
  explicit memory_feed(simulated_loop&) {}

  memory_queue& engine() { return queue_; }
  std::string add() {
    jobs_.push_back(queue_.push(json()));
    return jobs_.back().id();
  }
  void close() { queue_.close(); }

  std::vector<arrival> arrivals() {
    std::vector<arrival> all;
    for (const memory_job& one : jobs_) {
      if (!one.ended()) continue;
      while (auto chunk = one.blocking_next_chunk()) all.push_back({arrival::kind::chunk, one.id(), *chunk});
      all.push_back(result_of(one.id(), one.blocking_result()));
    }
    return all;
  }

 private:
  memory_queue queue_;
  std::vector<memory_job> jobs_;
};

class file_feed {
 public:
  static constexpr bool adds_while_served = false;
  static constexpr bool sees_parts = false;

  explicit file_feed(simulated_loop&) {}

  local_file& engine() { return *queue_; }
  std::string add() {
    job_envelope made;
    made.id = "local_" + std::to_string(jobs_.size());
    ids_.push_back(made.id);
    jobs_.push_back(std::move(made));
    return ids_.back();
  }
  void close() { queue_.emplace(std::move(jobs_), output_.log); }

  std::vector<arrival> arrivals() {
    std::vector<arrival> all;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (queue_->outcomes()[i].message() != "the job was not run")
        all.push_back(result_of(ids_[i], queue_->outcomes()[i]));
    }
    return all;
  }

 private:
  captured_log output_;
  std::vector<job_envelope> jobs_;
  std::vector<std::string> ids_;
  std::optional<local_file> queue_;
};

class countdown_feed {
 public:
  static constexpr bool adds_while_served = false;
  static constexpr bool sees_parts = false;

  // Records what the engine receives, which it prints.
  struct noted : countdown {
    std::vector<arrival> seen;

    task<delivery> complete(job_result result) {
      seen.push_back(result_of(std::string(result.job_id), result.outcome));
      co_return delivery::accepted;
    }
  };

  explicit countdown_feed(simulated_loop&) { queue_.next = 0; }

  noted& engine() { return queue_; }
  std::string add() { return std::to_string(++queue_.next); }
  void close() {}
  std::vector<arrival> arrivals() { return queue_.seen; }

 private:
  noted queue_;
};

// The platform's queue over a client that answers as its server does.
class runpod_feed {
 public:
  explicit runpod_feed(simulated_loop&) : queue_(client_, settings(), output_.log) {
    client_.decide = [this](const sent_request& request) { return answer(request); };
  }

  runpod_queue<scripted_client>& engine() { return queue_; }
  std::string add() {
    const std::string id = "job-" + std::to_string(++added_);
    waiting_.push_back(id);
    return id;
  }
  void close() {}

  std::vector<arrival> arrivals() { return seen_; }

 private:
  static runpod_options settings() {
    runpod_options made;
    made.urls = {"http://h/job-take/$ID?gpu=A", "http://h/job-done/$RUNPOD_POD_ID/$ID?gpu=A",
                 "http://h/job-stream/$RUNPOD_POD_ID/$ID", ""};
    made.identity.worker_id = "w";
    return made;
  }

  std::optional<scripted_answer> answer(const sent_request& request) {
    if (request.url.find("/job-take") != std::string::npos) {
      if (waiting_.empty()) return answers(204, {}, 1s);
      const std::size_t asked = request.url.find("batch_size=");
      std::size_t most = asked == std::string::npos ? 1 : std::stoul(request.url.substr(asked + 11));
      std::vector<std::string> ids;
      for (; most > 0 && !waiting_.empty(); --most) {
        ids.push_back(waiting_.front());
        waiting_.pop_front();
      }
      return answers(200, jobs_body(ids));
    }
    const std::size_t end = request.url.find('?');
    const std::size_t start = request.url.rfind('/', end) + 1;
    const json body = json::parse(*request.body);
    arrival made;
    made.job_id = request.url.substr(start, end - start);
    made.value = body.value("output", json());
    if (request.url.find("/job-stream") != std::string::npos) {
      made.what = arrival::kind::chunk;
    } else if (body.contains("status")) {
      made.what = arrival::kind::progress;
    } else if (body.contains("error")) {
      made.status = outcome_status::failed;
    }
    seen_.push_back(std::move(made));
    return answers(200, "{}", 10ms);
  }

  captured_log output_;
  scripted_client client_;
  std::deque<std::string> waiting_;
  std::vector<arrival> seen_;
  int added_ = 0;
  runpod_queue<scripted_client> queue_;
};

template <class Feed>
conformance_report check(const conformance_options& wanted = {}) {
  return check_conformance([](simulated_loop& loop) { return Feed(loop); }, wanted);
}

TEST_CASE("memory_queue keeps the contract") {
  const conformance_report seen = check<memory_feed>();
  CHECK_MESSAGE(seen.ok(), seen.text());
  CHECK(seen.runs == 100);
}

TEST_CASE("local_file keeps the contract") {
  const conformance_report seen = check<file_feed>();
  CHECK_MESSAGE(seen.ok(), seen.text());
}

TEST_CASE("the engine of the contract's page keeps the contract") {
  const conformance_report seen = check<countdown_feed>();
  CHECK_MESSAGE(seen.ok(), seen.text());
}

TEST_CASE("the platform's queue keeps the contract") {
  const conformance_report seen = check<runpod_feed>();
  CHECK_MESSAGE(seen.ok(), seen.text());
}

// --- engines that break a rule ------------------------------------------------------------------------------

enum class flaw {
  none,
  too_many_jobs,
  job_without_id,
  job_twice_at_once,
  job_again_later,
  loses_jobs_when_stopped,
  never_hands_over_the_last,
  take_throws,
  take_throws_cancelled,
  take_ends_late,
  take_never_ends,
  no_take_at_all,
  no_job_at_all,
  complete_throws,
  complete_throws_cancelled,
  complete_never_ends,
  result_lost,
  result_twice,
  result_changed,
  failure_turns_into_success,
  chunk_throws,
  chunk_throws_cancelled,
  chunk_never_ends,
  chunk_lost,
  chunk_changed,
  chunks_swapped,
  chunk_after_result,
  cancelled_chunk_after_result,
  progress_throws,
  progress_throws_cancelled,
  progress_after_result,
  progress_swapped,
  attend_throws,
  attend_throws_cancelled,
  attend_ends_late,
  attend_never_ends,
};

task<void> wait_whatever_happens(duration span) {
  const executor_ref here = co_await this_coro::executor();
  auto_reset_event never_set;
  time_point due = time_point::max();
  if (span != duration::max())
    due = here.now() + span;  // g++ 12 evaluates both sides of a ?: that is awaited
  co_await never_set.wait_until(due);
}

// A correct engine except for one flaw. It takes some time, so that stops come during its operations.
class faulty_engine {
 public:
  explicit faulty_engine(flaw wrong) : wrong_(wrong) {}

  std::deque<std::string> waiting;
  std::vector<arrival> seen;
  event news;
  bool closed = false;

  task<take_result> take(take_request request) {
    if (wrong_ == flaw::take_throws && ++calls_ == 3) throw std::runtime_error("no luck");
    if (wrong_ == flaw::take_throws_cancelled && ++calls_ == 3) throw cancelled();
    take_result taken;
    const std::size_t kept_back = wrong_ == flaw::never_hands_over_the_last ? 1 : 0;
    const std::size_t most = wrong_ == flaw::too_many_jobs ? request.capacity + 1 : request.capacity;
    bool stopped = false;
    while (waiting.size() <= kept_back && !closed && !stopped) {
      news.reset();
      try {
        co_await news.wait();
      } catch (const cancelled&) {
        stopped = true;
      }
    }
    if (stopped && wrong_ == flaw::take_ends_late) co_await wait_whatever_happens(100s);
    if (stopped && wrong_ == flaw::take_never_ends) co_await wait_whatever_happens(duration::max());
    if (stopped) throw cancelled();
    while (waiting.size() > kept_back && taken.jobs.size() < most) {
      job_envelope one;
      one.id = waiting.front();
      waiting.pop_front();
      if (wrong_ == flaw::job_again_later && last_.empty()) last_ = one.id;
      if (wrong_ == flaw::job_without_id && ++calls_ == 2) one.id.clear();
      taken.jobs.push_back(std::move(one));
    }
    if (wrong_ == flaw::job_twice_at_once && !taken.jobs.empty() && taken.jobs.size() < most)
      taken.jobs.push_back(taken.jobs.front());
    if (wrong_ == flaw::loses_jobs_when_stopped) {
      co_await sleep_for(1s);
    } else {
      co_await wait_whatever_happens(1s);
    }
    taken.closed = closed && waiting.size() <= kept_back;
    co_return taken;
  }

  task<delivery> complete(job_result result) {
    const std::string id(result.job_id);
    co_await wait_whatever_happens(50ms);
    if (wrong_ == flaw::complete_throws) throw std::runtime_error("no luck");
    if (wrong_ == flaw::complete_throws_cancelled) throw cancelled();
    if (wrong_ == flaw::complete_never_ends) co_await wait_whatever_happens(duration::max());
    if (wrong_ == flaw::result_lost) co_return delivery::accepted;
    arrival made = result_of(id, result.outcome);
    if (wrong_ == flaw::result_changed && made.status == outcome_status::succeeded) made.value = "another";
    if (wrong_ == flaw::failure_turns_into_success) made.status = outcome_status::succeeded;
    seen.push_back(made);
    if (wrong_ == flaw::result_twice) seen.push_back(made);
    for (const arrival& late : held_) {
      if (late.job_id == id) seen.push_back(late);
    }
    if (id == last_ && !closed) waiting.push_back(std::exchange(last_, "-"));
    news.set();
    co_return delivery::accepted;
  }

  task<delivery> chunk(std::string_view job_id, json value) {
    arrival made{arrival::kind::chunk, std::string(job_id), std::move(value)};
    if (wrong_ == flaw::chunk_throws) throw std::runtime_error("no luck");
    if (wrong_ == flaw::chunk_throws_cancelled) throw cancelled();
    if (wrong_ == flaw::chunk_never_ends) co_await wait_whatever_happens(duration::max());
    if (wrong_ == flaw::cancelled_chunk_after_result) {
      held_.push_back(made);
      co_await sleep_for(400ms);
      held_.pop_back();
    } else {
      co_await wait_whatever_happens(200ms);
    }
    if (wrong_ == flaw::chunk_lost) co_return delivery::accepted;
    if (wrong_ == flaw::chunk_changed) made.value = "another";
    if (wrong_ == flaw::chunk_after_result) {
      held_.push_back(std::move(made));
    } else if (wrong_ == flaw::chunks_swapped && swapped_.job_id != made.job_id) {
      swapped_ = std::move(made);
    } else {
      seen.push_back(made);
      if (swapped_.job_id == made.job_id) seen.push_back(std::exchange(swapped_, arrival()));
    }
    co_return delivery::accepted;
  }

  task<delivery> progress(std::string_view job_id, json value) {
    arrival made{arrival::kind::progress, std::string(job_id), std::move(value)};
    co_await wait_whatever_happens(10ms);
    if (wrong_ == flaw::progress_throws) throw std::runtime_error("no luck");
    if (wrong_ == flaw::progress_throws_cancelled) throw cancelled();
    if (wrong_ == flaw::progress_after_result) {
      held_.push_back(std::move(made));
    } else if (wrong_ == flaw::progress_swapped && swapped_.job_id != made.job_id) {
      swapped_ = std::move(made);
    } else {
      seen.push_back(made);
      if (wrong_ == flaw::progress_swapped) seen.push_back(std::exchange(swapped_, arrival()));
    }
    co_return delivery::accepted;
  }

  transport_limits limits() const noexcept {
    transport_limits made;
    if (wrong_ == flaw::no_take_at_all) made.takes = 0;
    if (wrong_ == flaw::no_job_at_all) made.jobs = 0;
    return made;
  }

  task<void> attend(worker_control) {
    event never;
    bool stopped = false;
    if (wrong_ == flaw::attend_throws) throw std::runtime_error("no luck");
    if (wrong_ == flaw::attend_throws_cancelled) throw cancelled();
    try {
      co_await never.wait();
    } catch (const cancelled&) {
      stopped = true;
    }
    if (stopped && wrong_ == flaw::attend_ends_late) co_await wait_whatever_happens(100s);
    if (stopped && wrong_ == flaw::attend_never_ends) co_await wait_whatever_happens(duration::max());
  }

 private:
  const flaw wrong_;
  int calls_ = 0;
  std::string last_;
  std::vector<arrival> held_;
  arrival swapped_;
};

static_assert(transport<faulty_engine> && chunk_transport<faulty_engine> &&
              progress_transport<faulty_engine> && limited_transport<faulty_engine> &&
              attended_transport<faulty_engine>);

class faulty_feed {
 public:
  explicit faulty_feed(flaw wrong) : engine_(wrong) {}

  faulty_engine& engine() { return engine_; }
  std::string add() {
    engine_.waiting.push_back("job-" + std::to_string(++added_));
    engine_.news.set();
    return engine_.waiting.back();
  }
  void close() {
    engine_.closed = true;
    engine_.news.set();
  }
  std::vector<arrival> arrivals() { return engine_.seen; }

 private:
  faulty_engine engine_;
  int added_ = 0;
};

conformance_report check_fault(flaw wrong) {
  return check_conformance([wrong](simulated_loop&) { return faulty_feed(wrong); });
}

TEST_CASE("an engine without a flaw keeps the contract, and the same seed is the same run") {
  const conformance_report seen = check_fault(flaw::none);
  CHECK_MESSAGE(seen.ok(), seen.text());
  const conformance_report first = check_fault(flaw::loses_jobs_when_stopped);
  const conformance_report again =
      check_conformance([](simulated_loop&) { return faulty_feed(flaw::loses_jobs_when_stopped); },
                        {.runs = 1, .seed = first.seed});
  CHECK(first.problems == again.problems);
  CHECK_FALSE(again.ok());
}

TEST_CASE("each broken rule is found and reported") {
  struct row {
    flaw wrong;
    std::string_view said;
  };
  const row rows[] = {
      {flaw::too_many_jobs, "take() handed over 2 jobs where 1 were asked for"},
      {flaw::job_without_id, "take() handed over a job without an id"},
      {flaw::job_twice_at_once, "while it is in progress"},
      {flaw::job_again_later, "again, although complete() has accepted its result"},
      {flaw::loses_jobs_when_stopped, "is lost: it was added, and no take() handed it over"},
      {flaw::never_hands_over_the_last, "is lost: it was added, and no take() handed it over"},
      {flaw::take_throws, "take() threw std::runtime_error: no luck"},
      {flaw::take_throws_cancelled, "take() threw `cancelled` without being stopped"},
      {flaw::take_ends_late, "take() ended 100 s after it was stopped"},
      {flaw::take_never_ends, "take() does not end, although the worker has left"},
      {flaw::no_take_at_all, "limits().takes is 0, and must be 1 or more"},
      {flaw::no_job_at_all, "limits().jobs is 0, and must be 1 or more"},
      {flaw::complete_throws, "complete() threw std::runtime_error: no luck"},
      {flaw::complete_throws_cancelled, "complete() threw `cancelled` without being stopped"},
      {flaw::complete_never_ends, "complete() does not end"},
      {flaw::result_lost, "is lost: complete() accepted its result, which never arrived"},
      {flaw::result_twice, "has two results"},
      {flaw::result_changed, "did not arrive as it was passed to complete()"},
      {flaw::failure_turns_into_success, "did not arrive as it was passed to complete()"},
      {flaw::chunk_throws, "chunk() threw std::runtime_error: no luck"},
      {flaw::chunk_throws_cancelled, "chunk() threw `cancelled` without being stopped"},
      {flaw::chunk_never_ends, "chunk() or progress() does not end"},
      {flaw::chunk_lost, "was accepted, and never came"},
      {flaw::chunk_changed, "came in its place"},
      {flaw::chunks_swapped, "came in its place"},
      {flaw::chunk_after_result, "a chunk of job"},
      {flaw::cancelled_chunk_after_result, "arrived after its result"},
      {flaw::progress_throws, "progress() threw std::runtime_error: no luck"},
      {flaw::progress_throws_cancelled, "progress() threw `cancelled` without being stopped"},
      {flaw::progress_after_result, "progress of job"},
      {flaw::progress_swapped, "did not arrive in order"},
      {flaw::attend_throws, "attend() threw std::runtime_error: no luck"},
      {flaw::attend_throws_cancelled, "attend() threw `cancelled` without being stopped"},
      {flaw::attend_ends_late, "attend() ended 100 s after it was stopped"},
      {flaw::attend_never_ends, "attend() does not end, although it was stopped"},
  };
  for (const row& one : rows) {
    const conformance_report seen = check_fault(one.wrong);
    CAPTURE(one.said);
    CHECK_MESSAGE(seen.text().find(one.said) != std::string::npos, seen.text());
  }
}

// --- what the worker must do
// --------------------------------------------------------------------------------

TEST_CASE("calls that a worker must not make are found too") {
  simulated_loop loop;
  coworker::simulation::conformance_notes notes;
  faulty_engine engine(flaw::none);
  engine.waiting = {"a", "b"};
  coworker::simulation::observed_engine<faulty_engine> observed(engine, notes, loop, 30s);
  const auto misuse = [&]() -> task<void> {
    scope both(co_await this_coro::context());
    const auto take = [&]() -> task<void> { co_await observed.take({.capacity = 1}); };
    const auto complete = [&]() -> task<void> {
      job_result result;
      result.job_id = "a";
      co_await observed.complete(std::move(result));
    };
    const auto chunk = [&]() -> task<void> { co_await observed.chunk("b", 1); };
    const auto progress = [&]() -> task<void> { co_await observed.progress("a", 1); };
    both.spawn(take);
    both.spawn(take);
    co_await both.join();
    notes.worker_left();
    scope more(co_await this_coro::context());
    more.spawn(chunk);
    more.spawn(chunk);
    more.spawn(complete);
    more.spawn(complete);
    more.spawn(progress);
    co_await more.join();
    co_await observed.take({.capacity = 0});
  };
  engine.closed = true;
  sync_wait(loop, misuse());
  std::string all;
  for (const std::string& one : notes.problems()) all += one + "\n";
  CAPTURE(all);
  for (const std::string_view one :
       {"the worker let more calls of take() overlap than limits().takes",
        "the worker left without calling complete() for job a",
        "the worker let calls of chunk() for job b overlap", "the worker called complete() for job a twice",
        "the worker called progress() for job a after its complete() began",
        "the worker called take() for no job"}) {
    CHECK(all.find(one) != std::string::npos);
  }
}

}  // namespace
}  // namespace coworker::testing
