#pragma once
// Receives from a client continuously, so that a disconnect is noticed, and buffers up to a limit what nobody
// has read yet. Must not know HTTP.

#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/side_chain.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/exec/insist.hpp>
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
  // `scratch` is shared by all connections of a loop: bytes read into it are consumed
  // before anything else runs.
  connection_input(Stream& stream, std::span<char> scratch, stop_source& gone) noexcept
      : stream_(stream), scratch_(scratch), gone_(gone) {}

  // Begins to receive, until the client closes its side, the connection fails, `gone` is stopped, or end() is
  // called.
  void start(executor_ref executor) {
    receive(context(executor, gone_.get_token())).start();
    receiving_ = true;
  }

  // Call end(), stop `gone`, and then await arrived() while this returns true; only then destroy the object.
  bool receiving() const noexcept { return receiving_; }

  // Received bytes that nobody has consumed. A reader removes what it consumes from the front. A view of them
  // is valid until refill() is called.
  std::string_view& bytes() noexcept { return bytes_; }

  // For an empty bytes(): moves newly received bytes there. Returns whether there are any.
  bool refill() {
    if (incoming_.empty()) return false;
    current_.clear();
    current_.swap(incoming_);
    bytes_ = current_;
    room_.set();
    return true;
  }

  // Whether any received bytes are not consumed.
  bool has_bytes() const noexcept { return !bytes_.empty() || !incoming_.empty(); }

  // Whether the input has ended, so that nothing more can arrive.
  bool ended() const noexcept { return ended_; }

  // Awaits new bytes, the end of the input, or wake().
  local_event::awaiter arrived() noexcept { return arrived_.wait(); }
  void wake() { arrived_.set(); }

  // After this, input is dropped, up to `most` bytes; then the input ends.
  void discard(std::size_t most) {
    discards_ = true;
    discardable_ = most;
    bytes_ = {};
    incoming_.clear();
    room_.set();
  }

  // Ends receiving, together with a stop of `gone`.
  void end() {
    ended_ = true;
    detail::insist([this] { room_.set(); });
  }

  // For a connection that may be idle for long. Frees the buffers that contain no bytes and are larger than
  // `kept`.
  void release_memory(std::size_t kept) noexcept {
    if (bytes_.empty() && current_.capacity() > kept) std::string().swap(current_);
    if (incoming_.empty() && incoming_.capacity() > kept) std::string().swap(incoming_);
  }

 private:
  // Receiving pauses at this size; a disconnect is then not noticed either.
  static constexpr std::size_t most_kept = 16 * 1024;

  side_chain receive(const context&) {
    try {
      for (;;) {
        while (incoming_.size() >= most_kept && !ended_) co_await room_.wait();
        if (ended_) break;
        co_await stream_.readable();
        const std::size_t count = co_await stream_.read_some(scratch_);
        if (!take(count)) break;
      }
    } catch (const std::exception&) {  // from the stream, a stop, or a lack of memory: nothing more arrives
    }
    ended_ = true;
    receiving_ = false;
    gone_.request_stop();
    detail::insist([this] { arrived_.set(); });
  }

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
  std::string incoming_;  // received, not yet in bytes_
  std::string current_;   // the buffer that bytes_ points into
  std::string_view bytes_;
  local_event arrived_;
  local_event room_;
  std::size_t discardable_ = 0;
  bool discards_ = false;
  bool ended_ = false;
  bool receiving_ = false;
};

}  // namespace coworker::inline v0_1::detail
