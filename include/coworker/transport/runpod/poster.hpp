#pragma once
// poster: posts results, chunks and reports of progress to the platform's server. Decides what is tried again
// and when, and what is kept in the spool meanwhile. Must not know how jobs are taken.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/exec/insist.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/semaphore.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/client.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/concept.hpp>
#include <coworker/transport/left_over.hpp>
#include <coworker/transport/runpod/options.hpp>
#include <coworker/transport/runpod/post_gate.hpp>
#include <coworker/transport/runpod/responses.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <coworker/transport/spool.hpp>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

// Used on the worker's executor. Client, options, URLs and logger must outlive it.
template <http_client Client, class Spool>
class poster {
 public:
  using ticket = typename Spool::ticket;

  poster(Client& client, const runpod_options& options, const queue_urls& urls,
         std::vector<std::string> headers, logger& log, random_source random, Spool kept)
      : client_(client),
        options_(options),
        urls_(urls),
        headers_(std::move(headers)),
        log_(log),
        random_(random),
        health_("Posting results", log),
        turns_(options.posts_at_once),
        spool_(std::move(kept)) {
    headers_.emplace_back("Content-Type: application/x-www-form-urlencoded");
    headers_.emplace_back("charset: utf-8");
  }

  poster(const poster&) = delete;
  poster& operator=(const poster&) = delete;

  // Returns once the server has the result, has finally refused it, or the time is up.
  task<delivery> deliver(std::string_view job_id, bool streamed, std::string body) {
    ticket kept = detail::insist([&] { return spool_.prepare(job_id, streamed); });
    http_request request = detail::insist([&] { return post_of(urls_.done(job_id, streamed), job_id); });
    request.body = std::move(body);
    task<posted> posting =
        detail::insist([&] { return post_until_settled(request, &kept, options_.delivery_deadline, false); });
    const posted made = co_await std::move(posting);
    if (made.end != ending::accepted) {
      task<delivery> news =
          detail::insist([&] { return end_unaccepted(made, request, kept, log_subject(job_id)); });
      co_return co_await std::move(news);
    }
    spool_.remove(kept);
    co_return delivery::accepted;
  }

  task<delivery> send_chunk(std::string_view job_id, std::string body) {
    http_request request = post_of(urls_.stream(job_id), job_id);
    request.body = std::move(body);
    const posted made =
        co_await post_until_settled(request, nullptr, options_.delivery_deadline, false, true);
    if (made.end == ending::accepted) co_return delivery::accepted;
    log_.write(log_level::error,
               "A chunk of the output could not be delivered (" + made.reason + "); the stream ends here.",
               log_subject(job_id));
    co_return made.end == ending::expired ? delivery::given_up
    : made.end == ending::unknown_job     ? delivery::unwanted
                                          : delivery::refused;
  }

  // Makes one attempt.
  task<delivery> send_progress(std::string_view job_id, std::string body) {
    http_request request = post_of(urls_.done(job_id, false), job_id);
    request.body = std::move(body);
    request.timeout = options_.progress_timeout;
    const executor_ref executor = co_await this_coro::executor();
    task<http_response> sending = send(request, parts_cut_off_->get_token());
    const http_response response = co_await std::move(sending);
    switch (coworker::classify_post(response)) {
      case post_answer::accepted:
        health_.worked();
        co_return delivery::accepted;
      case post_answer::denied:
      case post_answer::try_again:
        health_.failed(response, executor.now(), duration::zero());
        co_return delivery::given_up;
      case post_answer::body_refused:
      case post_answer::unknown_job:
      case post_answer::unsendable:
        break;
    }
    log_.write(log_level::warn,
               "The queue refuses this progress (" + coworker::describe_answer(response) + ").",
               log_subject(job_id));
    co_return delivery::refused;
  }

  // Whether the server allows us to post; allowed() is set while it does. While it does not, no more jobs
  // should be taken.
  bool may_post() const noexcept { return gate_.is_open(); }
  event& allowed() noexcept { return gate_.open(); }

  // Until it is stopped, stores results whose first attempt hangs, so that the end of the process loses none.
  task<void> keep_unanswered() {
    const executor_ref executor = co_await this_coro::executor();
    for (;;) {
      while (!firsts_.empty()) {
        const time_point due = firsts_.front().keep_at;
        co_await sleep_until(due);
        while (!firsts_.empty() && firsts_.front().keep_at <= executor.now()) {
          first_try& one = firsts_.front();
          one.unlink();
          keep(*one.kept, *one.request->body, true);
        }
      }
      first_sent_.reset();
      co_await first_sent_.wait();
    }
  }

  // Waits for the worker to leave. Results then have `leave_within` to be accepted, and after that are tried
  // at short intervals for another second and a half. Chunks and progress have half of that, because the
  // results come after them. Runs until it is stopped, which aborts all posts.
  task<void> hurry_when_leaving(stop_token leaving) {
    parts_cut_off_.reset();
    cut_off_.emplace();
    parts_cut_off_.emplace(cut_off_->get_token());
    hurry_.reset();
    const stop_callback at_the_end(co_await this_coro::stop_token(), [this] { cut_off_->request_stop(); });
    event begins_to_leave;
    const stop_callback on_leaving(leaving, [&begins_to_leave] { begins_to_leave.set(); });
    co_await begins_to_leave.wait();
    co_await sleep_for(options_.leave_within);
    hurry_.set();
    co_await sleep_for(std::chrono::milliseconds(750));
    parts_cut_off_->request_stop();
    co_await sleep_for(std::chrono::milliseconds(750));
    cut_off_->request_stop();
  }

  // Posts what earlier runs left in the spool. Cancellation: what is not posted by then stays there.
  task<void> post_left_over() {
    scope beside(co_await this_coro::context());
    const auto try_once = [this, &beside](typename Spool::entry& left) {
      return deliver_left_over(left, beside);
    };
    std::exception_ptr problem;
    try {
      auto all =
          detail::hand_on_left_over(spool_, options_.retry, random_source(random_.next()), log_, try_once);
      co_await std::move(all);
    } catch (const std::bad_alloc&) {
      log_.write(
          log_level::warn,
          "There was no memory to post what earlier runs left in the spool; the next start tries again.");
    } catch (...) {
      problem = std::current_exception();
    }
    co_await beside.join();
    if (problem != nullptr) std::rethrow_exception(problem);
  }

 private:
  enum class ending : unsigned char { accepted, refused, unknown_job, expired };
  struct posted {
    ending end = ending::expired;
    std::string reason = {};
    bool perhaps_accepted = false;  // by an earlier attempt whose response did not arrive
    duration wait{};                // after the last attempt
  };

  // The first attempt of a result that has a place in the spool but is not stored there yet.
  struct first_try : wait_link {
    time_point keep_at{};
    const http_request* request;
    ticket* kept;

    first_try(const http_request& posts, ticket* keeps) noexcept : request(&posts), kept(keeps) {}
    ~first_try() { end(); }
    void end() noexcept {
      if (listed()) unlink();
    }
  };

  // Stores a result in the spool, if that is possible.
  void keep(ticket& place, const std::string& body, bool perhaps_accepted) noexcept {
    try {
      spool_.store(place, body, perhaps_accepted, log_);
    } catch (const std::bad_alloc&) {
      log_.write(log_level::error, "The spool cannot keep a result: out of memory.");
    }
  }

  // Returns a request without its body.
  http_request post_of(std::string url, std::string_view job_id) const {
    http_request request(std::move(url));
    request.headers = headers_;
    request.own_header = coworker::header_line("X-Request-ID", job_id);
    request.timeout = options_.post_timeout;
    request.timeout_to_end = true;  // it may be posted again
    return request;
  }

  // A stop of the job does not cancel a request in flight: it might still arrive, after what follows it.
  task<http_response> send(const http_request& request, stop_token cut_off) {
    const semaphore::permit turn = co_await turns_.acquire();
    context unstopped(co_await this_coro::executor(), std::move(cut_off));
    http_response response;
    try {
      co_return co_await client_.send(request).in(unstopped);
    } catch (const cancelled&) {
      response.failure = http_failure::timed_out;
      response.problem = detail::insist([] { return std::string("cut off, because the worker leaves"); });
    } catch (const std::bad_alloc&) {
      response.failure = http_failure::timed_out;  // unknown how far it got
      response.problem = "out of memory";          // short enough to need none
    }
    co_return response;
  }

  // Tries until the server has accepted or refused, or time is up; once more, also after that, if the server
  // does not know the job. A failure stores a result in the spool, marked as perhaps accepted if another
  // attempt follows: if this process ends in the middle of that one, it is unknown whether it was accepted.
  // Cancellation: throws `cancelled` between two attempts.
  task<posted> post_until_settled(const http_request& request, ticket* kept, duration allowed,
                                  bool perhaps_accepted, bool is_chunk = false) {
    const executor_ref executor = co_await this_coro::executor();
    const time_point deadline = after(executor.now(), allowed);
    backoff waits(options_.retry, random_source(random_.next()));
    posted made;
    made.perhaps_accepted = perhaps_accepted;
    bool unknown_before = false;
    post_gate::denial denied(gate_);
    for (;;) {
      const stop_token cut_off = is_chunk ? parts_cut_off_->get_token() : cut_off_->get_token();
      const bool last_call = cut_off.stop_requested();
      first_try first(request, kept);
      if (kept != nullptr && *kept && !kept->stored()) {
        first.keep_at = after(executor.now(), std::chrono::seconds(1));
        firsts_.push_back(first);
        detail::insist([this] { first_sent_.set(); });
      }
      task<http_response> sending = detail::insist([&] { return send(request, cut_off); });
      const http_response response = co_await std::move(sending);
      first.end();
      const post_answer meaning = coworker::classify_post(response);
      if (meaning == post_answer::accepted) {
        health_.worked();
        made.end = ending::accepted;
        co_return made;
      }
      made.reason = detail::insist([&] { return coworker::describe_answer(response); });
      if (meaning == post_answer::body_refused) {
        made.end = ending::refused;
        co_return made;
      }
      if (meaning == post_answer::unknown_job && std::exchange(unknown_before, true)) {
        made.end = ending::unknown_job;
        co_return made;
      }
      made.perhaps_accepted = made.perhaps_accepted || coworker::perhaps_accepted(response);
      const time_point here = executor.now();
      const duration usual = response.status == 429 ? options_.throttled : waits.next();
      const duration wait = made.wait = coworker::retry_wait(response, usual, options_.longest_retry_after);
      health_.failed(response, here, wait);
      denied.set(meaning == post_answer::denied);
      const bool once_more = meaning == post_answer::unknown_job;
      const bool last = (here >= deadline && !once_more) || last_call || meaning == post_answer::unsendable;
      if (kept != nullptr) keep(*kept, *request.body, made.perhaps_accepted || !last);
      if (last) co_return made;
      try {
        if (hurry_.is_set()) {
          co_await sleep_for(std::chrono::milliseconds(100));
        } else {
          co_await hurry_.wait_until(once_more || wait < deadline - here ? here + wait : deadline);
        }
      } catch (const std::bad_alloc&) {  // without memory for a timer there is no pause
      }
    }
  }

  // Makes one attempt at a result that an earlier run left. Returns the time to wait before another, or
  // nothing if none is needed. Marks the file before, in case this process ends in the middle of the attempt.
  task<std::optional<duration>> deliver_left_over(typename Spool::entry& left, scope& beside) {
    const bool uncertain = left.ticket.perhaps_accepted();
    keep(left.ticket, left.body, true);
    if (!left.ticket.perhaps_accepted()) co_return duration::zero();  // it could not be marked
    http_request request = post_of(urls_.done(left.job_id, left.streamed), left.job_id);
    request.body = std::move(left.body);
    posted made = co_await post_until_settled(request, &left.ticket, duration::zero(), uncertain);
    if (made.end == ending::expired) co_return made.wait;
    if (made.end == ending::accepted) {
      spool_.remove(left.ticket);
    } else {
      beside.spawn(end_left_over(std::move(made), std::move(request), std::move(left.ticket), left.job_id));
    }
    co_return std::nullopt;
  }

  // Runs beside the others, because the report of a refusal may be tried for a long time.
  task<void> end_left_over(posted first, http_request request, ticket kept, std::string job_id) {
    co_await end_unaccepted(first, request, kept, log_subject(job_id));
  }

  void write(log_level level, const char* before, const std::string& reason, const char* after,
             log_subject subject) {
    detail::insist([&] { log_.write(level, before + reason + after, subject); });
  }

  // For a result that the queue does not have.
  task<delivery> end_unaccepted(const posted& first, http_request& request, ticket& kept,
                                log_subject subject) {
    switch (first.end) {
      case ending::unknown_job:
        write(log_level::warn, "The queue no longer knows this job (", first.reason,
              "); its result is not wanted.", subject);
        spool_.remove(kept);
        co_return delivery::unwanted;
      case ending::refused:
        break;
      case ending::accepted:
      case ending::expired:
        write(log_level::error, "The result could not be posted in the time allowed (", first.reason,
              kept.stored() ? "); it is kept in the spool and posted at the next start."
              : kept        ? "); it is lost to the queue, because the spool could not keep it."
                            : "); it is lost to the queue. A spool folder would have kept it.",
              subject);
        co_return delivery::given_up;
    }
    if (first.perhaps_accepted) {
      write(log_level::error, "The queue refuses the result of this job (", first.reason,
            ") after a try that it may have accepted; no other outcome is sent instead.", subject);
    } else {
      write(log_level::error, "The queue finally refuses the result of this job (", first.reason,
            "); the job is reported as failed instead.", subject);
      request.body = detail::insist([&] { return coworker::refusal_body(log_.masked(first.reason)); });
      task<posted> posting = detail::insist(
          [&] { return post_until_settled(request, nullptr, options_.delivery_deadline, false); });
      const posted second = co_await std::move(posting);
      if (second.end != ending::accepted)
        write(log_level::error, "The queue refuses that report too (", second.reason,
              "); this result is lost to it.", subject);
    }
    spool_.remove(kept);
    co_return delivery::refused;
  }

  Client& client_;
  const runpod_options& options_;
  const queue_urls& urls_;
  std::vector<std::string> headers_;
  logger& log_;
  random_source random_;
  channel_health health_;
  semaphore turns_;
  Spool spool_;
  wait_list<first_try> firsts_;
  event first_sent_;
  event hurry_;  // set shortly before the worker's time is over
  // Triggered when that time is over. New for each attend(), so that nothing of an earlier run is left in it.
  std::optional<stop_source> cut_off_{std::in_place};
  std::optional<linked_stop_source> parts_cut_off_{std::in_place, cut_off_->get_token()};
  post_gate gate_;
};

}  // namespace coworker::inline v0_1::detail
