#pragma once
// The contract between a worker and a queue engine: what a worker calls, when, and what an engine owes it. Must not know
// any engine.

#include <concepts>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/job/timings.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/control.hpp>
#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// What a worker tells an engine when it asks for jobs.
struct take_request {
  std::size_t capacity = 1;     ///< jobs that it can start at once; 1 or more
  std::size_t in_progress = 0;  ///< jobs that it is busy with
};

/// What an engine returns from a take. No jobs, and not closed, means ask again: the engine has waited as long as it
/// thinks fit.
struct take_result {
  std::vector<job_envelope> jobs = {};  ///< `capacity` at most
  bool closed = false;                  ///< no job will ever come again
};

/// What became of an outcome, a chunk, or a report of progress.
enum class delivery : unsigned char {
  accepted,  ///< the queue has it
  refused,   ///< the queue will never take it
  unwanted,  ///< the queue no longer knows the job, as after its client has cancelled it: nobody misses what was sent
  given_up,  ///< it could not be delivered in the time allowed; for progress: the next value may get through
};

/// A result on its way back. The engine owns it, and may free the output as soon as it is encoded.
struct job_result {
  std::string_view job_id;  ///< valid until complete() has returned
  coworker::outcome outcome;
  bool streamed = false;                 ///< chunks were sent for it
  const job_timings* timings = nullptr;  ///< what was measured; null unless worker_options::measure_times
};

/// What an engine takes at most. Sizes are bytes of compact JSON.
struct transport_limits {
  std::size_t output =
      (std::numeric_limits<std::size_t>::max)();  ///< of a job's output; beyond it the job fails
  std::size_t chunk = (std::numeric_limits<std::size_t>::max)();  ///< of a chunk; beyond it the job fails
  bool chunks = true;  ///< false: chunk() is not called; the elements of a stream become its output
  int jobs =
      (std::numeric_limits<int>::max)();  ///< in progress at once, whatever the concurrency modifier says
  int takes = 1;                          ///< calls of take() that may be under way at once; 1 or more
  /// The jobs that wait in it can run nowhere else, as those of clients that are connected to this process. A worker that
  /// leaves goes on taking them until take() returns `closed` or its grace period is over.
  bool drains = false;
};

/// A queue engine, as a worker sees it. Two operations are required; the others are optional and found by their names.
/// One that has the name but not the signature is refused when the worker is compiled.
///
/// Threads: all operations are called, and resumed, on the worker's executor, which runs one thing at a time. They need
/// no locks among themselves. Calls of different operations overlap wherever one awaits; calls of the same operation
/// overlap as said below.
///
/// Lifetime: the engine outlives the run. What is passed by reference or view outlives the call.
///
/// Errors: an operation reports by what it returns and what it logs. It throws nothing but `cancelled`; what else it
/// throws is logged, and counts as written at each operation.
///
///
/// task<take_result> take(take_request request)
///
///   Waits for jobs and hands over `request.capacity` at most. Called whenever slots are free, until it has returned
///   `closed` or the worker leaves. Overlap: with itself up to limits().takes times, which is once unless the engine says
///   otherwise. Cancellation: when the worker leaves, its stop token is triggered; where limits().drains is set, only once
///   the grace period is over. It must then end soon, and may throw
///   `cancelled` only where the queue has handed nothing over: what it has, or is being given, is returned and will be
///   run. Throws: after std::bad_alloc it is called again, in a second; it must not have cost a job that was handed over.
///   Any other exception ends the run; run() rethrows it after the jobs in progress have ended. Job ids must not be empty. A
///   job whose id is in progress already is dropped with a warning.
///
/// task<delivery> complete(job_result result)
///
///   Delivers a job's result and returns once the queue has it or never will. Called exactly once for each job that was
///   handed over, also for one that never ran. The job keeps its slot until it returns. Overlap: with itself for
///   different jobs. Cancellation: none; it must bound its own time. Throws: counts as given_up. Where there is no memory
///   for the coroutine itself, the job's outcome becomes one that says so, with which it is called again.
///
/// task<delivery> chunk(std::string_view job_id, json value)                                      optional
///
///   Delivers one chunk of a streaming handler's output. Overlap: with itself for different jobs; for one job, one call at
///   a time, in order, and none after its complete() began. Cancellation: the job's own stop; it may throw `cancelled`,
///   but must not leave a chunk on its way that could arrive after what follows it. Anything but `accepted` ends the
///   stream. Throws: counts as given_up.
///
/// task<delivery> progress(std::string_view job_id, json value)                                   optional
///
///   Tells how far a job is. One try: values replace each other, so the next one may do. Overlap and order: as chunk.
///   `refused`: this value is not tried again. `unwanted`: no more progress of this job is sent. Cancellation: none.
///   Throws: counts as refused.
///
/// transport_limits limits() const                                                                optional
///
///   Called once, when the run begins. Without it nothing is limited, and takes do not overlap. noexcept.
///
/// void interpret(outcome& made) const                                                            optional
///
///   Reads what the engine's platform means by members of a handler's output, such as an error in a returned object.
///   Called once for each outcome that is not an exception's, before it is counted and measured, and for each element of
///   a stream that is an object; only where made.untyped is true may members have a meaning. Throws: fails the job.
///
/// task<void> attend(worker_control control)                                                      optional
///
///   Does whatever the engine has to do beside the jobs: heartbeats, stop channels. Called once, when the run begins, also
///   while the handler is still being prepared (control.preparing()) and no job is taken; `control` may be used until it
///   has ended. Cancellation: stopped once all jobs have ended, and then awaited; it ends by
///   returning or by `cancelled`. Throws: any other exception drains the worker, and run() rethrows it.
///
/// std::size_t backlog() const                                                                    optional
///
///   How many jobs wait in the queue, so that concurrency modifiers see it. Called often. noexcept.
///
/// double arrivals_per_second(time_point now) const                                               optional
///
///   How many jobs have come to the queue in the last second, each counted when it came, so that concurrency modifiers see
///   the load. Below 0: not known. Without it, jobs count when they are taken or seen waiting. Called often. noexcept.
///
/// waiter& waiter()                                                                               optional
///
///   What worker::run() makes its event loop block on: for engines that bring their own way to wait. Engines that await
///   descriptors with readable() need none. noexcept.
///
///
/// A whole engine, over a list of numbers:
///
///     struct countdown {
///       int next = 3;
///
///       cw::task<cw::take_result> take(cw::take_request request) {
///         cw::take_result taken;
///         for (; next > 0 && taken.jobs.size() < request.capacity; --next) {
///           cw::job_envelope one;
///           one.id = std::to_string(next);
///           one.input = next;
///           taken.jobs.push_back(std::move(one));
///         }
///         taken.closed = next == 0;
///         co_return taken;
///       }
///
///       cw::task<cw::delivery> complete(cw::job_result result) {
///         std::printf("%d: %s\n", std::stoi(std::string(result.job_id)), result.outcome.output.dump().c_str());
///         co_return cw::delivery::accepted;
///       }
///     };
///     static_assert(cw::transport<countdown>);
template <class Transport>
concept transport = requires(Transport& queue, take_request request, job_result result) {
  { queue.take(request) } -> std::same_as<task<take_result>>;
  { queue.complete(std::move(result)) } -> std::same_as<task<delivery>>;
};

/// An engine that takes chunks while a job runs.
template <class Transport>
concept chunk_transport = requires(Transport& queue, std::string_view job_id, json value) {
  { queue.chunk(job_id, std::move(value)) } -> std::same_as<task<delivery>>;
};

/// An engine that can be told how far a job is.
template <class Transport>
concept progress_transport = requires(Transport& queue, std::string_view job_id, json value) {
  { queue.progress(job_id, std::move(value)) } -> std::same_as<task<delivery>>;
};

/// An engine that states what it takes at most.
template <class Transport>
concept limited_transport = requires(const Transport& queue) {
  { queue.limits() } -> std::same_as<transport_limits>;
};

/// An engine whose platform gives members of an output a meaning.
template <class Transport>
concept interpreting_transport = requires(const Transport& queue, outcome& made) {
  { queue.interpret(made) } -> std::same_as<void>;
};

/// An engine that has work of its own beside the jobs.
template <class Transport>
concept attended_transport = requires(Transport& queue, worker_control control) {
  { queue.attend(control) } -> std::same_as<task<void>>;
};

/// An engine that knows how many jobs wait in it.
template <class Transport>
concept counted_transport = requires(const Transport& queue) {
  { queue.backlog() } -> std::same_as<std::size_t>;
};

/// An engine that counts jobs as they come to it.
template <class Transport>
concept metered_transport = requires(const Transport& queue, time_point now) {
  { queue.arrivals_per_second(now) } -> std::same_as<double>;
};

/// An engine that the worker's event loop must block on.
template <class Transport>
concept waiting_transport = requires(Transport& queue) {
  { queue.waiter() } -> std::same_as<coworker::waiter&>;
};

}  // namespace coworker::inline v0_1
