#pragma once
// What the serving thread blocks on: sockets, alarms, and a call to wake up, each known by a key. Linux. Must
// not know whose keys they are.

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <support/socket.hpp>

namespace coworker::testing {

class poller {
 public:
  using key = std::uint64_t;
  using clock = std::chrono::steady_clock;

  /// An alarm that is not set has no time.
  struct alarm {
    clock::time_point due{};
    key whose = 0;
    auto operator<=>(const alarm&) const = default;
  };

  poller() { watch(wake_up_.get(), wake_up_key); }
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  /// Blocks until something is ready, or for `timeout` milliseconds at most; -1 is for ever. The one function
  /// besides wake() that may be called while another thread calls others.
  void poll(int timeout) noexcept {
    const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout);
    ready_ = static_cast<std::size_t>(std::max(count, 0));
  }

  /// What the last poll() has found, events with the key in data.u64.
  std::span<const epoll_event> ready() const noexcept { return {events_.data(), ready_}; }

  /// Ends the current poll(), or else the next one. Any thread.
  void wake() noexcept { ::eventfd_write(wake_up_.get(), 1); }

  /// To be called for events with this key.
  void woken() noexcept {
    eventfd_t count;
    ::eventfd_read(wake_up_.get(), &count);
  }
  static constexpr key wake_up_key = ~key{0};

  /// Tells when there is something to read, until the socket is closed.
  void watch(int socket, key whose) { control(EPOLL_CTL_ADD, socket, EPOLLIN, whose); }

  /// Whether to tell also when there is room to write.
  void watch_room(int socket, key whose, bool on) {
    control(EPOLL_CTL_MOD, socket, on ? EPOLLIN | EPOLLOUT : std::uint32_t{EPOLLIN}, whose);
  }

  alarm set_alarm(key whose, std::chrono::milliseconds wait) {
    return *alarms_.insert({clock::now() + wait, whose}).first;
  }

  void clear_alarm(alarm& gone) {
    if (gone != alarm()) alarms_.erase(gone);
    gone = {};
  }

  /// The key of an alarm whose time has come, which it is rid of.
  std::optional<key> next_due() {
    if (alarms_.empty() || alarms_.begin()->due > clock::now()) return std::nullopt;
    return alarms_.extract(alarms_.begin()).value().whose;
  }

  /// Until the next alarm, for poll().
  int timeout() const {
    if (alarms_.empty()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(alarms_.begin()->due - clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

 private:
  void control(int operation, int socket, std::uint32_t events, key whose) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = whose;
    checked(::epoll_ctl(epoll_.get(), operation, socket, &event), "epoll_ctl");
  }

  descriptor epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
  descriptor wake_up_{checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd")};
  std::array<epoll_event, 64> events_{};
  std::size_t ready_ = 0;
  std::set<alarm> alarms_;
};

}  // namespace coworker::testing
