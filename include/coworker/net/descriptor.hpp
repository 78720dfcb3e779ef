#pragma once
// unique_fd: the owner of a file descriptor; and how a failed system call becomes an exception that names the
// call and the way out. Must not know what a descriptor stands for.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace coworker::inline v0_1 {

/// Owns a file descriptor and closes it. Movable, not copyable. Not thread-safe.
class unique_fd {
 public:
  unique_fd() noexcept {}
  explicit unique_fd(int descriptor) noexcept : descriptor_(descriptor) {}

  unique_fd(unique_fd&& other) noexcept : descriptor_(other.descriptor_), registration_(other.registration_) {
    other.release();
  }

  unique_fd& operator=(unique_fd&& other) noexcept {
    unique_fd moved(std::move(other));
    std::swap(descriptor_, moved.descriptor_);
    std::swap(registration_, moved.registration_);
    return *this;
  }

  ~unique_fd() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  /// The descriptor; -1 when there is none.
  int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

  /// Closes the descriptor and owns another one instead, or none.
  void reset(int descriptor = -1) noexcept { *this = unique_fd(descriptor); }

  /// Gives the descriptor away. Returns -1 when there is none.
  int release() noexcept {
    registration_ = 0;
    return std::exchange(descriptor_, -1);
  }

 private:
  friend class descriptor_awaiter;

  int descriptor_ = -1;
  std::uint64_t registration_ = 0;  // see descriptor_watch::registration
};

/// What a system call met, with its error number as code(). Its text names what was tried, the way out where there
/// is one, and the system's own words, in English whatever the locale.
class io_error : public std::system_error {
 public:
  io_error(int error, std::string text)
      : std::system_error(error, std::generic_category()), text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

namespace detail {

/// What to do about an error of the operating system that leaves a program short of something; empty for any
/// other error.
inline std::string_view way_out_of(int error) noexcept {
  switch (error) {
    case EMFILE:
      return "this process has as many files and connections open as it may: raise that limit, ulimit -n, or "
             "lower the concurrency";
    case ENFILE:
      return "the machine has as many files open as it may: raise sysctl fs.file-max";
    case ENOMEM:
    case ENOBUFS:
      return "the machine or the container has no memory left for this";
    default:
      return {};
  }
}

/// Throws the io_error of a system call that failed with `error`: "WHAT (what to do): errno's text".
[[noreturn]] inline void throw_io_error(int error, std::string what, std::string_view way_out = {}) {
  if (way_out.empty()) way_out = detail::way_out_of(error);
  if (!way_out.empty()) what.append(" (").append(way_out).append(")");
  throw io_error(error, what.append(": ").append(detail::errno_text(error)));
}

/// The result of a system call. Throws io_error where it is negative.
inline int checked(int result, std::string_view what) {
  if (result < 0) throw_io_error(errno, std::string(what));
  return result;
}

/// For systems that cannot do so at a descriptor's birth.
inline void set_cloexec_and_nonblocking(int descriptor) {
  checked(::fcntl(descriptor, F_SETFD, FD_CLOEXEC), "fcntl");
  checked(::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK), "fcntl");
}

}  // namespace detail
}  // namespace coworker

#endif
