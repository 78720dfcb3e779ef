#pragma once
// What the queue server does otherwise than a faultless queue would: answers that differ in one or
// more ways, and which request meets which of them. Must not know how an answer comes about.

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

/// Places in the course of an answer. To act is to hand out jobs, or to accept a result.
enum class point : unsigned char { none, before_acting, before_answer, in_body, after_answer };

/// How a request is answered; without anything set, as a faultless queue does. Parts combine freely.
struct answer {
  /// 0: what the endpoint gives by itself.
  int status = 0;
  /// In place of the endpoint's own.
  std::optional<std::string> body = std::nullopt;
  /// Besides Content-Type and the framing.
  std::vector<http_header> headers = {};
  /// Whether jobs are handed out, or a result is accepted. Unless said otherwise: jobs where neither status
  /// nor body are one's own, and results where the status is a success, as a client must take it.
  std::optional<bool> acts = std::nullopt;
  /// From the request to acting; `never` waits until the client leaves.
  std::chrono::milliseconds delay{0};
  /// A poll's: in place of the server's own.
  std::optional<std::chrono::milliseconds> hold = std::nullopt;
  /// Nothing happens there until queue_server::release(). Not after_answer.
  point pause_at = point::none;
  /// The connection ends there; in_body is after half of the body.
  point cut_at = point::none;
  /// A cut is a reset; without, the connection is closed in order.
  bool by_reset = true;
  bool chunked = false;
  /// Above 0: the body goes out byte by byte, with this time between them.
  std::chrono::milliseconds pace{0};
  /// A poll is held, jobs or none, until the client closes its side, and answered then.
  bool when_client_leaves = false;
  /// A batch is answered with its first job alone, not in an array.
  bool as_object = false;

  static constexpr std::chrono::milliseconds never = std::chrono::milliseconds::max();

  bool acts_on(endpoint where) const {
    const bool poll = where == endpoint::take || where == endpoint::take_batch || where == endpoint::stop;
    return acts.value_or(poll ? status == 0 && !body : status < 300);
  }
};

// --- the common ones by name -----------------------------------------------------------------------------

inline answer status(int code) { return {.status = code}; }

/// 429, and 503 likewise, with Retry-After.
inline answer retry_after(int code, std::chrono::seconds wait) {
  return {.status = code, .headers = {{"Retry-After", std::to_string(wait.count())}}};
}

/// Whatever was to be answered is 204 at once, as from a server without long polls that has no jobs.
inline answer nothing_at_once() { return {.status = 204}; }

inline answer body(std::string text) { return {.body = std::move(text)}; }

inline answer garbage() { return body("<html>502: this is not the JSON you are looking for"); }

inline answer reset_at(point where) { return {.cut_at = where}; }

inline answer close_at(point where) { return {.cut_at = where, .by_reset = false}; }

/// Content-Length promises more than comes before the connection is closed.
inline answer truncated() { return close_at(point::in_body); }

inline answer paused_at(point where) { return {.pause_at = where}; }

inline answer in_chunks() { return {.chunked = true}; }

inline answer byte_by_byte(std::chrono::milliseconds pace = std::chrono::milliseconds(1)) {
  return {.pace = pace};
}

inline answer after(std::chrono::milliseconds delay) { return {.delay = delay}; }

inline answer unanswered() { return {.delay = answer::never}; }

// --- which request meets which ---------------------------------------------------------------------------

/// Says how a request is to be answered, or leaves it to the rest of the script.
using decision = std::function<std::optional<answer>(endpoint, const http_request&)>;

/// The answers to come. A decision goes first, then the next of the endpoint's row, then what it always
/// gives.
class queue_script {
 public:
  void append(endpoint where, std::initializer_list<answer> row) {
    next_[index(where)].insert(next_[index(where)].end(), row);
  }

  void always(endpoint where, answer given) { always_[index(where)] = std::move(given); }

  void decide_by(decision decide) { decide_ = std::move(decide); }

  /// Faultless from now on.
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
