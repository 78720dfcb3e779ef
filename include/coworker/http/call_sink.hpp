#pragma once
// The destination of a response's body: a file, or a function. Must not know libcurl, nor who is called.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <coworker/coro/task.hpp>
#include <coworker/net/descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

class body_taker {
 public:
  body_taker() = default;
  body_taker(const body_taker&) = delete;
  body_taker& operator=(const body_taker&) = delete;
  virtual ~body_taker() = default;

  /// Called before the first byte of a body. Throws: io_error.
  virtual void begin() = 0;
  /// Whether begin() may be called again after bytes were written.
  virtual bool repeats() const noexcept = 0;
  /// Whether to await take() instead of calling write().
  virtual bool is_awaited() const noexcept { return false; }
  virtual void write(std::string_view) {}
  virtual task<void> take(std::string) { co_return; }
  /// Called after the last byte. Throws: io_error.
  virtual void end() {}
};

/// Writes a file, and removes it if it is incomplete.
class file_taker : public body_taker {
 public:
  explicit file_taker(std::string path) noexcept : path_(std::move(path)) {}
  ~file_taker() override {
    if (file_ && removes_) ::unlink(path_.c_str());
  }
  void begin() override {
    if (!file_) file_.reset(open_file());
    size_ = 0;
    if (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) != 0) throw_unwritable();
  }
  bool repeats() const noexcept override { return true; }
  void write(std::string_view bytes) override {
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
      if (count < 0 && errno != EINTR) throw_unwritable();
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void end() override {
    if (file_ && ::close(file_.release()) != 0) {
      const int error = errno;
      if (removes_) ::unlink(path_.c_str());
      errno = error;
      throw_unwritable();
    }
  }

 protected:
  /// Bytes written so far.
  std::uint64_t size() const noexcept { return size_; }
  virtual int open_file() {
    const int opened = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (opened < 0) throw_unwritable();
    return opened;
  }
  [[noreturn]] void throw_unwritable() const {
    const int error = errno;
    detail::throw_io_error(
        error, "\"" + path_ + "\" cannot be written",
        error == ENOSPC ? "the disk is full: free some space, or give the container more" : "");
  }

  std::string path_;
  bool removes_ = true;  // the incomplete file

 private:
  unique_fd file_;
  std::uint64_t size_ = 0;
};

template <class Function>
class function_taker final : public body_taker {
 public:
  explicit function_taker(Function take) : take_(std::move(take)) {}
  void begin() override {}
  bool repeats() const noexcept override { return false; }
  bool is_awaited() const noexcept override { return true; }
  task<void> take(std::string piece) override {
    const std::string kept = std::move(piece);
    if constexpr (std::is_void_v<std::invoke_result_t<Function&, std::string_view>>) {
      take_(std::string_view(kept));
      co_return;
    } else {
      co_await take_(std::string_view(kept));
    }
  }

 private:
  Function take_;
};

template <class Function>
concept takes_pieces = requires(Function& take, std::string_view piece) {
  requires std::is_void_v<decltype(take(piece))> || std::is_same_v<decltype(take(piece)), task<void>>;
};

}  // namespace detail

namespace http {

/// Receives the body of a successful response as it arrives. The body of any other response is in
/// response::body. Default: response::body for every response.
class sink {
 public:
  sink() noexcept {}

  /// Writes to that file, and creates or replaces it. Removes the file if the call fails halfway.
  static sink file(std::string path) { return sink(std::make_unique<detail::file_taker>(std::move(path))); }

  /// Calls `take(std::string_view piece)` for each piece, on the caller's executor. `take` returns nothing or
  /// a task<void>. While it runs, at most 256 KiB more are received.
  template <class Take>
  static sink to(Take take) {
    constexpr bool fits = detail::takes_pieces<Take>;
    static_assert(fits,
                  "http::sink::to: the function must take a std::string_view and return void or task<void>");
    if constexpr (fits) {
      return sink(std::make_unique<detail::function_taker<Take>>(std::move(take)));
    } else {
      return sink();
    }
  }

  explicit sink(std::unique_ptr<detail::body_taker> taker) noexcept : taker_(std::move(taker)) {}

  /// Null if there is no sink.
  detail::body_taker* taker() const noexcept { return taker_.get(); }

 private:
  std::unique_ptr<detail::body_taker> taker_;
};

}  // namespace http
}  // namespace coworker::inline v0_1

#endif
