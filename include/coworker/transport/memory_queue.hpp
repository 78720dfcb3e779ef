#pragma once
// memory_queue: a queue inside the program. Whoever has jobs for the worker pushes them, on any thread, and
// awaits their outcomes. Must not know what the jobs are for.

#include <concepts>
#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/memory_core.hpp>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

/// A job that was pushed into a memory_queue. A handle, cheap to copy; it may outlive the queue. Destroying
/// it does not stop the job.
///
/// Thread safety: any thread. Coroutines may wait on any executor, several at a time; each chunk goes to one
/// of them. On a simulated_loop, everything that concerns the queue must be done on that loop's thread.
class memory_job {
  using core_handle = detail::shared_handle<detail::memory_core>;
  using job_handle = detail::memory_core::job;

 public:
  /// Called by memory_queue::push().
  memory_job(core_handle core, job_handle job) noexcept : core_(std::move(core)), job_(std::move(job)) {}

  /// Returns the job's id, unique among the jobs that are in the queue or in progress.
  const std::string& id() const noexcept { return job_->id; }

  /// Returns the job's outcome, once it has ended. Cancellation: throws `cancelled`; the job goes on.
  task<outcome> result() const { return await_found<outcome>(core_, job_, &take_outcome); }

  /// Returns the next chunk of a streaming handler's output, in order; nothing once the job has ended and all
  /// chunks were returned. Chunks are kept until they are returned.
  /// Cancellation: as result().
  task<std::optional<json>> next_chunk() const {
    return await_found<std::optional<json>>(core_, job_, &take_chunk);
  }

  /// Returns the handler's latest report of progress, as soon as there is one that was not returned yet;
  /// skips older ones. Returns nothing once the job has ended.
  /// Cancellation: as result().
  task<std::optional<json>> next_progress() const {
    return await_found<std::optional<json>>(core_, job_, &take_progress);
  }

  /// Blocks until result() would return, and returns the same.
  /// Throws: std::logic_error on the thread of an event loop.
  outcome blocking_result() const { return block<outcome>(&take_outcome); }
  /// As blocking_result(), for next_chunk().
  std::optional<json> blocking_next_chunk() const { return block<std::optional<json>>(&take_chunk); }
  /// As blocking_result(), for next_progress().
  std::optional<json> blocking_next_progress() const { return block<std::optional<json>>(&take_progress); }

  /// Returns the latest report of progress; nothing if there was none.
  std::optional<json> progress() const {
    std::optional<json> found;
    core_->look(*job_, [&found](state& at) { found = at.progress; });
    return found;
  }

  /// Returns whether the job has an outcome.
  bool ended() const {
    bool found = false;
    core_->look(*job_, [&found](state& at) { found = at.outcome.has_value(); });
    return found;
  }

  /// Asks the job to stop. A job that no worker has taken ends at once, without being run.
  void stop() const { core_->stop(job_); }

 private:
  using state = detail::memory_job_state;

  static bool take_outcome(state& at, outcome& found) {
    if (at.outcome) found = *at.outcome;
    return at.outcome.has_value();
  }
  static bool take_chunk(state& at, std::optional<json>& found) {
    if (!at.chunks.empty()) found = at.chunks.pop();
    return found || at.outcome;
  }
  static bool take_progress(state& at, std::optional<json>& found) {
    if (std::exchange(at.progress_is_new, false)) found = at.progress;
    return found || at.outcome;
  }

  // The coroutine has handles of its own, because this object may be destroyed before it ends.
  template <class Found>
  static task<Found> await_found(core_handle core, job_handle job, bool (*look)(state&, Found&)) {
    Found found{};
    while (!core->look_or_wait(*job, found, look)) co_await job->news.wait();
    co_return found;
  }

  template <class Found>
  Found block(bool (*look)(state&, Found&)) const {
    Found found{};
    core_->block(*job_, found, look);
    return found;
  }

  core_handle core_;
  job_handle job_;
};

/// Settings of a memory_queue.
struct memory_queue_options {
  /// How many jobs may wait for a worker; beyond that, a pushed job fails at once with an error that says so.
  /// Default: no limit but memory.
  std::size_t most_waiting = (std::numeric_limits<std::size_t>::max)();
  /// The limits that the queue states to workers. Default: none.
  transport_limits limits = {};
};

/// A queue in memory, for programs that make their jobs themselves, and for tests:
///
///     memory_queue queue;
///     std::thread serving([&] { runner.run(queue); });
///     memory_job job = queue.push({{"prompt", "hello"}});
///     json output = job.blocking_result().output;  // or: co_await job.result()
///     queue.close();                               // the worker then ends
///
/// Every pushed job gets an outcome, also if it is never run: because the queue is closed, full, or
/// destroyed, or because the last worker that served it has left. Several workers may serve it at once.
///
/// Thread safety: push(), close() and backlog() may be called on any thread. Must outlive the workers.
class memory_queue {
 public:
  memory_queue() : memory_queue(memory_queue_options()) {}
  explicit memory_queue(memory_queue_options options)
      : core_(new detail::memory_core(options.most_waiting)), limits_(options.limits) {}
  memory_queue(const memory_queue&) = delete;
  memory_queue& operator=(const memory_queue&) = delete;
  /// Jobs that still wait get an outcome that says so.
  ~memory_queue() { core_->abandon(); }

  /// Adds a job and returns its handle. `id` is the job's id; if it is empty, or belongs to another job in
  /// the queue, a number makes it unique.
  memory_job push(json input, std::string id = {}) {
    job_envelope envelope;
    envelope.id = std::move(id);
    envelope.input = std::move(input);
    return memory_job(core_, core_->push(std::move(envelope)));
  }

  /// Adds a job with everything that a queue can say about it.
  template <class Envelope>
  requires std::same_as<std::remove_cvref_t<Envelope>, job_envelope> memory_job push(Envelope&& envelope) {
    return memory_job(core_, core_->push(std::forward<Envelope>(envelope)));
  }

  /// Accepts no more jobs. Workers run those that wait, and then end.
  void close() { core_->close(); }

  // --- what a worker calls
  // ----------------------------------------------------------------------------------

  std::size_t backlog() const noexcept { return core_->backlog(); }
  transport_limits limits() const noexcept { return limits_; }

  task<take_result> take(take_request request) {
    take_result taken;
    while (!core_->hand_over(request.capacity, taken)) co_await core_->available().wait();
    co_return taken;
  }

  task<delivery> complete(job_result result) {
    const bool known = core_->end(result.job_id, std::move(result.outcome));
    co_return known ? delivery::accepted : delivery::refused;
  }

  task<delivery> chunk(std::string_view job_id, json value) {
    const bool known =
        core_->change(job_id, [&value](detail::memory_job_state& at) { at.chunks.push(std::move(value)); });
    co_return known ? delivery::accepted : delivery::refused;
  }

  task<delivery> progress(std::string_view job_id, json value) {
    const bool known = core_->change(job_id, [&value](detail::memory_job_state& at) {
      at.progress = std::move(value);
      at.progress_is_new = true;
    });
    co_return known ? delivery::accepted : delivery::refused;
  }

  task<void> attend(worker_control control) {
    detail::memory_worker worker{control};
    const detail::memory_attendance attendance(*core_, worker);
    const stop_callback on_leaving(control.leaving(), detail::leave_memory_queue(*core_, worker));
    event until_stopped;
    co_await until_stopped.wait();
  }

 private:
  detail::shared_handle<detail::memory_core> core_;
  transport_limits limits_;
};

static_assert(transport<memory_queue> && chunk_transport<memory_queue> && progress_transport<memory_queue> &&
              limited_transport<memory_queue> && attended_transport<memory_queue> &&
              counted_transport<memory_queue>);

}  // namespace coworker::inline v0_1
