#pragma once
// The jobs of an HTTP endpoint: those that wait, those in progress, and those whose results are kept for clients that ask
// later, within a bound on memory. Must not know HTTP.

#include <coworker/coro/clock.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/job/record.hpp>
#include <coworker/scale/metrics.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <coworker/transport/endpoint/job_ids.hpp>
#include <coworker/transport/endpoint/kept_jobs.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// Any thread.
class job_table {
 public:
  enum class refusal : unsigned char { none, full, closed };

  explicit job_table(const endpoint_options& options) noexcept : options_(options), ids_(options.seed) {}

  // --- for clients ----------------------------------------------------------------------------------------

  // Empty, and why: there is no room, or the worker leaves. Not announced, the worker is not told: the caller sets
  // available() soon.
  job_handle submit(endpoint_order order, time_point now, refusal& why, bool announced = true) {
    const std::lock_guard lock(mutex_);
    why = closed_ ? refusal::closed : refusal::none;
    if (!closed_) arrivals_.add(now);
    const std::size_t size = order.request.size() + cost_of_a_job;
    const bool has_room = in_queue_ < options_.most_waiting && waiting_bytes_ + size <= options_.most_kept;
    if (why == refusal::none && !has_room) why = refusal::full;
    if (why != refusal::none) return job_handle();
    const duration time_to_live = order.time_to_live;
    // One that nobody can ask for is looked up for its id only, where that is its client's.
    const bool listed = order.kept || !order.envelope.id.empty();
    std::string id = std::move(order.envelope.id);
    if (id.empty() || kept_.find(id) != nullptr || running_.find(id) != nullptr) id = ids_.next(order.sync);
    const job_handle made(new endpoint_job(std::move(id), std::move(order), now));
    made->bytes = size;
    if (time_to_live != (duration::max)()) made->deadline = now + time_to_live;
    if (announced) available_.set();  // first, as it may throw; a take that wakes waits for the lock
    made->listed = listed;
    if (listed) kept_.add(made);
    enqueue(made);
    return made;
  }

  // Empty: it is not here, or not any more.
  job_handle find(std::string_view id, time_point now) {
    const std::lock_guard lock(mutex_);
    const job_handle* const found = kept_.find(id);
    if (found == nullptr || !(*found)->kept) return job_handle();
    job_handle job = *found;
    expire(*job, now);
    if (is_final(job->status) && now - job->ended > (job->sync ? options_.keep_sync : options_.keep_async)) {
      kept_.forget(*job);
      return job_handle();
    }
    return job;
  }

  job_view look(endpoint_job& job, time_point now) {
    const std::lock_guard lock(mutex_);
    return look_locked(job, now);
  }

  // Nothing: it is not over, and news will come.
  std::optional<job_view> look_for_end(endpoint_job& job, time_point now) {
    const std::lock_guard lock(mutex_);
    job_view seen = look_locked(job, now);
    if (is_final(seen.status)) return seen;
    job.news.reset();
    return std::nullopt;
  }

  // Takes the chunks that came, all of them or one. False: there are none, the job goes on, and news will come.
  bool take_chunks(endpoint_job& job, time_point now, bool all, std::vector<std::string>& taken,
                   job_view& seen) {
    const std::lock_guard lock(mutex_);
    seen = look_locked(job, now);
    while (!job.chunks.empty() && (all || taken.empty())) {
      taken.push_back(job.chunks.pop());
      job.chunk_bytes -= taken.back().size();
      kept_.count_bytes(job, -static_cast<std::ptrdiff_t>(taken.back().size()));
    }
    if (!taken.empty()) job.room.set();
    if (!taken.empty() || is_final(seen.status)) return true;
    job.news.reset();
    return false;
  }

  // The handler is held up by a client that reads slowly, and not by one that is not there.
  void read_live(endpoint_job& job, bool live) {
    const std::lock_guard lock(mutex_);
    job.read_live = live;
    job.room.set();
  }

  // Ends it as cancelled; one in progress is asked to stop. False: it had ended before.
  bool cancel(endpoint_job& job, std::string why, time_point now) {
    const std::lock_guard lock(mutex_);
    if (is_final(job.status)) return false;
    cancel_locked(job, std::move(why), now);
    return true;
  }

  // Its client has its answer, or has gone away; then it is stopped.
  void leave(endpoint_job& job, time_point now) {
    const std::lock_guard lock(mutex_);
    if (!is_final(job.status)) cancel_locked(job, "cancelled: the client has gone away", now);
    if (!job.kept && job.listed) kept_.forget(job);
  }

  // Only for one that has failed or timed out. False: it has not, or there is no room.
  job_handle retry(endpoint_job& old, endpoint_order order, time_point now, refusal& why) {
    const std::lock_guard lock(mutex_);
    why = closed_ ? refusal::closed : in_queue_ < options_.most_waiting ? refusal::none : refusal::full;
    const bool may = old.status == endpoint_status::failed || old.status == endpoint_status::timed_out;
    if (why != refusal::none || !may || old.running) return job_handle();
    arrivals_.add(now);
    const duration time_to_live = order.time_to_live;
    const job_handle made(new endpoint_job(old.id, std::move(order), now));
    kept_.forget(old);
    made->bytes = made->request.size() + cost_of_a_job;
    if (time_to_live != (duration::max)()) made->deadline = now + time_to_live;
    available_.set();
    kept_.add(made);
    ++counts_.retried;
    enqueue(made);
    return made;
  }

  // Cancels all that wait; returns how many.
  std::size_t purge(time_point now) {
    const std::lock_guard lock(mutex_);
    return cancel_waiting("cancelled: the queue was purged", now);
  }

  endpoint_counts counts() const {
    const std::lock_guard lock(mutex_);
    endpoint_counts made = counts_;
    made.in_queue = in_queue_;
    made.in_progress = in_progress_;
    return made;
  }

  // Calls `use(const endpoint_job&)` for those that have changed since, and returns the number of the last change.
  template <class Use>
  std::uint64_t changed_since(std::uint64_t revision, const Use& use) const {
    const std::lock_guard lock(mutex_);
    kept_.for_each([&](const job_handle& job) {
      if (job->kept && job->revision > revision) use(*job);
    });
    return revision_;
  }

  // --- for the worker -------------------------------------------------------------------------------------

  // False: there is nothing to hand over yet.
  bool hand_over(std::size_t capacity, time_point now, take_result& taken) {
    const std::lock_guard lock(mutex_);
    while (in_queue_ > 0 && taken.jobs.size() < capacity) {
      const job_handle next = waiting_.pop();
      if (next->status != endpoint_status::in_queue) continue;
      expire(*next, now);
      if (next->status != endpoint_status::in_queue) continue;
      // Kept here until it has ended, also where no client asks for it later.
      running_.insert(next->id, [&next] { return next; });
      leave_queue(*next);
      ++in_progress_;
      next->running = next->was_started = true;
      next->started = now;
      next->envelope.deadline = next->deadline;
      change(*next, endpoint_status::in_progress);
      taken.jobs.push_back(std::move(next->envelope));
    }
    taken.closed = closed_ && in_queue_ == 0;
    if (!taken.jobs.empty() || taken.closed) return true;
    available_.reset();
    return false;
  }

  event& available() noexcept { return available_; }

  std::size_t waiting() const noexcept {
    const std::lock_guard lock(mutex_);
    return in_queue_;
  }

  double arrivals_per_second(time_point now) const noexcept {
    const std::lock_guard lock(mutex_);
    return arrivals_.per_second(now);
  }

  // Empty: the worker has no such job.
  job_handle running(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    const job_handle* const found = running_.find(id);
    return found != nullptr ? *found : job_handle();
  }

  enum class chunk_place : unsigned char { added, no_room, unwanted };

  // no_room: whoever reads it has to come first.
  chunk_place add_chunk(endpoint_job& job, std::string& text, time_point now) {
    const std::lock_guard lock(mutex_);
    if (is_final(job.status)) return chunk_place::unwanted;
    if (job.read_live && job.chunk_bytes != 0 && job.chunk_bytes + text.size() > most_unread) {
      job.room.reset();
      return chunk_place::no_room;
    }
    if (job.chunk_bytes + text.size() > options_.most_kept) return chunk_place::unwanted;
    job.chunk_bytes += text.size();
    kept_.count_bytes(job, static_cast<std::ptrdiff_t>(text.size()));
    if (job.kept) append_shown_end(job.shown_chunks, std::string_view(text).substr(0, 1000));
    job.chunks.push(std::move(text));
    change(job, job.status);
    kept_.make_room(now);
    return chunk_place::added;
  }

  void set_progress(endpoint_job& job, std::string text) {
    const std::lock_guard lock(mutex_);
    job.progress = std::move(text);
    change(job, job.status);
  }

  // A line of the log, if it is about a job that is kept.
  void add_log_line(std::string_view id, std::string_view line) {
    const std::lock_guard lock(mutex_);
    const job_handle* const found = kept_.find(id);
    if (found == nullptr || !(*found)->kept) return;
    append_shown_end((*found)->shown_log, line.substr(0, 1000));
    change(**found, (*found)->status);
  }

  // Of a job that the worker had. It keeps the status that it has, if that is final already.
  void end(endpoint_job& job, endpoint_status status, text_handle output, std::string error, bool input_fault,
           time_point now) {
    const std::lock_guard lock(mutex_);
    const job_handle kept = detail::take_job(running_, job.id);
    job.running = false;
    --in_progress_;
    if (is_final(job.status)) return;
    job.input_fault = input_fault;
    end_locked(job, status, std::move(output), std::move(error), now);
  }

  void worker_comes(const worker_control& worker) {
    const std::lock_guard lock(mutex_);
    workers_.push_back(worker);
    closed_ = false;
  }

  // What waits then will not be started any more.
  void worker_goes(time_point now) noexcept {
    const std::lock_guard lock(mutex_);
    workers_.clear();
    closed_ = true;
    detail::insist([&] { cancel_waiting("cancelled: the worker left before it had started the job", now); });
  }

  std::optional<worker_control> worker() const {
    const std::lock_guard lock(mutex_);
    return workers_.empty() ? std::nullopt : std::optional<worker_control>(workers_.front());
  }

  // Lets no more in until a worker comes; what waits may still be handed over.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    available_.set();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  // What is to be told, in order; for whoever tells it.
  std::vector<endpoint_notice> take_notices() {
    const std::lock_guard lock(mutex_);
    noticed_.reset();
    return std::exchange(notices_, {});
  }
  event& noticed() noexcept { return noticed_; }

 private:
  static constexpr std::size_t cost_of_a_job = 512;  // about, of the object itself
  static constexpr std::size_t most_unread =
      256 * 1024;  // of chunks, before a handler waits for a slow reader

  void enqueue(const job_handle& job) {
    job->envelope.id = job->id;
    waiting_.push(job);
    ++in_queue_;
    waiting_bytes_ += job->bytes;
    change(*job, endpoint_status::in_queue);
  }

  void leave_queue(endpoint_job& job) {
    --in_queue_;
    waiting_bytes_ -= job.bytes;
  }

  void change(endpoint_job& job, endpoint_status to) {
    job.status = to;
    job.revision = ++revision_;
    job.news.set();
  }

  void cancel_locked(endpoint_job& job, std::string why, time_point now) {
    if (job.running) {
      for (const worker_control& worker : workers_) worker.stop_job(job.id);
    }
    end_locked(job, endpoint_status::cancelled, text_handle(), std::move(why), now);
  }

  // One that has waited for too long.
  void expire(endpoint_job& job, time_point now) {
    if (job.status != endpoint_status::in_queue || now < job.deadline) return;
    end_locked(job, endpoint_status::timed_out, text_handle(),
               "timed out: its time to live ended before it was started", now);
  }

  job_view look_locked(endpoint_job& job, time_point now) {
    expire(job, now);
    return detail::view_of(job, now);
  }

  void end_locked(endpoint_job& job, endpoint_status status, text_handle output, std::string error,
                  time_point now) {
    if (job.status == endpoint_status::in_queue) {
      leave_queue(job);
      job.envelope = job_envelope();
    }
    job.ended = now;
    job.output = std::move(output);
    job.error = std::move(error);
    ++detail::count_of(counts_, status);
    change(job, status);
    job.room.set();
    const job_handle self = job.kept ? kept_.handle_of(job) : job_handle();
    if (!self) return;
    if (!job.webhook.empty()) {
      notices_.push_back({job.webhook, self});
      noticed_.set();
    }
    kept_.note_end(self, now);
  }

  std::size_t cancel_waiting(const char* why, time_point now) {
    std::size_t removed = 0;
    for (; !waiting_.empty(); waiting_.pop()) {
      endpoint_job& next = *waiting_[0];
      if (next.status != endpoint_status::in_queue) continue;
      end_locked(next, endpoint_status::cancelled, text_handle(), why, now);
      ++removed;
    }
    return removed;
  }

  const endpoint_options& options_;
  mutable std::mutex mutex_;  // guards all below, and the jobs
  job_ids ids_;
  event available_;  // a take may find something
  event noticed_;
  kept_jobs kept_{options_};  // that clients may ask for
  job_index running_;         // that a worker has
  fifo<job_handle> waiting_;  // also those that have ended meanwhile
  std::vector<endpoint_notice> notices_;
  std::vector<worker_control> workers_;
  endpoint_counts counts_;
  mutable rate_meter arrivals_;  // requests for jobs, also those that are refused as there is no room
  std::size_t in_queue_ = 0;
  std::size_t in_progress_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t revision_ = 0;
  bool closed_ = false;
};

}  // namespace coworker::inline v0_1::detail
