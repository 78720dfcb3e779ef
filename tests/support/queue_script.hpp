#pragma once
// What the queue server does differently from a faultless queue: answers that differ in one or more ways, and
// which requests get them. Must not know how an answer is made.

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <support/http_message.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {

/// What a request is for. `progress` is a post to job-done whose body says IN_PROGRESS.
enum class endpoint : unsigned char { take, take_batch, stop, ping, done, progress, stream, other };

inline constexpr std::size_t endpoint_count = 8;

/// Points in the making of an answer. To act means to hand out jobs, or to accept a result.
enum class point : unsigned char { none, before_acting, before_answer, in_body, after_answer };

/// How a request is answered. By default, as by a faultless queue. Any members may be combined.
struct answer {
  /// 0: the endpoint's own status.
  int status = 0;
  /// Instead of the endpoint's own body.
  std::optional<std::string> body = std::nullopt;
  /// Headers besides Content-Type and the framing.
  std::vector<http_header> headers = {};
  /// Whether jobs are handed out, or a result is accepted. Default: jobs if neither status nor body is set;
  /// results if the status is a success, because a client must understand it so.
  std::optional<bool> acts = std::nullopt;
  /// The time from the request to acting; `never`: waits until the client leaves.
  std::chrono::milliseconds delay{0};
  /// How long a poll is held, instead of the server's own time.
  std::optional<std::chrono::milliseconds> hold = std::nullopt;
  /// Waits at this point for queue_server::release(). Must not be after_answer.
  point pause_at = point::none;
  /// Ends the connection at this point; in_body: after half of the body.
  point cut_at = point::none;
  /// True: a cut is a reset. False: the connection is closed regularly.
  bool by_reset = true;
  bool chunked = false;
  /// Above 0: the body is sent byte by byte, with this time between them.
  std::chrono::milliseconds pace{0};
  /// A poll is held, even if there are jobs, until the client closes its side, and is then answered.
  bool when_client_leaves = false;
  /// A batch is answered with one job, which is not in an array.
  bool as_object = false;

  static constexpr std::chrono::milliseconds never = std::chrono::milliseconds::max();

  bool acts_on(endpoint where) const {
    const bool poll = where == endpoint::take || where == endpoint::take_batch || where == endpoint::stop;
    return acts.value_or(poll ? status == 0 && !body : status < 300);
  }
};

// --- common answers --------------------------------------------------------------------------------------

inline answer status(int code) { return {.status = code}; }

/// A status such as 429 or 503, with Retry-After.
inline answer retry_after(int code, std::chrono::seconds wait) {
  return {.status = code, .headers = {{"Retry-After", std::to_string(wait.count())}}};
}

/// Answers 204 at once, as a server without long polls that has no jobs.
inline answer nothing_at_once() { return {.status = 204}; }

inline answer body(std::string text) { return {.body = std::move(text)}; }

inline answer garbage() { return body("<html>502: this is not the JSON you are looking for"); }

inline answer reset_at(point where) { return {.cut_at = where}; }

inline answer close_at(point where) { return {.cut_at = where, .by_reset = false}; }

/// The connection is closed before the body is as long as Content-Length says.
inline answer truncated() { return close_at(point::in_body); }

inline answer paused_at(point where) { return {.pause_at = where}; }

inline answer in_chunks() { return {.chunked = true}; }

inline answer byte_by_byte(std::chrono::milliseconds pace = std::chrono::milliseconds(1)) {
  return {.pace = pace};
}

inline answer after(std::chrono::milliseconds delay) { return {.delay = delay}; }

inline answer unanswered() { return {.delay = answer::never}; }

// --- which request gets which answer ---------------------------------------------------------------------

/// Returns how to answer a request, or nothing to leave it to the rest of the script.
using decision = std::function<std::optional<answer>(endpoint, const http_request&)>;

/// The next answers. The decision comes first, then the next answer in the endpoint's row, then the answer
/// that it always gives.
class queue_script {
 public:
  void append(endpoint where, std::initializer_list<answer> row) {
    next_[index(where)].insert(next_[index(where)].end(), row);
  }

  void always(endpoint where, answer given) { always_[index(where)] = std::move(given); }

  void decide_by(decision decide) { decide_ = std::move(decide); }

  /// Makes the server faultless from now on.
  void clear() { *this = queue_script(); }

  answer next(endpoint where, const http_request& request) {
    if (decide_) {
      if (std::optional<answer> decided = decide_(where, request)) return *std::move(decided);
    }
    std::deque<answer>& row = next_[index(where)];
    if (row.empty()) return always_[index(where)];
    answer given = std::move(row.front());
    row.pop_front();
    return given;
  }

 private:
  static std::size_t index(endpoint where) noexcept { return static_cast<std::size_t>(where); }

  std::array<std::deque<answer>, endpoint_count> next_;
  std::array<answer, endpoint_count> always_;
  decision decide_;
};

}  // namespace coworker::testing
