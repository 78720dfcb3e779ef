#pragma once
// Reads requests of the queue protocol as a server does. Must not know what a request causes.

#include <coworker/http/client.hpp>
#include <coworker/simulation/ledger.hpp>
#include <coworker/transport/runpod/urls.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Returns the URLs of the simulated server.
inline queue_urls::templates server_urls() {
  return {"http://q/job-take/$ID", "http://q/done/$RUNPOD_POD_ID/$ID", "http://q/stream/$RUNPOD_POD_ID/$ID",
          "http://q/ping/$RUNPOD_POD_ID"};
}

/// Where a request goes.
enum class endpoint : unsigned char { take, stop, done, progress, chunk, ping, unknown };

/// A request that was read. Its texts point into the request.
struct call {
  endpoint where = endpoint::unknown;
  int worker = 0;
  int job = -1;
  int capacity = 1;           ///< of a take
  bool many = false;          ///< a take that wants an array
  bool late = false;          ///< its sender has given it up long before
  bool repeated = false;      ///< it has already arrived once
  std::string_view ids = {};  ///< of a ping, encoded
  std::string_view body = {};

  bool poll() const noexcept { return where == endpoint::take || where == endpoint::stop; }
  /// Whether this posts a result, the last request for a job.
  bool final_post() const noexcept { return where == endpoint::done; }
};

namespace detail {

inline std::string_view parameter(std::string_view url, std::string_view name) noexcept {
  for (std::size_t at = url.find('?'); at != std::string_view::npos; at = url.find('&', at + 1)) {
    const std::string_view rest = url.substr(at + 1);
    if (!rest.starts_with(name) || rest.size() <= name.size() || rest[name.size()] != '=') continue;
    const std::string_view value = rest.substr(name.size() + 1);
    return value.substr(0, value.find('&'));
  }
  return {};
}

inline int number(std::string_view digits) noexcept {
  int value = 0;
  for (const char c : digits) value = value < 100'000'000 ? value * 10 + (c - '0') : value;
  return value;
}

inline bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

// What follows the worker's segment, up to the query.
inline std::string_view last_segment(std::string_view path) noexcept {
  path = path.substr(0, path.find('?'));
  return path.substr(path.rfind('/') + 1);
}

}  // namespace detail

/// Reads a request of a worker.
inline call read_call(const http_request& request, int worker, std::size_t jobs) {
  call made;
  made.worker = worker;
  if (request.body) made.body = *request.body;
  const std::string_view url = request.url;
  std::string_view path = url;
  if (!detail::take_prefix(path, "http://q/")) return made;
  if (detail::take_prefix(path, "done/")) {
    made.where = made.body.starts_with(R"({"status":"IN_PROGRESS")") ? endpoint::progress : endpoint::done;
    made.job = job_number(detail::last_segment(path), jobs);
  } else if (detail::take_prefix(path, "stream/")) {
    made.where = endpoint::chunk;
    made.job = job_number(detail::last_segment(path), jobs);
  } else if (detail::take_prefix(path, "ping/")) {
    made.where = endpoint::ping;
    made.ids = detail::parameter(url, "job_id");
  } else if (detail::take_prefix(path, "job-stop/")) {
    made.where = endpoint::stop;
  } else if (detail::take_prefix(path, "job-take-batch/")) {
    made.where = endpoint::take;
    made.many = true;
    made.capacity = detail::number(detail::parameter(url, "batch_size"));
  } else if (detail::take_prefix(path, "job-take/")) {
    made.where = endpoint::take;
  }
  return made;
}

/// Returns the hash of the content of a chunk or a report of progress.
inline std::uint64_t part_text(const call& asked) noexcept {
  constexpr std::string_view name = R"("output":)";
  const std::size_t at = asked.body.find(name);
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = asked.body.substr(at + name.size());
  return text_hash(rest.substr(0, rest.size() - 1));  // without the brace
}

/// Calls `each(number)` for every job that a ping names; -1 for an unknown id.
template <class Each>
void for_each_named(std::string_view ids, std::size_t jobs, Each each) {
  constexpr std::string_view comma = "%2C";
  while (!ids.empty()) {
    const std::size_t end = ids.find(comma);
    each(job_number(ids.substr(0, end), jobs));
    if (end == std::string_view::npos) return;
    ids.remove_prefix(end + comma.size());
  }
}

}  // namespace coworker::inline v0_1::simulation
