#pragma once
// What all connections of a server share: options, deadlines, a receive buffer, and the count of body bytes
// in memory. Must not know what a connection does, only that it can be woken.

#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/wait_list.hpp>
#include <coworker/http/date.hpp>
#include <coworker/http/deadlines.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/server_exchange.hpp>
#include <coworker/http/server_options.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

// A connection in the list of its host.
class host_link {
 public:
  virtual void wake() = 0;

 protected:
  host_link() = default;
  virtual ~host_link() = default;
  host_link(const host_link&) = delete;
  host_link& operator=(const host_link&) = delete;

 private:
  friend class connection_host;
  host_link* previous_ = nullptr;
  host_link* next_ = nullptr;
};

class connection_host {
 public:
  connection_host(const http_server_options& options, executor_ref executor)
      : options_(options),
        clocks_(executor, {options.head_timeout, options.body_timeout, options.idle_timeout,
                           options.write_timeout, options.linger}),
        scratch_(scratch_size, '\0') {}

  connection_host(const connection_host&) = delete;
  connection_host& operator=(const connection_host&) = delete;

  virtual task<void> handle(server_request& request, server_response& response) = 0;

  const http_server_options& options() const noexcept { return options_; }
  deadlines& clocks() noexcept { return clocks_; }

  // A receive buffer that all connections share. Its reader must consume the bytes before anything
  // else runs on the loop.
  std::span<char> scratch() noexcept { return {scratch_.data(), scratch_.size()}; }

  void add(host_link& one) noexcept {
    one.next_ = first_;
    if (first_ != nullptr) first_->previous_ = &one;
    first_ = &one;
  }

  void remove(host_link& one) noexcept {
    (one.previous_ != nullptr ? one.previous_->next_ : first_) = one.next_;
    if (one.next_ != nullptr) one.next_->previous_ = one.previous_;
  }

  // After this, each connection finishes its current request and serves no other.
  void drain() {
    draining_ = true;
    for (host_link* one = first_; one != nullptr; one = one->next_) one->wake();
  }
  bool draining() const noexcept { return draining_; }

  // Counts bytes of a body, and returns how many. Throws: http_error if there are too many.
  std::size_t gather(std::size_t bytes) {
    if (bytes > options_.bodies - gathered_)
      throw http_error(503, "the server's limit for request bodies in memory is reached");
    gathered_ += bytes;
    return bytes;
  }
  void release(std::size_t bytes) noexcept { gathered_ -= bytes; }

  // Returns the value of the Date header; empty if there is no clock. Valid until the next call.
  std::string_view date() {
    if (options_.unix_time == nullptr) return {};
    const std::int64_t now = options_.unix_time();
    if (now != dated_) date_ = http_date(now);
    dated_ = now;
    return date_.text();
  }

  void log_failure(std::string_view what, std::string_view why) const {
    if (options_.log != nullptr)
      options_.log->write(log_level::error, std::string(what).append(" failed: ").append(why));
  }

 protected:
  ~connection_host() = default;

 private:
  static constexpr std::size_t scratch_size = 16 * 1024;

  const http_server_options options_;
  deadlines clocks_;
  std::string scratch_;
  host_link* first_ = nullptr;
  std::size_t gathered_ = 0;
  std::int64_t dated_ = 0;
  http_date date_{0};
  bool draining_ = false;
};

}  // namespace coworker::inline v0_1::detail
