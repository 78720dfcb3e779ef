#pragma once
// What a client sends, as it comes: received all the time, so that one notices when the client goes away,
// and kept until it is asked for, up to a bound. Knows no HTTP.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/http/local_event.hpp>
#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

template <class Stream>
class connection_input {
 public:
  // `scratch` is shared by all connections of a loop: what is read into it is taken before anything else runs.
  connection_input(Stream& stream, std::span<char> scratch, stop_source& gone) noexcept
      : stream_(stream), scratch_(scratch), gone_(gone) {}

  // Receives until the client closes its side, the connection fails, or a stop is requested.
  task<void> receive() {
    try {
      for (;;) {
        while (incoming_.size() >= most_kept && !ended_) co_await room_.wait();
        if (ended_) break;
        co_await stream_.readable();
        const std::size_t count = co_await stream_.read_some(scratch_);
        if (!take(count)) break;
      }
    } catch (const std::exception&) {  // the stream's, a stop, or no memory: nothing more comes
    }
    ended_ = true;
    gone_.request_stop();
    arrived_.set();
  }

  // What came and was not taken yet; whoever takes some, takes it off the front. A view that was taken is
  // valid until refill() is called.
  std::string_view& bytes() noexcept { return bytes_; }

  // For when bytes() is empty: returns whether more has come.
  bool refill() {
    if (incoming_.empty()) return false;
    current_.clear();
    current_.swap(incoming_);
    bytes_ = current_;
    room_.set();
    return true;
  }

  // Whether there is anything that was not taken.
  bool has_bytes() const noexcept { return !bytes_.empty() || !incoming_.empty(); }

  // Whether nothing can come any more but what has.
  bool ended() const noexcept { return ended_; }

  // Awaited, returns once something has come, the input has ended, or wake() was called.
  local_event::awaiter arrived() noexcept { return arrived_.wait(); }
  void wake() { arrived_.set(); }

  // From now on what comes is dropped, `most` bytes of it; then the input ends.
  void discard(std::size_t most) {
    discards_ = true;
    discardable_ = most;
    bytes_ = {};
    incoming_.clear();
    room_.set();
  }

  // Ends receive(), together with a stop.
  void end() {
    ended_ = true;
    room_.set();
  }

  // While it is not known when more will come: bytes() must be empty.
  void release_memory() noexcept {
    if (current_.capacity() > kept_capacity) std::string().swap(current_);
    if (incoming_.capacity() > kept_capacity) std::string().swap(incoming_);
  }

 private:
  static constexpr std::size_t most_kept =
      16 * 1024;  // then receiving pauses, and with it the notice of who goes away
  static constexpr std::size_t kept_capacity = 512;

  bool take(std::size_t count) {
    if (count == 0 || (discards_ && count > discardable_)) return false;
    if (discards_) {
      discardable_ -= count;
    } else {
      incoming_.append(scratch_.data(), count);
      arrived_.set();
    }
    return true;
  }

  Stream& stream_;
  std::span<char> scratch_;
  stop_source& gone_;
  std::string incoming_;  // received, and not looked at
  std::string current_;   // what bytes_ is the end of
  std::string_view bytes_;
  local_event arrived_;
  local_event room_;
  std::size_t discardable_ = 0;
  bool discards_ = false;
  bool ended_ = false;
};

}  // namespace coworker::detail
