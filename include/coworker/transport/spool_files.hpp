#pragma once
// The files that a spool keeps its results in. Knows folders and names; must not know what is in a file.

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <cstdio>
#include <cstring>
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
    const open_folder opened(folder.c_str());
    if (opened.handle == nullptr) throw std::runtime_error(std::strerror(errno));
    std::vector<std::string> found;
    while (const dirent* const entry = ::readdir(opened.handle)) found.emplace_back(entry->d_name);
    return found;
  }

  bool write_whole(const std::string& path, std::string_view text) const {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) return false;
    bool good = true;
    while (good && !text.empty()) {
      const ssize_t written = ::write(file, text.data(), text.size());
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
      good = written > 0 || errno == EINTR;
    }
    good = good && ::fsync(file) == 0;
    const int problem = errno;
    const bool closed = ::close(file) == 0;
    if (!good) errno = problem;
    return good && closed;
  }

  std::string read_whole(const std::string& path) const {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw std::runtime_error(std::strerror(errno));
    std::string text;
    char piece[16 * 1024];
    ssize_t size = 0;
    while ((size = ::read(file, piece, sizeof piece)) > 0) text.append(piece, static_cast<std::size_t>(size));
    const int problem = errno;
    ::close(file);
    if (size < 0) throw std::runtime_error(std::strerror(problem));
    return text;
  }

  void sync(const std::string& name) const noexcept {
    const int folder = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
  }

  bool rename(const std::string& from, const std::string& to) const noexcept {
    return std::rename(from.c_str(), to.c_str()) == 0;
  }

  void remove(const std::string& path) const noexcept { std::remove(path.c_str()); }

  std::string fresh_name() {
    return std::to_string(::getpid()) + "-" + std::to_string(start_) + "-" + std::to_string(next_++);
  }

 private:
  struct open_folder {
    DIR* const handle;
    explicit open_folder(const char* name) noexcept : handle(::opendir(name)) {}
    open_folder(const open_folder&) = delete;
    open_folder& operator=(const open_folder&) = delete;
    ~open_folder() {
      if (handle != nullptr) ::closedir(handle);
    }
  };

  // Part of file names, so that a process with the same number, later or on another machine, does not reuse
  // one.
  static long long clock_start() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  }

  long long start_ = clock_start();
  unsigned long long next_ = 0;
};

static_assert(spool_storage<spool_files>);

}  // namespace coworker
