#pragma once
// What the serving thread blocks on: sockets, alarms and wake-ups, each identified by a key. Linux. Must not
// know what the keys mean.

#include <algorithm>
#include <chrono>
#include <compare>
#include <coworker/net/epoll.hpp>
#include <cstdint>
#include <optional>
#include <set>

namespace coworker::testing {

class poller {
 public:
  using key = detail::epoll::key;
  using clock = std::chrono::steady_clock;

  /// An alarm that is not set has no time.
  struct alarm {
    clock::time_point due{};
    key whose = 0;
    auto operator<=>(const alarm&) const = default;
  };

  poller() = default;
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  /// Blocks until something is ready, for `timeout` milliseconds at most; -1: no limit. Besides wake(), the
  /// only function that may be called while another thread calls others.
  void poll(int timeout) noexcept { ready_ = epoll_.wait(timeout); }

  /// Returns the events that the last poll() found, with the key in data.u64.
  detail::plain_view<const epoll_event> ready() const noexcept { return ready_; }

  /// Ends the current poll(), or the next one. Thread-safe.
  void wake() noexcept { epoll_.wake(); }

  /// The key of the event that wake() causes.
  static constexpr key wake_up_key = detail::epoll::wake_key;

  /// Reports when there is something to read, until the socket is closed.
  void watch(int socket, key whose) { check(epoll_.add(socket, EPOLLIN, whose)); }

  /// Sets whether to report also when there is room to write.
  void watch_room(int socket, key whose, bool on) {
    check(epoll_.modify(socket, on ? EPOLLIN | EPOLLOUT : std::uint32_t{EPOLLIN}, whose));
  }

  alarm set_alarm(key whose, std::chrono::milliseconds wait) {
    return *alarms_.insert({clock::now() + wait, whose}).first;
  }

  void clear_alarm(alarm& gone) {
    if (gone != alarm()) alarms_.erase(gone);
    gone = {};
  }

  /// Removes an alarm that is due and returns its key; nothing if none is due.
  std::optional<key> next_due() {
    if (alarms_.empty() || alarms_.begin()->due > clock::now()) return std::nullopt;
    return alarms_.extract(alarms_.begin()).value().whose;
  }

  /// Returns the time until the next alarm, for poll().
  int timeout() const {
    if (alarms_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(alarms_.begin()->due - clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

 private:
  static void check(int failed) {
    if (failed != 0) detail::throw_io_error(failed, "epoll_ctl");
  }

  detail::epoll epoll_;
  detail::plain_view<const epoll_event> ready_;
  std::set<alarm> alarms_;
};

}  // namespace coworker::testing
