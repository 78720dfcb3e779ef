#pragma once
// What a queue server has received, in order, and functions by which tests examine it. A value: a copy is a
// snapshot. Must not know sockets or threads.

#include <algorithm>
#include <array>
#include <chrono>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <support/http_message.hpp>
#include <support/queue_script.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coworker::testing {

using steady = std::chrono::steady_clock;

/// Whether and how an exchange has ended.
enum class ending : unsigned char {
  open,      ///< not answered yet, or not completely
  answered,  ///< answered completely
  left,      ///< the client closed the connection before the answer was complete
  cut,       ///< the server closed it, by script or by restart()
};

/// A request and its answer.
struct exchange {
  endpoint where = endpoint::other;
  std::uint32_t connection = 0;  ///< 1 is the first that was accepted
  http_request request;
  std::string job_id;  ///< decoded, of done, progress and stream
  steady::time_point arrived{};
  steady::time_point ended{};     ///< not set while open
  int status = 0;                 ///< of the answer; 0: not answered yet
  bool acted = false;             ///< the server looked for jobs, or accepted the result, chunk or ping
  bool held = false;              ///< the long poll waited
  std::vector<std::string> jobs;  ///< ids of the jobs in the answer
  ending end = ending::open;

  json body() const { return json::parse(request.body); }
};

/// What happened to the answer that contained a job.
enum class hand_out_result : unsigned char {
  under_way,       ///< not written completely yet
  written,         ///< written, but nothing shows that the client has read it
  arrived,         ///< the client has read it
  lost_by_server,  ///< the script or restart() cut it off
  lost_by_client,  ///< the client closed or reset the connection before it had read the answer
};

/// How often one job was handed out, and the results that were posted for it.
struct job_story {
  std::vector<hand_out_result> hand_outs;  ///< more than one if a job with the same id was added again
  std::size_t results = 0;                 ///< accepted results; more than one are duplicates
  std::size_t tries = 0;                   ///< posts of a result, accepted or not
};

/// What has happened since the server was started. `exchanges` is empty if the server keeps none.
class queue_log {
 public:
  std::vector<exchange> exchanges;
  std::unordered_map<std::string, job_story> jobs;

  std::size_t connections = 0;    ///< accepted in total
  std::size_t open = 0;           ///< connections that are open now
  std::size_t waiting_polls = 0;  ///< takes and stops held now
  std::size_t paused = 0;         ///< exchanges that wait for release() now
  std::size_t aborted_polls = 0;  ///< held polls whose client closed the connection
  std::size_t malformed = 0;      ///< requests that are not HTTP; their connections are closed
  std::size_t jobs_with_result = 0;
  std::size_t results = 0;     ///< accepted results
  std::size_t duplicates = 0;  ///< accepted results of a job that already had one
  steady::time_point first_take{};
  steady::time_point last_result{};
  std::array<std::size_t, endpoint_count> requests_to{};

  std::size_t requests(endpoint where) const { return requests_to[static_cast<std::size_t>(where)]; }

  /// Returns how many takes came, single and batch.
  std::size_t takes() const { return requests(endpoint::take) + requests(endpoint::take_batch); }

  /// Returns the exchanges with an endpoint, in order of arrival.
  std::vector<exchange> with(endpoint where) const {
    return select([where](const exchange& one) { return one.where == where; });
  }

  /// Returns the posts of a job's result, accepted or not.
  std::vector<exchange> results_of(std::string_view job_id) const {
    return select(
        [job_id](const exchange& one) { return one.where == endpoint::done && one.job_id == job_id; });
  }

  /// Returns the JSON of the result that was accepted last; null if there is none.
  json result(std::string_view job_id) const {
    json body;
    for (const exchange& one : exchanges) {
      if (one.where == endpoint::done && one.acted && one.job_id == job_id) body = one.body();
    }
    return body;
  }

  /// Returns the accepted progress, chunks and results of a job, in order of arrival.
  std::vector<exchange> course_of(std::string_view job_id) const {
    return select([job_id](const exchange& one) { return one.acted && one.job_id == job_id; });
  }

  /// Returns the list of job ids of each ping, in order; an idle ping has an empty list.
  std::vector<std::vector<std::string>> pings() const {
    std::vector<std::vector<std::string>> all;
    for (const exchange& one : exchanges) {
      if (one.where != endpoint::ping) continue;
      std::vector<std::string>& ids = all.emplace_back();
      for (const std::string& list : one.request.parameters("job_id")) {
        for (std::string_view rest = list; !rest.empty();) ids.emplace_back(detail::take_until(rest, ','));
      }
    }
    return all;
  }

  job_story job(std::string_view id) const {
    const auto found = jobs.find(std::string(id));
    return found == jobs.end() ? job_story() : found->second;
  }

  /// Returns the ids of the jobs whose last hand-out ended as `met` says, sorted.
  std::vector<std::string> jobs_that(hand_out_result met) const {
    return ids_where(
        [met](const job_story& story) { return !story.hand_outs.empty() && story.hand_outs.back() == met; });
  }

  /// Returns the ids of jobs that were handed out, not lost by the server, and have no accepted result;
  /// sorted.
  std::vector<std::string> jobs_without_result() const {
    return ids_where([](const job_story& story) {
      return story.results == 0 && !story.hand_outs.empty() &&
             story.hand_outs.back() != hand_out_result::lost_by_server;
    });
  }

  /// Returns the highest number of requests to an endpoint that arrived within any interval of this length.
  std::size_t most_within(std::chrono::milliseconds length, endpoint where) const {
    const std::vector<exchange> all = with(where);
    std::size_t most = 0;
    for (std::size_t first = 0, last = 0; last < all.size(); ++last) {
      while (all[last].arrived - all[first].arrived >= length) ++first;
      most = std::max(most, last - first + 1);
    }
    return most;
  }

 private:
  template <class Predicate>
  std::vector<exchange> select(Predicate fits) const {
    std::vector<exchange> selected;
    std::copy_if(exchanges.begin(), exchanges.end(), std::back_inserter(selected), fits);
    return selected;
  }

  template <class Predicate>
  std::vector<std::string> ids_where(Predicate fits) const {
    std::vector<std::string> ids;
    for (const auto& [id, story] : jobs) {
      if (fits(story)) ids.push_back(id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }
};

/// Writes a queue_log, for the engine.
class queue_recorder {
 public:
  static constexpr std::size_t not_kept = std::numeric_limits<std::size_t>::max();

  explicit queue_recorder(bool keep_exchanges) : keep_exchanges_(keep_exchanges) {}

  queue_log& log() noexcept { return log_; }
  const queue_log& log() const noexcept { return log_; }

  /// Returns the number of the exchange, for the other functions.
  std::size_t arrived(endpoint where, std::uint32_t connection, const http_request& request,
                      const std::string& job_id) {
    ++log_.requests_to[static_cast<std::size_t>(where)];
    if (log_.first_take == steady::time_point() && log_.takes() == 1) log_.first_take = steady::now();
    if (where == endpoint::done) ++log_.jobs[job_id].tries;
    if (!keep_exchanges_) return not_kept;
    exchange& made = log_.exchanges.emplace_back();
    made.where = where;
    made.connection = connection;
    made.request = request;
    made.job_id = job_id;
    made.arrived = steady::now();
    return log_.exchanges.size() - 1;
  }

  void held(std::size_t number) {
    ++log_.waiting_polls;
    if (number != not_kept) log_.exchanges[number].held = true;
  }

  void acted(std::size_t number) {
    if (number != not_kept) log_.exchanges[number].acted = true;
  }

  void accepted_result(const std::string& job_id) {
    job_story& story = log_.jobs[job_id];
    ++log_.results;
    log_.last_result = steady::now();
    if (story.results++ == 0) {
      ++log_.jobs_with_result;
    } else {
      ++log_.duplicates;
    }
    if (!story.hand_outs.empty()) story.hand_outs.back() = hand_out_result::arrived;
  }

  void answering(std::size_t number, int status, const std::vector<std::string>& jobs) {
    for (const std::string& id : jobs) log_.jobs[id].hand_outs.push_back(hand_out_result::under_way);
    if (number == not_kept) return;
    log_.exchanges[number].status = status;
    log_.exchanges[number].jobs = jobs;
  }

  void ended(std::size_t number, ending how) {
    if (number == not_kept) return;
    log_.exchanges[number].end = how;
    log_.exchanges[number].ended = steady::now();
  }

  void met(const std::vector<std::string>& jobs, hand_out_result met) {
    for (const std::string& id : jobs) {
      hand_out_result& last = log_.jobs[id].hand_outs.back();
      if (last != hand_out_result::arrived)
        last = met;  // its result may have come earlier, on another connection
    }
  }

 private:
  queue_log log_;
  const bool keep_exchanges_;
};

}  // namespace coworker::testing
