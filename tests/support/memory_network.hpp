#pragma once
// Connections within one program, for tests of servers on any executor, also in virtual time: two pipes of a
// bounded size, with half-closes and resets. All on one loop. Must not know what is sent.

#include <algorithm>
#include <cerrno>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coworker::testing {

/// One direction of a connection.
class memory_pipe {
 public:
  explicit memory_pipe(std::size_t capacity) : capacity_(capacity) { update(); }

  event::wait_awaiter readable() { return readable_.wait(); }
  event::wait_awaiter writable() { return writable_.wait(); }

  bool has_end() const { return ended_ || reset_; }
  std::size_t size() const { return bytes_.size(); }

  /// Returns up to `most` bytes; none if there are none.
  std::string take(std::size_t most) {
    fail_if_reset();
    std::string taken = bytes_.substr(0, most);
    bytes_.erase(0, taken.size());
    update();
    return taken;
  }

  /// Adds bytes as far as there is room, and returns how many.
  std::size_t put(std::string_view bytes) {
    fail_if_reset();
    if (unread_for_ever_) throw std::system_error(EPIPE, std::generic_category(), "memory_pipe");
    const std::size_t count = std::min(bytes.size(), capacity_ - bytes_.size());
    bytes_.append(bytes.substr(0, count));
    update();
    return count;
  }

  void end() {
    ended_ = true;
    update();
  }

  /// The reader is gone.
  void drop() {
    unread_for_ever_ = true;
    update();
  }

  void reset() {
    reset_ = true;
    bytes_.clear();
    update();
  }

 private:
  void fail_if_reset() const {
    if (reset_) throw std::system_error(ECONNRESET, std::generic_category(), "memory_pipe");
  }

  void update() {
    set(readable_, !bytes_.empty() || ended_ || reset_);
    set(writable_, bytes_.size() < capacity_ || reset_ || unread_for_ever_);
  }

  static void set(event& one, bool on) { on ? one.set() : one.reset(); }

  const std::size_t capacity_;
  std::string bytes_;
  bool ended_ = false;
  bool reset_ = false;
  bool unread_for_ever_ = false;
  event readable_;
  event writable_;
};

/// One side of a connection, which closes it when it is destroyed.
class memory_stream {
 public:
  memory_stream() = default;
  memory_stream(std::shared_ptr<memory_pipe> in, std::shared_ptr<memory_pipe> out)
      : in_(std::move(in)), out_(std::move(out)) {}
  memory_stream(memory_stream&& other) noexcept
      : in_(std::move(other.in_)), out_(std::move(other.out_)), largest_(other.largest_) {}
  memory_stream& operator=(memory_stream&& other) noexcept {
    std::swap(in_, other.in_);
    std::swap(out_, other.out_);
    std::swap(largest_, other.largest_);
    return *this;
  }
  ~memory_stream() { close(); }

  event::wait_awaiter readable() { return in_->readable(); }

  task<std::size_t> read_some(std::span<char> into) {
    co_await in_->readable();
    const std::string bytes = in_->take(std::min(into.size(), largest_));
    std::copy(bytes.begin(), bytes.end(), into.begin());
    co_return bytes.size();
  }

  task<std::size_t> write_some(std::string_view first, std::string_view second = {}) {
    if (first.empty()) std::swap(first, second);
    if (first.empty()) co_return std::size_t{0};
    for (;;) {
      const std::size_t count = out_->put(first.substr(0, largest_));
      if (count != 0) co_return count;
      co_await out_->writable();
    }
  }

  task<void> write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t count = co_await write_some(bytes);
      bytes.remove_prefix(count);
    }
  }

  void shutdown_write() {
    if (out_) out_->end();
  }

  void close() {
    if (!in_) return;
    in_->drop();
    out_->end();
    in_.reset();
    out_.reset();
  }

  void abort() {
    if (!in_) return;
    in_->reset();
    out_->reset();
    close();
  }

  /// Limits each read and write to `largest` bytes.
  void limit_pieces(std::size_t largest) { largest_ = largest; }

  bool is_open() const { return in_ != nullptr; }

  /// Returns how many bytes have arrived and were not read.
  std::size_t unread() const { return in_->size(); }

 private:
  std::shared_ptr<memory_pipe> in_;
  std::shared_ptr<memory_pipe> out_;
  std::size_t largest_ = static_cast<std::size_t>(-1);
};

/// Connects clients with a server that accepts.
class memory_listener {
 public:
  /// `capacity`: how many bytes of one direction may be in transit.
  explicit memory_listener(std::size_t capacity = 64 * 1024) : capacity_(capacity) {}

  memory_stream connect() {
    if (!open_) throw std::system_error(ECONNREFUSED, std::generic_category(), "memory_listener");
    const auto there = std::make_shared<memory_pipe>(capacity_);
    const auto back = std::make_shared<memory_pipe>(capacity_);
    waiting_.emplace_back(there, back);
    waiting_.back().limit_pieces(largest_);
    arrived_.set();
    return memory_stream(back, there);
  }

  task<memory_stream> accept() {
    if (failures_ != 0) {
      --failures_;
      throw std::system_error(EMFILE, std::generic_category(), "memory_listener");
    }
    co_await arrived_.wait();
    memory_stream accepted = std::move(waiting_.front());
    waiting_.pop_front();
    if (waiting_.empty()) arrived_.reset();
    co_return accepted;
  }

  void close() {
    open_ = false;
    waiting_.clear();
  }
  bool is_open() const { return open_; }

  /// Makes the next `times` calls of accept() fail.
  void fail(int times) { failures_ = times; }

  /// Limits each read and write of the server to `largest` bytes.
  void limit_pieces(std::size_t largest) { largest_ = largest; }

 private:
  const std::size_t capacity_;
  std::size_t largest_ = static_cast<std::size_t>(-1);
  std::deque<memory_stream> waiting_;
  event arrived_;
  bool open_ = true;
  int failures_ = 0;
};

}  // namespace coworker::testing
