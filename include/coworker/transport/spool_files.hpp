#pragma once
// The files that a spool keeps its results in. Knows folders and names; must not know what is in a file.

#include <cerrno>
#include <concepts>
#include <coworker/coro/clock.hpp>
#include <coworker/system.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coworker {

/// What a spool asks of whatever keeps its files; a model may hold them in memory. What fails says why in
/// errno.
///
///   names(folder)            the names of the files in it. Errors: std::runtime_error when it cannot be
///   opened write_whole(path, text)  false: it failed, and the file may be there in part rename(from, to) in
///   one step. False: it failed remove(path) read_whole(path)         Errors: std::runtime_error sync(folder)
///   what was renamed in it outlives a loss of power fresh_name()             a name that no process has used
///   or will
template <class Files>
concept spool_storage = requires(Files& files, const std::string& path, std::string_view text) {
  { files.names(path) } -> std::same_as<std::vector<std::string>>;
  { files.write_whole(path, text) } -> std::same_as<bool>;
  { files.rename(path, path) } -> std::same_as<bool>;
  files.remove(path);
  { files.read_whole(path) } -> std::same_as<std::string>;
  files.sync(path);
  { files.fresh_name() } -> std::same_as<std::string>;
};

/// Real ones. On one thread.
class spool_files {
 public:
  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> found;
    if (!detail::list_folder(folder, found)) throw std::runtime_error(detail::errno_text(errno));
    return found;
  }

  bool write_whole(const std::string& path, std::string_view text) const {
    return detail::write_file(path, text);
  }

  std::string read_whole(const std::string& path) const {
    std::string text;
    if (!detail::read_file(path, text)) throw std::runtime_error(detail::errno_text(errno));
    return text;
  }

  void sync(const std::string& folder) const noexcept { detail::sync_folder(folder); }

  bool rename(const std::string& from, const std::string& to) const noexcept {
    return detail::rename_file(from, to);
  }

  void remove(const std::string& path) const noexcept { std::remove(path.c_str()); }

  std::string fresh_name() {
    return std::to_string(detail::process_number()) + "-" + std::to_string(start_) + "-" +
           std::to_string(next_++);
  }

 private:
  // Part of file names, so that a process with the same number, later or on another machine, does not reuse
  // one.
  long long start_ = std::chrono::system_clock::now().time_since_epoch().count();
  unsigned long long next_ = 0;
};

static_assert(spool_storage<spool_files>);

}  // namespace coworker
