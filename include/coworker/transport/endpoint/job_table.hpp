#pragma once
// The jobs of an HTTP endpoint: those that wait, those in progress, and those whose results are kept for
// clients that ask later. Bounds their memory. Must not know HTTP.

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/job/record.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/control.hpp>
#include <coworker/transport/endpoint/job.hpp>
#include <coworker/transport/endpoint/job_states.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <coworker/transport/endpoint/waiting_jobs.hpp>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// Thread-safe.
class job_table : job_states {
 public:
  enum class refusal : unsigned char { none, full, closed };

  explicit job_table(const endpoint_options& options) noexcept : job_states(options) {}

  // --- for clients ----------------------------------------------------------------------------------------

  // Adds a job. Returns an empty handle, and the reason in `why`, if there is no room or the worker is
  // leaving. With `announced` false the worker is not woken; the caller must then set available() soon.
  job_handle submit(endpoint_order order, time_point now, refusal& why, bool announced = true) {
    const std::lock_guard lock(mutex_);
    why = closed_ ? refusal::closed : refusal::none;
    if (!closed_) arrivals_.add(now);
    const std::size_t size = order.request.size() + cost_of_a_job;
    if (why == refusal::none && !waiting_.has_room_for(size)) why = refusal::full;
    if (why != refusal::none) return job_handle();
    // A job that no client can ask for later is listed only to keep an id that its client chose unique.
    const bool listed = order.kept || !order.id.empty();
    std::string id = std::move(order.id);
    if (id.empty() || kept_.find(id) != nullptr || running_.find(id) != nullptr) id = ids_.next(order.sync);
    const job_handle made(new endpoint_job(std::move(id), std::move(order), now));
    made->bytes = size;
    if (announced) available_.set();  // first, because it may throw; a take that it wakes waits for the mutex
    made->listed = listed;
    if (listed) kept_.add(made);
    waiting_.push(made);
    made->revision = ++revision_;
    return made;
  }

  // Returns an empty handle if there is no such job, or not any more.
  job_handle find(std::string_view id, time_point now) {
    const std::lock_guard lock(mutex_);
    const job_handle* const found = kept_.find(id);
    if (found == nullptr || !(*found)->kept()) return job_handle();
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

  // Returns nothing if the job has not ended; its `news` is then set by its next change.
  std::optional<job_view> look_for_end(endpoint_job& job, time_point now) {
    const std::lock_guard lock(mutex_);
    job_view seen = look_locked(job, now);
    if (is_final(seen.status)) return seen;
    job.news.reset();
    return std::nullopt;
  }

  // Takes the unread chunks. Returns false if there are none and the job has not ended; its `news` is then
  // set by its next change.
  bool take_chunks(endpoint_job& job, time_point now, std::vector<std::string>& taken, job_view& seen) {
    const std::lock_guard lock(mutex_);
    seen = look_locked(job, now);
    taken = std::exchange(job.chunks, {});
    kept_.count_bytes(job, -static_cast<std::ptrdiff_t>(std::exchange(job.chunk_bytes, 0)));
    if (!taken.empty()) job.note_room();
    if (!taken.empty() || is_final(seen.status)) return true;
    job.news.reset();
    return false;
  }

  // States whether a connected client reads the chunks: only such a client can delay the handler.
  void read_live(endpoint_job& job, bool live) {
    const std::lock_guard lock(mutex_);
    job.read_live = live;
    job.note_room();
  }

  // Ends the job as cancelled; a worker that has it is asked to stop it. Returns false if it had ended.
  bool cancel(endpoint_job& job, std::string why, time_point now) {
    const std::lock_guard lock(mutex_);
    if (is_final(job.status)) return false;
    cancel_locked(job, std::move(why), now);
    return true;
  }

  // The job's client has its response or has gone away. A job that has not ended is cancelled.
  void leave(endpoint_job& job, time_point now) {
    const std::lock_guard lock(mutex_);
    if (!is_final(job.status)) cancel_locked(job, "cancelled: the client has gone away", now);
    if (!job.kept() && job.listed) kept_.forget(job);
  }

  // Adds a job with the id of one that failed or timed out. Returns an empty handle if that one did not, if a
  // worker still has it, or, with the reason in `why`, if there is no room or the worker leaves.
  job_handle retry(endpoint_job& old, endpoint_order order, time_point now, refusal& why) {
    const std::lock_guard lock(mutex_);
    why = closed_ ? refusal::closed : waiting_.has_room() ? refusal::none : refusal::full;
    const bool may = old.status == endpoint_status::failed || old.status == endpoint_status::timed_out;
    if (why != refusal::none || !may || old.running) return job_handle();
    arrivals_.add(now);
    const job_handle made(new endpoint_job(old.id, std::move(order), now));
    kept_.forget(old);
    made->bytes = made->texts->request.size() + cost_of_a_job;
    available_.set();
    kept_.add(made);
    ++counts_.retried;
    waiting_.push(made);
    made->revision = ++revision_;
    return made;
  }

  // Cancels the jobs that wait and returns how many there were.
  std::size_t purge(time_point now) {
    const std::lock_guard lock(mutex_);
    return cancel_waiting("cancelled: the queue was purged", now);
  }

  endpoint_counts counts() const {
    const std::lock_guard lock(mutex_);
    endpoint_counts made = counts_;
    made.in_queue = waiting_.size();
    made.in_progress = in_progress_;
    return made;
  }

  // Calls `use(const endpoint_job&)` for each kept job that changed since; returns the current revision.
  template <class Use>
  std::uint64_t changed_since(std::uint64_t revision, const Use& use) const {
    const std::lock_guard lock(mutex_);
    kept_.for_each([&](const job_handle& job) {
      if (job->kept() && job->revision > revision) use(*job);
    });
    return revision_;
  }

  // --- for the worker -------------------------------------------------------------------------------------

  // Hands waiting jobs over to the worker. Returns false if there are none yet. Throws: std::bad_alloc; all of
  // them then still wait.
  bool hand_over(std::size_t capacity, time_point now, take_result& taken) {
    const std::lock_guard lock(mutex_);
    try {
      taken.jobs.reserve((std::min)(capacity, taken.jobs.size() + waiting_.size()));
      while (waiting_.size() > 0 && taken.jobs.size() < capacity) {
        const job_handle next = waiting_.first();
        expire(*next, now);
        if (next->status == endpoint_status::in_queue) start(next, now, taken);
        waiting_.pop();
      }
    } catch (const std::bad_alloc&) {
      if (taken.jobs.empty()) throw;
    }
    taken.closed = closed_ && waiting_.size() == 0;
    if (!taken.jobs.empty() || taken.closed) return true;
    available_.reset();
    return false;
  }

  event& available() noexcept { return available_; }

  // These two take no lock, because the worker calls them for each job.
  std::size_t waiting() const noexcept { return waiting_.size(); }
  double arrivals_per_second(time_point now) const noexcept { return arrivals_.per_second(now); }

  // Returns an empty handle if the worker has no such job.
  job_handle running(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    const job_handle* const found = running_.find(id);
    return found != nullptr ? *found : job_handle();
  }

  enum class chunk_place : unsigned char { added, no_room, unwanted };

  // Adds a chunk. Returns no_room if the client must first read others; job.room->read is set when it has.
  chunk_place add_chunk(endpoint_job& job, std::string& text, time_point now) {
    const std::lock_guard lock(mutex_);
    if (is_final(job.status)) return chunk_place::unwanted;
    if (job.read_live && job.chunk_bytes != 0 && job.chunk_bytes + text.size() > most_unread) {
      if (!job.room) job.room = shared_handle<room_event>(new room_event);
      job.room->read.reset();
      return chunk_place::no_room;
    }
    if (job.chunk_bytes + text.size() > options_.most_kept) return chunk_place::unwanted;
    job.chunk_bytes += text.size();
    kept_.count_bytes(job, static_cast<std::ptrdiff_t>(text.size()));
    if (job.texts) append_shown_end(job.texts->shown_chunks, std::string_view(text).substr(0, 1000));
    job.chunks.push_back(std::move(text));
    change(job, job.status);
    kept_.make_room(now);
    return chunk_place::added;
  }

  void set_progress(endpoint_job& job, std::string text) {
    const std::lock_guard lock(mutex_);
    if (!job.texts) return;  // no client can ask for it
    job.texts->progress = std::move(text);
    change(job, job.status);
  }

  // Adds a line of the log to the job that it is about, if that is kept.
  void add_log_line(std::string_view id, std::string_view line) {
    const std::lock_guard lock(mutex_);
    const job_handle* const found = kept_.find(id);
    if (found == nullptr || !(*found)->kept()) return;
    append_shown_end((*found)->texts->shown_log, line.substr(0, 1000));
    change(**found, (*found)->status);
  }

  // Ends a job that the worker had. A job whose status is already final keeps it. Returns false if the worker
  // has no such job. Wakes the client after it has unlocked, because the client would otherwise wake up only to
  // wait for the lock; one that looks before that sees the end, and does not wait.
  bool end(std::string_view id, endpoint_status status, text_handle output, std::string error,
           bool input_fault, time_point now) {
    const bool completed = status == endpoint_status::completed;
    job_handle job;
    event* wakes = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const job_handle* const found = running_.find(id);
      if (found == nullptr) return false;
      job = *found;
      const bool had_ended = is_final(job->status);
      if (!had_ended) wakes = gather(job);
      detail::take_job(running_, id);
      job->running = false;
      --in_progress_;
      if (had_ended) return true;
      // The worker stops a handler that exceeds its time limit, and its job then ends as a failure.
      const bool limited = job->time_limit > duration::zero() && now - job->started >= job->time_limit;
      if (!completed && (limited || now >= job->deadline)) status = endpoint_status::timed_out;
      job->input_fault = input_fault;
      end_quietly(*job, status, std::move(output), std::move(error), now);
    }
    detail::insist([&] {
      if (wakes != nullptr) wakes->set();
      if (!completed) job->note_room();  // a handler that was given up may still wait for it
    });
    return true;
  }

  // From now on, end() does not wake the client of a job, but sets some_ended(); a coroutine on the loop of the
  // clients waits for that and calls wake_clients(). So the worker wakes that loop once for many jobs.
  void gather_ends(bool gathers) {
    const std::lock_guard lock(mutex_);
    gathers_ends_ = gathers;
  }
  event& some_ended() noexcept { return some_ended_; }

  // Wakes the clients of the jobs that have ended since the last call. `ended` lends its memory.
  void wake_clients(std::vector<job_handle>& ended) {
    {
      const std::lock_guard lock(mutex_);
      some_ended_.reset();
      ended.swap(ended_);
    }
    for (const job_handle& job : ended) detail::insist([&job] { job->news.set(); });
    ended.clear();
  }

  void worker_comes(const worker_control& worker) {
    const std::lock_guard lock(mutex_);
    workers_.push_back(worker);
    closed_ = false;
  }

  // Cancels the jobs that wait, because nobody will start them.
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

  // Accepts no more jobs until a worker comes; those that wait may still be handed over.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    available_.set();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  // Returns the webhooks to call, in order, and forgets them.
  std::vector<endpoint_notice> take_notices() {
    const std::lock_guard lock(mutex_);
    noticed_.reset();
    return std::exchange(notices_, {});
  }
  event& noticed() noexcept { return noticed_; }

 private:
  static constexpr std::size_t cost_of_a_job = 512;       // bytes, roughly, of the object itself
  static constexpr std::size_t most_unread = 256 * 1024;  // bytes of chunks; beyond that, handlers wait
};

}  // namespace coworker::inline v0_1::detail
