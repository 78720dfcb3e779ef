#pragma once
// What a worker asks of a queue. Each queue is a model of this concept; what it can do beyond taking and
// completing is found out at compile time.

#include <concepts>
#include <coworker/coro/task.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/outcome.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

/// What a worker tells a queue when it asks for jobs.
struct take_request {
  std::size_t capacity = 1;     ///< how many jobs it can start at once; 1 or more
  std::size_t in_progress = 0;  ///< how many it is busy with
};

/// What a queue answers. No jobs, and not ended, means ask again: the transport has waited as long as is fit.
struct take_result {
  std::vector<job_envelope> jobs;
  bool ended = false;  ///< no job will ever come again
};

/// What a queue says of jobs that are to end early.
struct stop_request {
  std::vector<std::string> job_ids;
  bool ended = false;  ///< it will never name one again
};

/// What became of an outcome.
enum class delivery : unsigned char {
  accepted,  ///< the queue has it
  refused,   ///< the queue will never take it
  given_up,  ///< it could not be delivered in the time allowed
};

/// A result on its way back: the job, what became of it, and the body that says so, which is valid JSON.
struct job_result {
  std::string_view job_id;  ///< outlives the call, as `ended` does
  const outcome& ended;
  std::string body;
  bool streamed = false;  ///< the handler gave chunks
};

/// A queue.
///
///   take(take_request) -> task<take_result>     waits for jobs. Cancellation: ends soon, but never so that a
///   job which the
///                                               queue has handed over is lost; throws `cancelled` or returns
///                                               what it has.
///   complete(job_result) -> task<delivery>      keeps at it until the queue has the result or never will.
///   Not cancelled.
///
/// Optional:
///
///   chunk(job_id, text) -> task<delivery>       one chunk of a streaming handler's output, valid JSON; one
///                                               at a time for each job, none after its outcome.
///                                               Cancellation: tries no more, but leaves no try under way.
///   takes_chunks() -> bool                      false: there is no such thing at this server, and chunk() is
///                                               not called
///   progress(job_id, text) -> task<delivery>    how far a job is, valid JSON; as chunk, but tried once:
///                                               `given_up` means that another try may do
///   next_stops() -> task<stop_request>          waits for the queue to name jobs that are to stop.
///                                               Cancellation: as take.
///   attend() -> task<void>                      whatever the queue has to do beside the jobs; stopped once
///                                               all jobs have ended
///   backlog() const -> std::size_t              how many jobs wait in the queue, so that concurrency modifiers see
///                                               it; asked often
///   waiter() -> waiter&                         what the worker's event loop is to block on
///
/// All are called on the worker's executor. No call throws, but for `cancelled`: what goes wrong is logged or
/// returned.
template <class Transport>
concept transport = requires(Transport& queue, take_request request, job_result result) {
  { queue.take(request) } -> std::same_as<task<take_result>>;
  { queue.complete(std::move(result)) } -> std::same_as<task<delivery>>;
};

/// A queue that takes chunks while a job runs.
template <class Transport>
concept chunk_transport = requires(Transport& queue, std::string_view job_id, std::string text) {
  { queue.chunk(job_id, std::move(text)) } -> std::same_as<task<delivery>>;
};

/// A queue that can be told how far a job is.
template <class Transport>
concept progress_transport = requires(Transport& queue, std::string_view job_id, std::string text) {
  { queue.progress(job_id, std::move(text)) } -> std::same_as<task<delivery>>;
};

/// A queue that can have jobs stopped.
template <class Transport>
concept stopping_transport = requires(Transport& queue) {
  { queue.next_stops() } -> std::same_as<task<stop_request>>;
};

/// A queue that has work of its own.
template <class Transport>
concept attended_transport = requires(Transport& queue) {
  { queue.attend() } -> std::same_as<task<void>>;
};

/// A queue that knows how many jobs wait in it.
template <class Transport>
concept counted_transport = requires(const Transport& queue) {
  { queue.backlog() } -> std::same_as<std::size_t>;
};

/// A queue that the worker's event loop must block on.
template <class Transport>
concept waiting_transport = requires(Transport& queue) {
  { queue.waiter() } -> std::same_as<coworker::waiter&>;
};

}  // namespace coworker
