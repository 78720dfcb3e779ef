#pragma once
// Writes to a descriptor that other processes may share and nobody may read, without waiting for a reader.
// Must not know what the bytes mean.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

// Returns the monotonic clock's time in nanoseconds.
inline std::int64_t monotonic_now() noexcept {
  timespec moment{};
  ::clock_gettime(CLOCK_MONOTONIC, &moment);
  return std::int64_t{moment.tv_sec} * 1'000'000'000 + moment.tv_nsec;
}

/// Writes to a descriptor without waiting for its reader, and without changing how others write to it.
/// Whether a descriptor blocks is a property of the file behind it, which other processes share. So a pipe or
/// a terminal is opened again by its name in /proc, and a socket gets a flag with each message. If neither is
/// possible, poll() checks for room before each piece of at most PIPE_BUF bytes; that blocks if others fill a
/// pipe between the check and the write. Files do not block.
/// Thread safety: none; use on one thread.
class nonblocking_descriptor {
 public:
  explicit nonblocking_descriptor(int number) noexcept : number_(number) {}
  nonblocking_descriptor(const nonblocking_descriptor&) = delete;
  nonblocking_descriptor& operator=(const nonblocking_descriptor&) = delete;
  ~nonblocking_descriptor() { forget(); }

  /// Returns how many bytes were written; 0: there is no room now; -1: it failed, and errno says why.
  ssize_t write(std::string_view text) noexcept {
    look();
    ssize_t sent = 0;
    if (way_ == way::socket) {
      sent = ::send(number_, text.data(), text.size(), MSG_DONTWAIT | no_signal);
    } else if (way_ == way::own) {
      sent = ::write(own_, text.data(), text.size());
    } else if (way_ == way::asked && !has_room(0)) {
      return 0;
    } else {
      const bool cut = way_ == way::asked && text.size() > PIPE_BUF;
      sent = ::write(number_, text.data(), cut ? PIPE_BUF : text.size());
    }
    if (sent < 0 && (would_block(errno) || errno == EINTR)) return 0;
    if (sent < 0) way_ = way::unknown;
    return sent;
  }

  /// Waits for room, for that long at most. Also returns true if writing would fail.
  bool has_room(int milliseconds) const noexcept {
    pollfd asked{number_, POLLOUT, 0};
    return ::poll(&asked, 1, milliseconds) > 0;
  }

 private:
  enum class way : unsigned char { unknown, plain, own, socket, asked };
#ifdef MSG_NOSIGNAL
  static constexpr int no_signal = MSG_NOSIGNAL;
#else
  static constexpr int no_signal = 0;
#endif

  void forget() noexcept {
    if (own_ >= 0) ::close(own_);
    own_ = -1;
    way_ = way::unknown;
  }

  // The program may redirect the descriptor at any time. That is noticed within a tenth of a second.
  void look() noexcept {
    const std::int64_t moment = monotonic_now();
    if (way_ != way::unknown && moment - looked_ < 100'000'000) return;
    looked_ = moment;
    struct stat now {};
    if (::fstat(number_, &now) != 0) return forget();
    if (way_ != way::unknown && now.st_dev == device_ && now.st_ino == inode_) return;
    forget();
    device_ = now.st_dev;
    inode_ = now.st_ino;
    way_ = way::plain;
    if (S_ISSOCK(now.st_mode)) way_ = way::socket;
    if (!S_ISFIFO(now.st_mode) && !S_ISCHR(now.st_mode)) return;
    way_ = way::asked;
    try {
      const std::string name = "/proc/self/fd/" + std::to_string(number_);
      own_ = ::open(name.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    } catch (...) {  // no memory for the name
    }
    if (own_ >= 0) way_ = way::own;
  }

  const int number_;
  int own_ = -1;
  way way_ = way::unknown;
  std::int64_t looked_ = 0;
  dev_t device_{};
  ino_t inode_{};
};

}  // namespace coworker::inline v0_1::detail

#endif
