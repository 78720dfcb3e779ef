#pragma once
// unique_fd, the owner of a file descriptor; and io_error, which turns a failed system call into an exception
// that names the call and the remedy. Must not know what a descriptor refers to.

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

/// Owns a file descriptor and closes it. Movable, not copyable.
/// Thread safety: none.
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

  /// Returns the descriptor; -1 if there is none.
  int get() const noexcept { return descriptor_; }
  explicit operator bool() const noexcept { return descriptor_ >= 0; }

  /// Closes the descriptor, and owns another one instead, or none.
  void reset(int descriptor = -1) noexcept { *this = unique_fd(descriptor); }

  /// Gives up ownership, and returns the descriptor; -1 if there is none.
  int release() noexcept {
    registration_ = 0;
    return std::exchange(descriptor_, -1);
  }

 private:
  friend class descriptor_awaiter;

  int descriptor_ = -1;
  std::uint64_t registration_ = 0;  // see descriptor_watch::registration
};

/// Thrown when a system call fails; code() is its error number. The text names what was attempted, the remedy
/// if one is known, and the system's error text, in English whatever the locale.
class io_error : public std::system_error {
 public:
  io_error(int error, std::string text)
      : std::system_error(error, std::generic_category()), text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

namespace detail {

/// Returns the remedy for an error of the operating system that means a shortage; empty for any other error.
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

/// Throws the io_error of a system call that failed with `error`: "WHAT (remedy): errno's text".
[[noreturn]] inline void throw_io_error(int error, std::string what, std::string_view way_out = {}) {
  if (way_out.empty()) way_out = detail::way_out_of(error);
  if (!way_out.empty()) what.append(" (").append(way_out).append(")");
  throw io_error(error, what.append(": ").append(detail::errno_text(error)));
}

/// Returns the result of a system call. Throws: io_error if it is negative.
inline int checked(int result, std::string_view what) {
  if (result < 0) throw_io_error(errno, std::string(what));
  return result;
}

/// For systems that cannot set these flags when they create a descriptor.
inline void set_cloexec_and_nonblocking(int descriptor) {
  checked(::fcntl(descriptor, F_SETFD, FD_CLOEXEC), "fcntl");
  checked(::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK), "fcntl");
}

}  // namespace detail
}  // namespace coworker::inline v0_1

#endif
