#pragma once
// The source of a request's body: a text, a file, or a function. Must not know libcurl, nor who is called.

#include <coworker/system.hpp>

#if COWORKER_POSIX

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <coworker/coro/task.hpp>
#include <coworker/net/descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

class body_source {
 public:
  body_source() = default;
  body_source(const body_source&) = delete;
  body_source& operator=(const body_source&) = delete;
  virtual ~body_source() = default;

  /// Called before each time that the body is read. False: it was read before, and cannot be read again.
  /// Throws: io_error.
  virtual bool begin() = 0;
  /// Nothing if the size is unknown. Valid after begin().
  virtual std::optional<std::uint64_t> size() const noexcept = 0;
  /// Copies up to `room` bytes of what is available, and returns how many; 0: nothing is
  /// available. Throws: io_error.
  virtual std::size_t read(char* into, std::size_t room) = 0;
  /// Whether more bytes may come after read() returned 0. If so, await more(), which returns
  /// whether there are any.
  virtual bool is_awaited() const noexcept { return false; }
  virtual task<bool> more() { co_return false; }
  /// The whole body if it is in memory; otherwise null.
  virtual const std::string* text() const noexcept { return nullptr; }
};

class text_source final : public body_source {
 public:
  explicit text_source(std::string text) noexcept : text_(std::move(text)) {}
  bool begin() override {
    read_ = 0;
    return true;
  }
  std::optional<std::uint64_t> size() const noexcept override { return text_.size(); }
  std::size_t read(char* into, std::size_t room) override {
    const std::size_t count = text_.copy(into, room, read_);
    read_ += count;
    return count;
  }
  const std::string* text() const noexcept override { return &text_; }

 private:
  const std::string text_;
  std::size_t read_ = 0;
};

class file_source final : public body_source {
 public:
  explicit file_source(std::string path) noexcept : path_(std::move(path)) {}
  bool begin() override {
    file_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found {};
    if (!file_ || ::fstat(file_.get(), &found) != 0)
      detail::throw_io_error(errno, "the body \"" + path_ + "\" cannot be read");
    if (!S_ISREG(found.st_mode)) detail::throw_io_error(EINVAL, "the body \"" + path_ + "\" is not a file");
    size_ = static_cast<std::uint64_t>(found.st_size);
    return true;
  }
  std::optional<std::uint64_t> size() const noexcept override { return size_; }
  std::size_t read(char* into, std::size_t room) override {
    for (;;) {
      const ssize_t count = ::read(file_.get(), into, room);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) detail::throw_io_error(errno, "the body \"" + path_ + "\" cannot be read");
    }
  }

 private:
  const std::string path_;
  unique_fd file_;
  std::uint64_t size_ = 0;
};

template <class Function>
class function_source final : public body_source {
 public:
  function_source(Function next, std::optional<std::uint64_t> size) : next_(std::move(next)), size_(size) {}
  bool begin() override { return !begun_; }
  std::optional<std::uint64_t> size() const noexcept override { return size_; }
  std::size_t read(char* into, std::size_t room) override {
    const std::size_t count = piece_.copy(into, room, read_);
    read_ += count;
    return count;
  }
  bool is_awaited() const noexcept override { return true; }
  task<bool> more() override {
    begun_ = true;
    read_ = 0;
    if constexpr (std::is_convertible_v<std::invoke_result_t<Function&>, std::string>) {
      piece_ = next_();
    } else {
      std::string piece = co_await next_();
      piece_ = std::move(piece);
    }
    co_return !piece_.empty();
  }

 private:
  Function next_;
  const std::optional<std::uint64_t> size_;
  std::string piece_;
  std::size_t read_ = 0;
  bool begun_ = false;
};

template <class Function>
concept gives_pieces = requires(Function& next) {
  requires std::is_convertible_v<decltype(next()), std::string> ||
      std::is_same_v<decltype(next()), task<std::string>>;
};

}  // namespace detail

namespace http {

/// The body of a request. Converts implicitly from a text. Default: no body.
class body {
 public:
  body() noexcept {}
  body(std::string text) : source_(std::make_unique<detail::text_source>(std::move(text))) {}
  body(std::string_view text) : body(std::string(text)) {}
  body(const char* text) : body(std::string(text)) {}

  /// Reads the body from a file, piece by piece, while it is sent.
  static body file(std::string path) { return body(std::make_unique<detail::file_source>(std::move(path))); }

  /// Calls `next()` for each piece, on the caller's executor, once the piece before is sent. `next()` returns
  /// a std::string or a task<std::string>; an empty one ends the body. `size`: bytes of all pieces together,
  /// if known. Such a request is sent only once.
  template <class Next>
  static body from(Next next, std::optional<std::uint64_t> size = std::nullopt) {
    constexpr bool fits = detail::gives_pieces<Next>;
    static_assert(
        fits, "http::body::from: the function must take nothing and return std::string or task<std::string>");
    if constexpr (fits) {
      return body(std::make_unique<detail::function_source<Next>>(std::move(next), size));
    } else {
      return body();
    }
  }

  /// Null if there is no body.
  detail::body_source* source() const noexcept { return source_.get(); }

 private:
  explicit body(std::unique_ptr<detail::body_source> source) noexcept : source_(std::move(source)) {}
  std::unique_ptr<detail::body_source> source_;
};

}  // namespace http
}  // namespace coworker::inline v0_1

#endif
