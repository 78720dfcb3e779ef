#pragma once
// An engine as a worker of a conformance run sees it: records and checks every call. Changes nothing, except
// that complete() reports a failure if it throws. Must not know any engine.

#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/simulated_loop.hpp>
#include <coworker/job/error_info.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <coworker/simulation/conformance_checks.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::simulation {

/// Records when an operation was asked to stop.
class stop_moment {
 public:
  stop_moment(stop_token stop, const simulated_loop& loop) : loop_(loop), on_stop_(stop, note(*this)) {}
  stop_moment(const stop_moment&) = delete;
  stop_moment& operator=(const stop_moment&) = delete;

  bool came() const noexcept { return came_; }
  duration ago() const noexcept { return came_ ? loop_.now() - at_ : duration::zero(); }

 private:
  struct note {
    stop_moment* moment;
    explicit note(stop_moment& of) noexcept : moment(&of) {}
    void operator()() const noexcept {
      moment->came_ = true;
      moment->at_ = moment->loop_.now();
    }
  };

  const simulated_loop& loop_;
  bool came_ = false;
  time_point at_{};
  stop_callback<note> on_stop_;
};

/// Has all operations. Those that the engine lacks do what a worker does without them.
template <transport Engine>
class observed_engine {
 public:
  observed_engine(Engine& engine, conformance_notes& notes, simulated_loop& loop, duration stop_within)
      : engine_(engine), notes_(notes), loop_(loop), stop_within_(stop_within), limits_(read_limits()) {}

  task<take_result> take(take_request request) {
    const stop_moment stop(co_await this_coro::stop_token(), loop_);
    if (request.capacity == 0) notes_.violate("the worker called take() for no job");
    if (++notes_.takes > limits_.takes)
      notes_.violate("the worker let more calls of take() overlap than limits().takes");
    take_result taken;
    std::exception_ptr failure;
    try {
      taken = co_await engine_.take(request);
    } catch (...) {
      failure = std::current_exception();
    }
    --notes_.takes;
    ended_in_time("take()", stop);
    if (failure != nullptr) {
      thrown("take()", failure, stop.came());
      std::rethrow_exception(failure);
    }
    notes_.closed = notes_.closed || taken.closed;
    if (taken.jobs.size() > request.capacity) {
      notes_.violate("take() handed over " + std::to_string(taken.jobs.size()) + " jobs where " +
                     std::to_string(request.capacity) + " were asked for");
    }
    for (const job_envelope& one : taken.jobs) notes_.handed_over(one.id);
    co_return taken;
  }

  task<delivery> complete(job_result result) {
    const std::string id(result.job_id);
    if (conformance_job* const job = notes_.find(id)) {
      if (!job->in_progress || job->completing)
        notes_.violate("the worker called complete() for job " + id + " twice");
      if (job->part_under_way[0] || job->part_under_way[1])
        notes_.violate("the worker called complete() for job " + id + " during its chunk() or progress()");
      job->completing = true;
      job->output = result.outcome.output;
      job->status = result.outcome.status;
    }
    ++notes_.completing;
    delivery made = delivery::given_up;
    std::exception_ptr failure;
    try {
      made = co_await engine_.complete(std::move(result));
    } catch (...) {
      failure = std::current_exception();
    }
    --notes_.completing;
    if (failure != nullptr) thrown("complete()", failure, false);
    if (conformance_job* const job = notes_.find(id)) {
      job->completing = job->in_progress = false;
      job->result_accepted = made == delivery::accepted;
    }
    co_return made;
  }

  task<delivery> chunk(std::string_view job_id, json value) {
    if constexpr (chunk_transport<Engine>) {
      return send_part(std::string(job_id), std::move(value), true);
    } else {
      return refused();
    }
  }

  task<delivery> progress(std::string_view job_id, json value) {
    if constexpr (progress_transport<Engine>) {
      return send_part(std::string(job_id), std::move(value), false);
    } else {
      return refused();
    }
  }

  transport_limits limits() const noexcept { return limits_; }

  void interpret([[maybe_unused]] outcome& made) const {
    if constexpr (interpreting_transport<Engine>) engine_.interpret(made);
  }

  task<void> attend([[maybe_unused]] worker_control control) {
    if constexpr (attended_transport<Engine>) {
      const stop_moment stop(co_await this_coro::stop_token(), loop_);
      notes_.attending = true;
      std::exception_ptr failure;
      try {
        co_await engine_.attend(control);
      } catch (...) {
        failure = std::current_exception();
      }
      notes_.attending = false;
      ended_in_time("attend()", stop);
      if (failure != nullptr) {
        thrown("attend()", failure, stop.came());
        std::rethrow_exception(failure);
      }
    }
    co_return;
  }

  std::size_t backlog() const noexcept {
    if constexpr (counted_transport<Engine>) return engine_.backlog();
    return 0;
  }

  double arrivals_per_second([[maybe_unused]] time_point now) const noexcept {
    if constexpr (metered_transport<Engine>) return engine_.arrivals_per_second(now);
    return -1;
  }

 private:
  transport_limits read_limits() const {
    transport_limits found;
    if constexpr (limited_transport<Engine>) found = std::as_const(engine_).limits();
    found.chunks = found.chunks && chunk_transport<Engine>;
    if (found.takes < 1)
      notes_.violate("limits().takes is " + std::to_string(found.takes) + ", and must be 1 or more");
    if (found.jobs < 1)
      notes_.violate("limits().jobs is " + std::to_string(found.jobs) + ", and must be 1 or more");
    return found;
  }

  static task<delivery> refused() { co_return delivery::refused; }

  task<delivery> send_part(std::string id, json value, bool is_chunk) {
    const char* const what = is_chunk ? "chunk()" : "progress()";
    const std::size_t which = is_chunk ? 0 : 1;
    const stop_moment stop(co_await this_coro::stop_token(), loop_);
    if (conformance_job* const job = notes_.find(id)) {
      if (!job->in_progress || job->completing)
        notes_.violate(std::string("the worker called ") + what + " for job " + id +
                       " after its complete() began");
      if (std::exchange(job->part_under_way[which], true))
        notes_.violate(std::string("the worker let calls of ") + what + " for job " + id + " overlap");
    }
    ++notes_.parts;
    delivery made = delivery::refused;
    std::exception_ptr failure;
    json sent = value;
    try {
      if (is_chunk) {
        if constexpr (chunk_transport<Engine>) made = co_await engine_.chunk(id, std::move(value));
      } else {
        if constexpr (progress_transport<Engine>) made = co_await engine_.progress(id, std::move(value));
      }
    } catch (...) {
      failure = std::current_exception();
    }
    --notes_.parts;
    if (conformance_job* const job = notes_.find(id)) {
      job->part_under_way[which] = false;
      (is_chunk ? job->chunks : job->progress).push_back({std::move(sent), made == delivery::accepted});
    }
    if (failure != nullptr) {
      thrown(what, failure, is_chunk && stop.came());
      std::rethrow_exception(failure);
    }
    co_return made;
  }

  void ended_in_time(const char* what, const stop_moment& stop) {
    if (stop.ago() <= stop_within_) return;
    notes_.violate(std::string(what) + " ended " +
                   std::to_string(std::chrono::duration_cast<std::chrono::seconds>(stop.ago()).count()) +
                   " s after it was stopped");
  }

  void thrown(const char* what, const std::exception_ptr& failure, bool may_be_cancelled) {
    try {
      std::rethrow_exception(failure);
    } catch (const cancelled&) {
      if (!may_be_cancelled) notes_.violate(std::string(what) + " threw `cancelled` without being stopped");
    } catch (...) {
      notes_.violate(std::string(what) + " threw " + coworker::describe_exception(failure).text());
    }
  }

  Engine& engine_;
  conformance_notes& notes_;
  simulated_loop& loop_;
  const duration stop_within_;
  const transport_limits limits_;
};

}  // namespace coworker::inline v0_1::simulation
