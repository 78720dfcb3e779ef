#pragma once
// The checks of each request at the moment it is sent. Must not know the network.

#include <coworker/http/client.hpp>
#include <coworker/simulation/ledger.hpp>
#include <coworker/simulation/wire.hpp>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::simulation {

/// One for all workers.
class request_checks {
 public:
  explicit request_checks(ledger& book) noexcept : book_(book) {}

  void sent(const call& asked, const http_request& request) {
    worker_account& one = book_.account(asked.worker);
    note(asked);
    if (!book_.counts(one)) return;
    switch (asked.where) {
      case endpoint::ping:
        check_ping(asked, one);
        break;
      case endpoint::done:
        check_result(asked, request);
        break;
      case endpoint::progress:
      case endpoint::chunk:
        check_part(asked, request);
        break;
      case endpoint::take:
      case endpoint::stop:
        break;
      case endpoint::unknown:
        book_.violate(invariant::own_result_posted,
                      "a request goes to " + request.url + ", which is no URL of the protocol");
    }
  }

  /// Counts a poll that brought nothing or failed, or any poll for stops: a worker needs only a few of them
  /// in a second.
  void fruitless(const call& asked) {
    worker_account& one = book_.account(asked.worker);
    constexpr int most = 30;
    rate_guard& guard = asked.where == endpoint::take ? one.fruitless_takes : one.fruitless_stops;
    if (guard.count(book_.now(), most) && book_.counts(one)) too_many(asked.worker, "polls without a result");
  }

  /// Called when a worker leaves: the pause since its last heartbeat counts too.
  void check_ping_pause(int worker) {
    const worker_account& one = book_.account(worker);
    // Four attempts of two intervals each, with pauses; then the next heartbeat is due at once.
    const duration longest = book_.terms().ping_interval * 11 + book_.jumped;
    const bool done = one.asked_to_leave != (duration::max)() && one.in_progress == 0;
    if (book_.counts(one) && one.present && !done && book_.now() - one.last_ping > longest)
      book_.violate(invariant::heartbeat_exact,
                    "worker " + std::to_string(worker) + " sends no heartbeats any more");
  }

 private:
  void note(const call& asked) {
    const int nobody = event_trace::nobody;
    switch (asked.where) {
      case endpoint::take:
        return book_.note(happening::asked_for_jobs, asked.worker, nobody, asked.capacity);
      case endpoint::stop:
        return book_.note(happening::asked_for_stops, asked.worker, nobody);
      case endpoint::done:
        return book_.note(happening::result_posted, asked.worker, asked.job, 1 + tries(asked));
      case endpoint::progress:
        return book_.note(happening::progress_posted, asked.worker, asked.job);
      case endpoint::chunk:
        return book_.note(happening::chunk_posted, asked.worker, asked.job);
      case endpoint::ping:
      case endpoint::unknown:
        return;
    }
  }

  int tries(const call& asked) const { return asked.job < 0 ? 0 : book_.at(asked.worker, asked.job).tries; }

  void too_many(int worker, const char* what) {
    book_.violate(invariant::requests_bounded,
                  "worker " + std::to_string(worker) + ": too many " + what + " in a second");
  }

  void check_ping(const call& asked, worker_account& one) {
    check_ping_pause(asked.worker);
    one.last_ping = book_.now();
    constexpr int most = 8;
    if (one.pings.count(book_.now(), most, book_.terms().ping_interval)) too_many(asked.worker, "heartbeats");
    int named = 0;
    for_each_named(asked.ids, book_.job_count(), [&](int job) {
      ++named;
      if (job < 0 || !book_.at(asked.worker, job).in_progress) {
        book_.violate(invariant::heartbeat_exact,
                      "worker " + std::to_string(asked.worker) + ": a heartbeat names " +
                          (job < 0 ? "an unknown job" : job_name(job)) + ", which is not in progress");
      }
    });
    book_.note(happening::pinged, asked.worker, event_trace::nobody, named);
    if (named != one.in_progress) {
      book_.violate(invariant::heartbeat_exact, "worker " + std::to_string(asked.worker) +
                                                    ": a heartbeat names " + std::to_string(named) +
                                                    " jobs of " + std::to_string(one.in_progress) +
                                                    " in progress");
    }
  }

  bool check_job(const call& asked, const http_request& request) {
    constexpr std::string_view name = "X-Request-ID: ";
    const std::string_view header = request.own_header;
    const bool found = asked.job >= 0 && header.starts_with(name) &&
                       job_number(header.substr(name.size()), book_.job_count()) == asked.job;
    if (!found) {
      book_.violate(invariant::own_result_posted,
                    "a post to " + request.url + " does not carry the request id of its job");
    }
    return found;
  }

  void check_result(const call& asked, const http_request& request) {
    if (!check_job(asked, request)) return;
    held_job& held = book_.at(asked.worker, asked.job);
    const std::uint64_t body = text_hash(asked.body);
    const bool own = held.completing && (body == held.result || refusal(asked.body));
    if (!own) {
      if (!book_.knows_result(asked.job, body) && !refusal(asked.body)) {
        book_.violate(invariant::own_result_posted,
                      ledger::about(asked.worker, asked.job) +
                          " posts what is not its result: " + std::string(asked.body));
      }
      return;
    }
    ++held.tries;
    count_post(asked.worker, held);
  }

  void check_part(const call& asked, const http_request& request) {
    if (!check_job(asked, request)) return;
    held_job& held = book_.at(asked.worker, asked.job);
    if (held.completing || !held.in_progress) {
      book_.violate(invariant::nothing_after_the_outcome,
                    ledger::about(asked.worker, asked.job) + " posts a chunk or progress after its result");
    }
    count_post(asked.worker, held);
  }

  void count_post(int worker, held_job& held) {
    constexpr int most = 12;
    if (held.posts.count(book_.now(), most)) too_many(worker, "posts of one result");
  }

  // The body that replaces a result that the queue refused.
  static bool refusal(std::string_view body) noexcept {
    return body.starts_with(R"({"error":"The queue refused the result)");
  }

  ledger& book_;
};

}  // namespace coworker::inline v0_1::simulation
