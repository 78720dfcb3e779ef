#pragma once
// The contract between a worker and a queue engine: what the worker calls, when it calls it, and what the
// engine must guarantee. Must not know any engine.

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

/// What a worker passes to an engine when it asks for jobs.
struct take_request {
  std::size_t capacity = 1;     ///< how many more jobs the worker can take now; 1 or more
  std::size_t in_progress = 0;  ///< how many jobs the worker has in progress
};

/// What take() returns. If it has no jobs and is not closed, the worker calls take() again: the engine has
/// waited as long as it chose to.
struct take_result {
  std::vector<job_envelope> jobs = {};  ///< at most `capacity` of them
  bool closed = false;                  ///< true: no more jobs will ever come
};

/// Whether an outcome, a chunk or a report of progress reached the queue.
enum class delivery : unsigned char {
  accepted,  ///< the queue has it
  refused,   ///< the queue will never accept it
  /// The queue no longer knows the job, as after its client cancelled it, and does not need what was sent.
  unwanted,
  /// It could not be delivered in the time allowed. For progress: the next value may get through.
  given_up,
};

/// A result on its way back to the queue. The engine owns it and may free the output as soon as it is
/// encoded.
struct job_result {
  std::string_view job_id;  ///< valid until complete() has returned
  /// How the job ended, with its output or its error.
  coworker::outcome outcome;
  bool streamed = false;                 ///< true: chunks of it were passed to chunk()
  const job_timings* timings = nullptr;  ///< what was measured; null unless options::measure_times is set
};

/// What an engine accepts at most. Sizes are in bytes of compact JSON.
struct transport_limits {
  /// The largest output of a job; a job with a larger one fails. Default: no limit.
  std::size_t output = (std::numeric_limits<std::size_t>::max)();
  /// The largest chunk; a job with a larger one fails. Default: no limit.
  std::size_t chunk = (std::numeric_limits<std::size_t>::max)();
  /// False: chunk() is not called, and the elements of a stream become the job's output. Default: true.
  bool chunks = true;
  /// How many jobs may have a slot at once, whatever the concurrency modifier says. Default: no limit.
  int jobs = (std::numeric_limits<int>::max)();
  /// How many calls of take() may run at once; 1 or more. Default: 1.
  int takes = 1;
  /// True: the jobs that wait in the engine can run nowhere else, such as those of clients that are connected
  /// to this process. A worker that leaves goes on taking them until take() returns `closed` or its grace
  /// period is over. Default: false.
  bool drains = false;
};

/// A queue engine, as a worker sees it. Two operations are required. The others are optional and found by
/// their names; one that has the name but not the signature is refused at compile time.
///
/// Threads: every operation is called and resumed on the worker's executor, which runs one coroutine at a
/// time. The operations need no locks among themselves. Calls of different operations overlap wherever one of
/// them awaits. Whether calls of the same operation overlap is stated at each operation.
///
/// Lifetime: the engine outlives the run. What is passed by reference or view outlives the call.
///
/// Errors: an operation reports errors by what it returns and what it logs. It should throw nothing but
/// `cancelled`. Any other exception is logged and has the effect stated at each operation.
///
///
/// task<take_result> take(take_request request)
///
///   Waits for jobs and returns at most `request.capacity` of them. Called whenever slots are free, until it
///   returns `closed` or the worker leaves. Job ids must not be empty. A job whose id is already in progress
///   is dropped with a warning. Overlap: up to limits().takes calls at once; 1 by default. Cancellation: when
///   the worker leaves, the stop token is triggered; if limits().drains is set, only once the grace period is
///   over. take() must then return soon. It may throw `cancelled` only if the queue has handed nothing over;
///   jobs that it has, or is being given, must be returned, and the worker runs them. Throws: after
///   std::bad_alloc the worker calls it again in a second; no job that was handed over may be lost by it. Any
///   other exception ends the run; run() rethrows it after the jobs in progress have ended.
///
/// task<delivery> complete(job_result result)
///
///   Delivers a job's result. Returns once the queue has it or will never accept it. Called exactly once for
///   each job that was handed over, also for a job that never ran. The job keeps its slot until it returns.
///   Overlap: calls for different jobs overlap. Cancellation: none; it must limit its own time. Throws:
///   counts as given_up. If there is no memory for the coroutine itself, it is called again with an outcome
///   that says so.
///
/// task<delivery> chunk(std::string_view job_id, json value)                                      optional
///
///   Delivers one chunk of a streaming handler's output. Overlap: calls for different jobs overlap. For one
///   job there is one call at a time, in order, and none after its complete() began. Cancellation: by the
///   job's own stop; it may then throw `cancelled`, but must not leave a chunk on its way that could arrive
///   after what follows it. Any result but `accepted` ends the stream. Throws: counts as given_up.
///
/// task<delivery> progress(std::string_view job_id, json value)                                   optional
///
///   Reports how far a job has come. It makes one attempt, because the next value replaces this one. Overlap
///   and order: as chunk(). `refused`: this value is not tried again. `unwanted`: no more progress of this
///   job is sent. Cancellation: none. Throws: counts as refused.
///
/// transport_limits limits() const                                                                optional
///
///   Called once, when the run begins. Without it nothing is limited and takes do not overlap. noexcept.
///
/// void interpret(outcome& made) const                                                            optional
///
///   Gives members of a handler's output the meaning that they have on the engine's platform, such as an
///   error in a returned object. Called once for each outcome that does not come from an exception, before it
///   is counted and measured, and for each element of a stream that is an object. Only if made.untyped is
///   true may members have a meaning. Throws: fails the job.
///
/// task<void> attend(worker_control control)                                                      optional
///
///   Does what the engine has to do beside the jobs, such as heartbeats and stop channels. Called once, when
///   the run begins, also while the handler is still being prepared (control.preparing()) and no job is
///   taken. `control` may be used until attend() has ended. Cancellation: stopped once all jobs have ended,
///   and then awaited; it ends by returning or by throwing `cancelled`. Throws: any other exception drains
///   the worker, and run() rethrows it.
///
/// std::size_t backlog() const                                                                    optional
///
///   Returns how many jobs wait in the queue, for concurrency modifiers. Called often. noexcept.
///
/// double arrivals_per_second(time_point now) const                                               optional
///
///   Returns how many jobs have come to the queue in the last second, each counted when it came, so that
///   concurrency modifiers see the load. Below 0: not known. Without it, jobs count when they are taken or
///   seen waiting. Called often. noexcept.
///
/// waiter& waiter()                                                                               optional
///
///   Returns what the event loop of worker::run() blocks on. For engines that bring their own way to wait;
///   engines that await descriptors with readable() need none. noexcept.
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

/// An engine that accepts chunks while a job runs.
template <class Transport>
concept chunk_transport = requires(Transport& queue, std::string_view job_id, json value) {
  { queue.chunk(job_id, std::move(value)) } -> std::same_as<task<delivery>>;
};

/// An engine that accepts reports of how far a job has come.
template <class Transport>
concept progress_transport = requires(Transport& queue, std::string_view job_id, json value) {
  { queue.progress(job_id, std::move(value)) } -> std::same_as<task<delivery>>;
};

/// An engine that states what it accepts at most.
template <class Transport>
concept limited_transport = requires(const Transport& queue) {
  { queue.limits() } -> std::same_as<transport_limits>;
};

/// An engine whose platform gives some members of an output a meaning.
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

/// An engine that provides the waiter that the worker's event loop blocks on.
template <class Transport>
concept waiting_transport = requires(Transport& queue) {
  { queue.waiter() } -> std::same_as<coworker::waiter&>;
};

}  // namespace coworker::inline v0_1
