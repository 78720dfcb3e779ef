#pragma once
// The URLs of the queue protocol: templates as the platform gives them, with their placeholders filled in.
// Must not know where the templates come from.

#include <coworker/http/url.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

inline std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// Replaces a segment of the path, never anything in the query.
inline std::string replace_segment(const std::string& url, std::string_view from, std::string_view to) {
  const std::size_t at = url.find(from);
  if (at == std::string::npos || at > url.find('?')) return url;
  return std::string(url).replace(at, from.size(), to);
}

}  // namespace detail

/// The URLs where a worker takes jobs and reports on them. An empty template means that the server has no
/// such URL.
class queue_urls {
 public:
  /// The URLs as the platform gives them, with $ID and $RUNPOD_POD_ID as placeholders.
  struct templates {
    std::string take;    ///< RUNPOD_WEBHOOK_GET_JOB
    std::string done;    ///< RUNPOD_WEBHOOK_POST_OUTPUT
    std::string stream;  ///< RUNPOD_WEBHOOK_POST_STREAM
    std::string ping;    ///< RUNPOD_WEBHOOK_PING
  };

  /// In the take and ping templates $ID and $RUNPOD_POD_ID both mean the worker; in the others $ID means the
  /// job.
  queue_urls(templates given, std::string_view worker_id) {
    std::string worker;
    append_url_segment(worker, worker_id);
    const auto for_worker = [&worker](std::string text) {
      return detail::replace_all(std::move(text), "$RUNPOD_POD_ID", worker);
    };
    take_ = detail::replace_all(for_worker(std::move(given.take)), "$ID", worker);
    ping_ = detail::replace_all(for_worker(std::move(given.ping)), "$ID", worker);
    done_ = with_parameter(for_worker(std::move(given.done)), "isStream=");
    stream_ = for_worker(std::move(given.stream));
    if (has_stream()) stream_ = with_parameter(std::move(stream_), "isStream=false");
    take_while_idle_ = with_parameter(take_, progress(false));
    take_while_busy_ = with_parameter(take_, progress(true));
    take_batch_ = detail::replace_segment(take_, "/job-take/", "/job-take-batch/");
    stop_ = detail::replace_segment(take_, "/job-take/", "/job-stop/");
  }

  /// Returns the URL for taking one job or, if `capacity` is above 1, a batch of at most that many.
  std::string take(std::size_t capacity, bool busy) const {
    if (capacity <= 1) return busy ? take_while_busy_ : take_while_idle_;
    std::string url = with_parameter(take_batch_, "batch_size=" + std::to_string(capacity));
    return with_parameter(std::move(url), progress(busy));
  }

  /// Returns the URL for posting a job's result.
  std::string done(std::string_view job_id, bool streamed) const {
    std::string url = for_job(done_, job_id);
    url.append(streamed ? "true" : "false");
    return url;
  }

  /// Returns the URL for posting a chunk of a job's stream.
  std::string stream(std::string_view job_id) const { return for_job(stream_, job_id); }

  /// Returns the URL of a ping. `query` must be encoded already.
  std::string ping(std::string_view query) const { return with_parameter(ping_, query); }

  /// Returns the URL for polling for stops.
  const std::string& stop() const noexcept { return stop_; }

  bool has_stream() const noexcept { return !stream_.empty(); }
  bool has_ping() const noexcept { return !ping_.empty(); }
  /// Only a take URL of the platform's form implies where stops are asked for.
  bool has_stop() const noexcept { return stop_ != take_; }

 private:
  static std::string_view progress(bool busy) noexcept {
    return busy ? "job_in_progress=1" : "job_in_progress=0";
  }

  static std::string for_job(std::string_view url, std::string_view job_id) {
    constexpr std::string_view mark = "$ID";
    constexpr std::size_t value = 5;  // of what is appended to it
    std::string filled;
    filled.reserve(url.size() + job_id.size() + value);
    for (std::size_t at = url.find(mark); at != std::string_view::npos; at = url.find(mark)) {
      append_url_segment(filled.append(url.substr(0, at)), job_id);
      url.remove_prefix(at + mark.size());
    }
    filled.append(url);
    return filled;
  }

  std::string take_;
  std::string take_while_idle_;
  std::string take_while_busy_;
  std::string take_batch_;
  std::string stop_;
  std::string done_;  // for a job, like the next one
  std::string stream_;
  std::string ping_;
};

}  // namespace coworker::inline v0_1
