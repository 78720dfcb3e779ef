#pragma once
// The contents of a queue: jobs to hand out and jobs to stop; and the form of its URLs and bodies. Must not
// know connections, time or faults.

#include <algorithm>
#include <charconv>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <support/http_message.hpp>
#include <support/queue_script.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {

/// The last segments of a path such as `/v2/test/job-done/WORKER/JOB`; those before them may be any.
struct route {
  endpoint where = endpoint::other;
  std::string job_id;  ///< decoded, of done and stream
};

inline route route_of(const http_request& request) {
  std::string_view rest = request.path();
  while (!rest.empty()) {
    const std::string_view segment = detail::take_until(rest, '/');
    if (segment == "job-take") return {endpoint::take, {}};
    if (segment == "job-take-batch") return {endpoint::take_batch, {}};
    if (segment == "job-stop") return {endpoint::stop, {}};
    if (segment == "ping") return {endpoint::ping, {}};
    if (segment == "job-done" || segment == "job-stream") {
      detail::take_until(rest, '/');
      if (segment == "job-stream") return {endpoint::stream, url_decode(rest).value_or("")};
      const bool unfinished = request.body.find("IN_PROGRESS") != std::string::npos;
      if (unfinished) {
        try {
          const json posted = json::parse(request.body);
          if (posted.is_object() && posted.contains("status") && posted.at("status") == "IN_PROGRESS") {
            return {endpoint::progress, url_decode(rest).value_or("")};
          }
        } catch (const json::exception&) {  // then it is a result, even if malformed
        }
      }
      return {endpoint::done, url_decode(rest).value_or("")};
    }
  }
  return {};
}

/// The jobs that wait to be handed out, and the ids of jobs to stop that no worker has received yet.
class queue_state {
 public:
  /// `text` is handed out unchanged, so it may also be an invalid job.
  void add(std::string id, std::string text) { jobs_.push_back({std::move(id), std::move(text)}); }

  void add_stop(std::string id) { stops_.push_back(std::move(id)); }

  bool has_jobs() const noexcept { return !jobs_.empty(); }
  bool has_stops() const noexcept { return !stops_.empty(); }
  std::size_t size() const noexcept { return jobs_.size(); }

  /// Returns the body for up to `most` jobs, and appends their ids to `ids`.
  std::string take(std::size_t most, bool as_array, std::vector<std::string>& ids) {
    std::string body = as_array ? "[" : "";
    for (std::size_t i = 0; i < most && !jobs_.empty(); ++i) {
      if (i != 0) body += ",";
      body += jobs_.front().text;
      ids.push_back(std::move(jobs_.front().id));
      jobs_.pop_front();
    }
    return as_array ? body + "]" : body;
  }

  /// Returns the body that names all jobs to stop.
  std::string take_stops() {
    json ids = json::array();
    for (std::string& id : stops_) ids.push_back(json(std::move(id)));
    stops_.clear();
    return json{{"jobsToStop", std::move(ids)}}.dump();
  }

 private:
  struct job {
    std::string id;
    std::string text;
  };

  std::deque<job> jobs_;
  std::vector<std::string> stops_;
};

/// Returns how many jobs a take asks for.
inline std::size_t batch_size_of(const http_request& request) {
  const std::string text = request.parameter("batch_size").value_or("1");
  std::size_t size = 1;
  std::from_chars(text.data(), text.data() + text.size(), size);
  return std::max<std::size_t>(size, 1);
}

}  // namespace coworker::testing
