#pragma once
// http_queue: the queue protocol over any HTTP client. It decides what each answer means, what is tried again
// and when, and that no result is dropped. Must not know libcurl, threads, or the environment.

#include <concepts>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/result.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/http/client.hpp>
#include <coworker/job/job.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/runpod/jobs_in_progress.hpp>
#include <coworker/transport/runpod/responses.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <coworker/transport/spool.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

struct http_queue_options {
  queue_urls::templates urls;
  std::string worker_id = "unknown";
  /// Sent as the Authorization header as it stands; empty: none is sent.
  std::string api_key = {};
  /// How long a take may stay unanswered. More than the 90 s that servers hold them;
  /// default 105 s.
  duration poll_limit = std::chrono::seconds(105);
  /// How long one post of a result may take. Default 60 s.
  duration post_limit = std::chrono::seconds(60);
  /// How long one post of a job's progress may take. Its outcome waits for it. Default 10 s.
  duration progress_limit = std::chrono::seconds(10);
  /// How many results, chunks and reports of progress may be on their way at once, each over a connection of
  /// its own where the server has no HTTP/2; the others wait for their turn. 1 or more; default 128.
  std::size_t posts_at_once = 128;
  /// How long a result is posted again and again before it is given up (to the spool, where there is one).
  /// Default 10 min.
  duration delivery_deadline = std::chrono::minutes(10);
  /// Waits between tries while the server fails or cannot be reached.
  backoff::options retry = {std::chrono::milliseconds(200), std::chrono::seconds(30)};
  /// Waits between takes while the server says at once that there are no jobs, instead of holding the poll.
  backoff::options idle = {std::chrono::milliseconds(50), std::chrono::seconds(2)};
  /// Waits after "too many requests" where the server does not say how long. Default 5 s.
  duration throttled = std::chrono::seconds(5);
  /// A folder, which must exist, where results are kept that could not be posted; empty: none.
  std::string spool_folder = {};
  /// Seeds the jitter of all waits.
  std::uint64_t seed = 0;
};

/// A queue of the platform's protocol. All of it is used on the worker's executor, but for in_progress(),
/// which any thread may ask. The client, the logger and the options' strings live on this side; client and
/// logger must outlive it.
template <http_client Client, class Spool = spool>
class http_queue {
 public:
  /// Errors: std::runtime_error when the spool folder cannot be read; std::invalid_argument for options out
  /// of their range.
  http_queue(Client& client, http_queue_options options, logger& log)
      : http_queue(client, options, log, Spool(options.spool_folder)) {}

  /// With a spool of the caller's own; the options' folder counts for nothing then.
  http_queue(Client& client, http_queue_options options, logger& log, Spool kept)
      : client_(client),
        options_(std::move(options)),
        urls_(options_.urls, options_.worker_id),
        common_headers_(authorization(options_)),
        post_headers_(common_headers_),
        log_(log),
        random_(options_.seed),
        take_backoff_(options_.retry, split_random()),
        idle_backoff_(options_.idle, split_random()),
        takes_("Taking jobs", log),
        posts_("Posting results", log),
        post_turns_(options_.posts_at_once),
        spool_(std::move(kept)) {
    if (options_.posts_at_once == 0) {
      throw std::invalid_argument(
          "http_queue_options::posts_at_once must be 1 or more, or no result would ever be posted");
    }
    post_headers_.emplace_back("Content-Type: application/x-www-form-urlencoded");
    post_headers_.emplace_back("charset: utf-8");
  }

  http_queue(const http_queue&) = delete;
  http_queue& operator=(const http_queue&) = delete;

  task<take_result> take(take_request request);
  task<delivery> complete(job_result result) {
    return deliver(result.job_id, result.streamed, std::move(result.body), nullptr);
  }
  task<delivery> chunk(std::string_view job_id, std::string text);
  task<delivery> progress(std::string_view job_id, std::string text);
  bool takes_chunks() const noexcept { return urls_.has_stream(); }

  /// Posts what an earlier run left in the spool. Cancellation: what is left stays there.
  task<void> attend();

  coworker::waiter& waiter() requires std::derived_from<Client, coworker::waiter> { return client_; }

  const jobs_in_progress& in_progress() const noexcept { return in_progress_; }
  const queue_urls& urls() const noexcept { return urls_; }
  /// The headers that every request carries.
  const std::vector<std::string>& common_headers() const noexcept { return common_headers_; }

 private:
  enum class fate : unsigned char { accepted, refused, expired };
  struct posted {
    fate ended;
    std::string reason;
    bool perhaps_accepted = false;  // by an earlier try whose answer did not come through
  };

  static std::vector<std::string> authorization(const http_queue_options& options) {
    if (options.api_key.empty()) return {};
    return {"Authorization: " + options.api_key};
  }
  random_source split_random() noexcept { return random_source(random_.next()); }
  take_result read_jobs(const http_answer& answer, time_point asked, time_point now);
  void take_failed(const http_answer& answer, bool held, time_point now);
  void take_in(json value, take_result& taken);
  void hold_takes_off(time_point now, duration wait) {
    const time_point until = detail::after(now, wait);
    if (take_not_before_ < until) take_not_before_ = until;
  }
  http_request post_of(std::string url, std::string_view job_id, std::string body) const;
  task<http_answer> post(const http_request& request, bool may_be_cut_off);
  task<http_answer> post_and_keep(const http_request& request, typename Spool::ticket& kept);
  task<void> keep_soon(const http_request& request, typename Spool::ticket& kept, auto_reset_event& answered);
  task<posted> post_until_settled(const http_request& request, typename Spool::ticket* kept);
  task<delivery> deliver(std::string_view job_id, bool streamed, std::string body,
                         typename Spool::ticket* left);
  task<delivery> end_unaccepted(const posted& first, http_request& request, typename Spool::ticket& kept,
                                log_subject subject);

  Client& client_;
  const http_queue_options options_;
  const queue_urls urls_;
  const std::vector<std::string> common_headers_;
  std::vector<std::string> post_headers_;  // those, and what every post has
  logger& log_;
  random_source random_;
  backoff take_backoff_;
  backoff idle_backoff_;
  time_point take_not_before_ = (time_point::min)();
  channel_health takes_;
  channel_health posts_;
  semaphore post_turns_;
  jobs_in_progress in_progress_;
  Spool spool_;
};

template <http_client Client, class Spool>
task<take_result> http_queue<Client, Spool>::take(take_request request) {
  const executor_ref executor = co_await this_coro::executor();
  time_point asked = executor.now();
  for (; asked < take_not_before_; asked = executor.now()) co_await sleep_until(take_not_before_);
  http_request query(urls_.take(request.capacity, request.in_progress > 0));
  query.headers = common_headers_;
  query.timeout = options_.poll_limit;
  const http_answer answer = co_await client_.send(query);
  co_return read_jobs(answer, asked, executor.now());
}

template <http_client Client, class Spool>
take_result http_queue<Client, Spool>::read_jobs(const http_answer& answer, time_point asked,
                                                 time_point now) {
  take_result taken;
  const bool held = now - asked >= std::chrono::seconds(1);
  switch (classify_take(answer)) {
    case take_answer::jobs: {
      parsed_body<json> found = parse_jobs(answer.body);
      if (found.failure) {
        take_failed(*found.failure, held, now);
        return taken;
      }
      for (json& one : found.items) take_in(std::move(one), taken);
      break;
    }
    case take_answer::none:
      break;
    case take_answer::throttled:
      takes_.failed(answer, now);
      hold_takes_off(now, answer.retry_after.value_or(options_.throttled));
      return taken;
    case take_answer::failed:
      take_failed(answer, held, now);
      return taken;
  }
  takes_.worked();
  take_backoff_.reset();
  // A server that holds its polls answers "none" late; one that does not is asked at a measured pace.
  if (held || !taken.jobs.empty()) {
    idle_backoff_.reset();
  } else {
    hold_takes_off(asked, idle_backoff_.next());
  }
  return taken;
}

template <http_client Client, class Spool>
void http_queue<Client, Spool>::take_failed(const http_answer& answer, bool held, time_point now) {
  takes_.failed(answer, now);
  if (held) take_backoff_.reset();  // a proxy, say, whose patience is shorter than the server's
  hold_takes_off(now, answer.retry_after.value_or(take_backoff_.next()));
}

// A bad item does not cost its batch: one with an id is answered, any other can only be skipped.
template <http_client Client, class Spool>
void http_queue<Client, Spool>::take_in(json value, take_result& taken) {
  std::optional<job_envelope> envelope = read_envelope(std::move(value), log_);
  if (!envelope) return;
  if (!in_progress_.add(envelope->id)) {
    log_.write(log_level::warn,
               "The queue handed over a job that is in progress here already; it goes on once.",
               log_subject(envelope->id));
    return;
  }
  taken.jobs.push_back(std::move(*envelope));
}

template <http_client Client, class Spool>
http_request http_queue<Client, Spool>::post_of(std::string url, std::string_view job_id,
                                                std::string body) const {
  http_request request(std::move(url));
  request.headers = post_headers_;
  request.own_header = header_line("X-Request-ID", job_id);
  request.body = std::move(body);
  request.timeout = options_.post_limit;
  request.timeout_to_end = true;  // it may be posted again
  return request;
}

// `left` is the place in the spool of a result that an earlier run left, whose job is not in progress here.
template <http_client Client, class Spool>
task<delivery> http_queue<Client, Spool>::deliver(std::string_view job_id, bool streamed, std::string body,
                                                  typename Spool::ticket* left) {
  const log_subject subject(job_id);
  http_request request = post_of(urls_.done(job_id, streamed), job_id, std::move(body));
  typename Spool::ticket kept = left != nullptr ? std::move(*left) : spool_.prepare(job_id, streamed);
  const posted first = co_await post_until_settled(request, &kept);
  delivery ended = delivery::accepted;
  if (first.ended == fate::accepted) {
    spool_.remove(kept);
  } else {
    ended = co_await end_unaccepted(first, request, kept, subject);
  }
  if (left != nullptr) co_return ended;
  in_progress_.remove(job_id);
  if (ended == delivery::accepted) log_.write(log_level::info, "Finished.", subject);
  co_return ended;
}

template <http_client Client, class Spool>
task<delivery> http_queue<Client, Spool>::end_unaccepted(const posted& first, http_request& request,
                                                         typename Spool::ticket& kept, log_subject subject) {
  if (first.ended == fate::refused && first.perhaps_accepted) {
    log_.write(log_level::error,
               "The queue refuses the result of this job (" + first.reason +
                   ") after a try that it may have accepted; it is not told anything else instead.",
               subject);
    spool_.remove(kept);
    co_return delivery::refused;
  }
  if (first.ended == fate::refused) {
    log_.write(log_level::error,
               "The queue refuses the result of this job for good (" + first.reason +
                   "); it is told that the job failed.",
               subject);
    request.body = coworker::refusal_body(first.reason);
    const posted second = co_await post_until_settled(request, nullptr);
    if (second.ended != fate::accepted) {
      log_.write(
          log_level::error,
          "The queue does not take the news either (" + second.reason + "); this result is lost to it.",
          subject);
    }
    spool_.remove(kept);
    co_return delivery::refused;
  }
  log_.write(log_level::error,
             "The result could not be posted in the time allowed (" + first.reason + "); " +
                 (kept.stored() ? "it is kept in the spool and posted at the next start."
                                : "it is lost to the queue. A spool folder would have kept it."),
             subject);
  co_return delivery::given_up;
}

// A try that is cut off by a stop may still arrive, after what follows it; so only one that may come twice
// is.
template <http_client Client, class Spool>
task<http_answer> http_queue<Client, Spool>::post(const http_request& request, bool may_be_cut_off) {
  const semaphore::permit turn = co_await post_turns_.acquire();
  if (may_be_cut_off) co_return co_await client_.send(request);
  context unstoppable(co_await this_coro::executor());
  co_return co_await client_.send(request).in(unstoppable);
}

// Nor does the end of this process lose a result whose first try hangs, as behind a network that swallows
// all.
template <http_client Client, class Spool>
task<http_answer> http_queue<Client, Spool>::post_and_keep(const http_request& request,
                                                           typename Spool::ticket& kept) {
  auto_reset_event answered;
  scope beside(co_await this_coro::context());
  beside.spawn(keep_soon(request, kept, answered));
  detail::result<http_answer> answer;
  co_await detail::capture(post(request, true), answer);
  answered.set();
  co_await beside.join();
  co_return answer.take();
}

template <http_client Client, class Spool>
task<void> http_queue<Client, Spool>::keep_soon(const http_request& request, typename Spool::ticket& kept,
                                                auto_reset_event& answered) {
  const executor_ref executor = co_await this_coro::executor();
  const bool in_time = co_await answered.wait_until(detail::after(executor.now(), std::chrono::seconds(1)));
  if (!in_time) spool_.store(kept, *request.body, true, log_);
}

// Posts until the server has accepted or refused, or time is up. The first failure puts the result into the
// spool, so that not even the end of this process loses it. Should that end come in the middle of a later
// try, nobody will know what became of it; only after the last one that is known.
template <http_client Client, class Spool>
auto http_queue<Client, Spool>::post_until_settled(const http_request& request, typename Spool::ticket* kept)
    -> task<posted> {
  const executor_ref executor = co_await this_coro::executor();
  const time_point deadline = detail::after(executor.now(), options_.delivery_deadline);
  backoff waits(options_.retry, split_random());
  bool uncertain = kept != nullptr && kept->perhaps_accepted();
  for (;;) {
    const bool keep = kept != nullptr && *kept && !kept->stored();
    http_answer answer;
    if (keep) {
      answer = co_await post_and_keep(request, *kept);
    } else if (kept == nullptr) {
      answer = co_await post(request, false);
    } else {
      // As post() does, but without a coroutine more for each result.
      const semaphore::permit turn = co_await post_turns_.acquire();
      answer = co_await client_.send(request);
    }
    const post_answer meaning = classify_post(answer);
    if (meaning == post_answer::accepted) {
      posts_.worked();
      co_return posted{fate::accepted, {}};
    }
    std::string reason = describe_answer(answer);
    if (meaning == post_answer::refused) co_return posted{fate::refused, std::move(reason), uncertain};
    uncertain = uncertain || perhaps_accepted(answer);
    const time_point now = executor.now();
    posts_.failed(answer, now);
    const bool last = now >= deadline;
    if (kept != nullptr) spool_.store(*kept, *request.body, uncertain || !last, log_);
    if (last) co_return posted{fate::expired, std::move(reason)};
    const duration wait =
        answer.retry_after.value_or(answer.status == 429 ? options_.throttled : waits.next());
    co_await sleep_until(wait < deadline - now ? now + wait : deadline);
  }
}

template <http_client Client, class Spool>
task<delivery> http_queue<Client, Spool>::chunk(std::string_view job_id, std::string text) {
  const http_request request = post_of(urls_.stream(job_id), job_id, R"({"output":)" + std::move(text) + "}");
  const posted made = co_await post_until_settled(request, nullptr);
  if (made.ended == fate::accepted) co_return delivery::accepted;
  log_.write(log_level::error,
             "A chunk of the output could not be handed on (" + made.reason + "); the stream ends here.",
             log_subject(job_id));
  co_return made.ended == fate::refused ? delivery::refused : delivery::given_up;
}

template <http_client Client, class Spool>
task<delivery> http_queue<Client, Spool>::progress(std::string_view job_id, std::string text) {
  const executor_ref executor = co_await this_coro::executor();
  http_request request = post_of(urls_.done(job_id, false), job_id,
                                 R"({"status":"IN_PROGRESS","output":)" + std::move(text) + "}");
  request.timeout = options_.progress_limit;
  const http_answer answer = co_await post(request, false);
  switch (classify_post(answer)) {
    case post_answer::accepted:
      posts_.worked();
      co_return delivery::accepted;
    case post_answer::try_again:
      posts_.failed(answer, executor.now());
      co_return delivery::given_up;
    case post_answer::refused:
      break;
  }
  log_.write(log_level::warn, "The queue refuses the progress of this job (" + describe_answer(answer) + ").",
             log_subject(job_id));
  co_return delivery::refused;
}

template <http_client Client, class Spool>
task<void> http_queue<Client, Spool>::attend() {
  for (typename Spool::entry& left : spool_.load(log_)) {
    log_.write(log_level::info, "Posting a result that an earlier run left in the spool.",
               log_subject(left.job_id));
    co_await deliver(left.job_id, left.streamed, std::move(left.body), &left.ticket);
  }
}

}  // namespace coworker
