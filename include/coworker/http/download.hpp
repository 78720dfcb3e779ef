#pragma once
// download: fetches a file from a URL that comes from outside, such as with a job's input, with protection
// against URLs of private networks. Needs libcurl. Must not know jobs.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <coworker/coro/task.hpp>
#include <coworker/http/call.hpp>
#include <coworker/http/call_options.hpp>
#include <coworker/http/call_sink.hpp>
#include <coworker/http/url.hpp>
#include <coworker/net/descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {
class download_taker;
}  // namespace detail

namespace http {

/// Options of a download. With g++ before 13, pass a named object, not a temporary.
struct download_options {
  /// Options of the HTTP call. If size_limit is not set, it is 4 GiB.
  call_options call = {};
  /// The file's name, without a folder. Default: empty, which means the last part of the URL's path, with
  /// every character other than letters, digits, '-', '_' and '.' replaced by '_'.
  std::string name = {};
  /// Whether the URL may lead to addresses of private networks and of this machine, and through a proxy.
  /// Default: false.
  bool allow_private = false;

  download_options() {}
};

/// A file on disk that its destructor removes. A handler that holds it needs no other cleanup.
class downloaded_file {
 public:
  downloaded_file() noexcept {}
  downloaded_file(downloaded_file&& other) noexcept
      : path_(std::exchange(other.path_, std::string())), size_(other.size_), kept_(other.kept_) {}
  downloaded_file& operator=(downloaded_file&& other) noexcept {
    downloaded_file moved(std::move(other));
    std::swap(path_, moved.path_);
    std::swap(size_, moved.size_);
    std::swap(kept_, moved.kept_);
    return *this;
  }
  ~downloaded_file() {
    if (!kept_ && !path_.empty()) ::unlink(path_.c_str());
  }

  /// Empty if there is no file.
  const std::string& path() const noexcept { return path_; }
  /// In bytes.
  std::uint64_t size() const noexcept { return size_; }
  /// Keeps the file: the destructor does not remove it any more.
  void keep() noexcept { kept_ = true; }

 private:
  friend class detail::download_taker;

  std::string path_;
  std::uint64_t size_ = 0;
  bool kept_ = false;
};

}  // namespace http

namespace detail {

/// Returns a file name of plain characters that is neither a hidden file nor a folder.
inline std::string file_name_in(std::string_view url) {
  std::string_view path = url.substr(0, url.find_first_of("?#"));
  const std::size_t scheme = path.find("://");
  if (scheme != std::string_view::npos) path.remove_prefix(scheme + 3);
  const std::size_t slash = path.rfind('/');
  const std::string decoded =
      coworker::url_decode(slash == std::string_view::npos ? "" : path.substr(slash + 1)).value_or("");
  std::string name;
  for (const char c : decoded) {
    const bool plain = detail::letters_and_digits.has(c) || c == '-' || c == '_' || c == '.';
    name += plain && (c != '.' || !name.empty()) ? c : '_';
  }
  constexpr std::size_t longest = 120;
  // keeps the end, which has the file's extension
  if (name.size() > longest) name.erase(0, name.size() - longest);
  if (name.starts_with('.')) name[0] = '_';
  return name.empty() ? "download" : name;
}

/// Returns `name`. Throws: std::invalid_argument if it is not the name of a file in a folder.
inline const std::string& require_file_name(const std::string& name) {
  const bool fits = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                    name.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
  if (fits) return name;
  throw std::invalid_argument("http::download: \"" + name +
                              "\" is not a file name; it must have no slash and at most 255 bytes");
}

/// Creates a new file. Never opens an existing file, and never follows a link.
class download_taker final : public file_taker {
 public:
  download_taker(const std::string& folder, std::string name, http::downloaded_file& made)
      : file_taker(folder + (folder.ends_with('/') ? "" : "/") + name),
        folder_(folder),
        name_(std::move(name)),
        made_(made) {
    removes_ = false;
  }

  void end() override {
    file_taker::end();
    made_.size_ = size();
  }

 private:
  int open_file() override {
    if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) throw_unwritable();
    const std::size_t dot = name_.rfind('.');
    const std::size_t end = dot == std::string::npos || dot == 0 ? name_.size() : dot;
    const std::string before = path_.substr(0, path_.size() - name_.size()) + name_.substr(0, end);
    for (int number = 2;; ++number) {
      const int opened = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
      if (opened >= 0) {
        made_.path_ = path_;
        return opened;
      }
      constexpr int most = 10'000;
      if (errno != EEXIST || number == most) throw_unwritable();
      path_ = before + "-" + std::to_string(number) + name_.substr(end);
    }
  }

  const std::string folder_;
  const std::string name_;
  http::downloaded_file& made_;  // removes the file, unless it is kept
};

inline task<http::downloaded_file> download(http::request request, call_terms terms, std::string folder,
                                            std::string name) {
  http::downloaded_file file;
  const std::string url = request.url;
  request.into = http::sink(std::make_unique<download_taker>(folder, std::move(name), file));
  task<http::response> calling = detail::call(std::move(request), std::move(terms), true);
  const http::response got = co_await std::move(calling);
  if (got.ok()) co_return file;
  detail::throw_call_error(http_failure::none, "GET", url, "the status is " + std::to_string(got.status),
                           "check the URL, and whether it has expired", got.status);
}

}  // namespace detail

namespace http {

/// Fetches a file into `folder`, which is created if it is missing, and returns the file. Follows only http
/// and https, and only to public addresses, also after a redirect. The address is checked when the connection
/// is opened, so a later look-up of the name cannot lead elsewhere. Uses no proxy, and shares no connection
/// with other calls. Never replaces an existing file.
///
/// Throws: call_error when the file cannot be fetched, is too large, or is at an address that is not public;
/// std::invalid_argument when options.name is not a file name; io_error when the file cannot be written;
/// std::logic_error on a simulated_loop.
/// Cancellation: throws `cancelled` as soon as a stop is requested, and removes the incomplete file.
///
///     const http::downloaded_file picture = co_await http::download(job.input.image_url, "/tmp/inputs");
inline task<downloaded_file> download(std::string url, std::string folder,
                                      download_options options = download_options()) {
  request what(std::move(url));
  std::string name =
      options.name.empty() ? detail::file_name_in(what.url) : detail::require_file_name(options.name);
  what.options = std::move(options.call);
  if (!what.options.size_limit) what.options.size_limit = std::uint64_t{4} << 30;
  detail::call_terms terms;
  terms.only_public = !options.allow_private;
  terms.unpacks = false;  // the file is stored exactly as it is sent
  return detail::download(std::move(what), std::move(terms), std::move(folder), std::move(name));
}

}  // namespace http
}  // namespace coworker::inline v0_1
