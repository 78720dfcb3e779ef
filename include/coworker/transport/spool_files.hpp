#pragma once
// The files in which a spool keeps its results: folders, names and locks. Must not know what is in a file.
// Others who may write into the folder cannot lead it elsewhere: it reads regular files only, opens none
// through a link, and overwrites none that exists.

#include <cerrno>
#include <concepts>
#include <coworker/system.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if COWORKER_POSIX
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <coworker/net/descriptor.hpp>
#endif

namespace coworker::inline v0_1 {

/// What a spool requires of the storage of its files; a model may hold them in memory. A function that
/// returns false has set errno.
///
///   names(folder)              the names of all files in it. Throws std::runtime_error if it cannot be
///   opened. open(path, longest)        a regular file to read, see below; nothing if there is none. Throws
///                              std::runtime_error if it is no regular file, is longer than `longest` bytes,
///                              or cannot be read.
///   create(path, text)         writes a new file that survives a loss of power. False: it failed, with
///   EEXIST
///                              if the name is taken; nothing is left of it.
///   overwrite(path, at, text)  writes in place; survives a loss of power. False: it failed.
///   rename(from, to)           in one step, replacing what was there. False: it failed.
///   remove(path)
///   sync(folder)               makes renames in it survive a loss of power.
///   hold(path)                 makes a lock: a new file for which is_held() is true until let_go(), the end
///   of
///                              this object or of the process. False: it failed. One lock at a time.
///   is_held(path)              whether a running process holds the lock of that name.
///   let_go()                   removes the lock, if there is one.
///   fresh_name()               a name without dots that no process has used or will use.
///
/// What open() returns has read(text, at_most): it appends the next bytes, and returns whether there may be
/// more. It throws as open() does.
template <class Files>
concept spool_storage = requires(Files& files, const std::string& path, std::string_view text,
                                 std::string& to) {
  { files.names(path) } -> std::same_as<std::vector<std::string>>;
  { files.open(path, std::size_t{})->read(to, std::size_t{}) } -> std::same_as<bool>;
  { files.create(path, text) } -> std::same_as<bool>;
  { files.overwrite(path, std::size_t{}, text) } -> std::same_as<bool>;
  { files.rename(path, path) } -> std::same_as<bool>;
  files.remove(path);
  files.sync(path);
  { files.hold(path) } -> std::same_as<bool>;
  { files.is_held(path) } -> std::same_as<bool>;
  files.let_go();
  { files.fresh_name() } -> std::same_as<std::string>;
};

#if COWORKER_POSIX

/// Files of the operating system. Thread safety: one thread.
class spool_files {
 public:
  /// A file that is being read.
  class input {
   public:
    input(unique_fd file, std::size_t longest) noexcept : file_(std::move(file)), left_(longest) {}

    bool read(std::string& text, std::size_t at_most) {
      const std::size_t before = text.size();
      text.resize(before + at_most);
      ssize_t size = 0;
      do {
        size = ::read(file_.get(), text.data() + before, at_most);
      } while (size < 0 && errno == EINTR);
      text.resize(before + (size > 0 ? static_cast<std::size_t>(size) : 0));
      if (size < 0) throw std::runtime_error(detail::errno_text(errno));
      if (text.size() - before > left_) throw std::runtime_error(too_long);  // it grows
      left_ -= text.size() - before;
      return size > 0;
    }

   private:
    unique_fd file_;
    std::size_t left_;
  };

  std::vector<std::string> names(const std::string& folder) const {
    const open_folder opened(folder.c_str());
    if (opened.handle == nullptr) throw std::runtime_error(detail::errno_text(errno));
    std::vector<std::string> found;
    while (const dirent* const entry = ::readdir(opened.handle)) found.emplace_back(entry->d_name);
    return found;
  }

  std::optional<input> open(const std::string& path, std::size_t longest) const {
    struct stat is {};
    if (::lstat(path.c_str(), &is) != 0) {
      if (errno == ENOENT) return std::nullopt;
      throw std::runtime_error(detail::errno_text(errno));
    }
    require_regular(is);  // before it is opened, because opening a device may have side effects
    unique_fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file || ::fstat(file.get(), &is) != 0) throw std::runtime_error(detail::errno_text(errno));
    require_regular(is);
    if (static_cast<std::uintmax_t>(is.st_size) > longest) throw std::runtime_error(too_long);
    return input(std::move(file), longest);
  }

  bool create(const std::string& path, std::string_view text) const {
    const unique_fd file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file) return false;
    if (write_all(file.get(), text) && ::fsync(file.get()) == 0) return true;
    const int problem = errno;
    remove(path);
    errno = problem;
    return false;
  }

  bool overwrite(const std::string& path, std::size_t at, std::string_view text) const {
    const unique_fd file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat is {};
    if (!file || ::fstat(file.get(), &is) != 0) return false;
    if (!S_ISREG(is.st_mode)) {
      errno = EINVAL;
      return false;
    }
    return ::pwrite(file.get(), text.data(), text.size(), static_cast<off_t>(at)) ==
               static_cast<ssize_t>(text.size()) &&
           ::fsync(file.get()) == 0;
  }

  bool rename(const std::string& from, const std::string& to) const noexcept {
    return std::rename(from.c_str(), to.c_str()) == 0;
  }

  void remove(const std::string& path) const noexcept { ::unlink(path.c_str()); }

  void sync(const std::string& name) const noexcept {
    const unique_fd folder(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (folder) ::fsync(folder.get());
  }

  // It is locked before it has its name, so that no other process ever sees it unlocked.
  bool hold(const std::string& path) {
    const std::string unfinished = path + ".part";
    unique_fd file(
        ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file) return false;
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && rename(unfinished, path)) {
      held_ = std::move(file);
      held_path_ = path;
      return true;
    }
    const int problem = errno;
    remove(unfinished);
    errno = problem;
    return false;
  }

  bool is_held(const std::string& path) const noexcept {
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    return file && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0 && detail::would_block(errno);
  }

  void let_go() noexcept {
    if (!held_) return;
    remove(held_path_);
    held_.reset();
  }

  /// The process, the time and some random bits: process numbers repeat, also in another container at the
  /// same time.
  std::string fresh_name() const {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    std::uint32_t chance = 0;
    if (::getentropy(&chance, sizeof chance) != 0) chance = static_cast<std::uint32_t>(now.tv_nsec);
    return std::to_string(::getpid()) + "-" + std::to_string(now.tv_sec) + "-" + std::to_string(chance);
  }

 private:
  static constexpr const char* too_long = "it is longer than any result";

  static void require_regular(const struct stat& is) {
    if (S_ISLNK(is.st_mode)) throw std::runtime_error("it is a symbolic link");
    if (!S_ISREG(is.st_mode)) throw std::runtime_error("it is not a regular file");
  }

  struct open_folder {
    DIR* const handle;
    explicit open_folder(const char* name) noexcept : handle(::opendir(name)) {}
    open_folder(const open_folder&) = delete;
    open_folder& operator=(const open_folder&) = delete;
    ~open_folder() {
      if (handle != nullptr) ::closedir(handle);
    }
  };

  static bool write_all(int file, std::string_view text) noexcept {
    while (!text.empty()) {
      const ssize_t written = ::write(file, text.data(), text.size());
      if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
      if (written < 0 && errno != EINTR) return false;
    }
    return true;
  }

  unique_fd held_;
  std::string held_path_;
};

#else

/// Keeps nothing: the standard library alone cannot lock files between processes.
class spool_files {
 public:
  struct input {
    bool read(std::string&, std::size_t) { return false; }
  };

  std::vector<std::string> names(const std::string&) const {
    throw std::runtime_error("this system keeps no results in a folder; leave spool_folder empty");
  }
  std::optional<input> open(const std::string&, std::size_t) const { return std::nullopt; }
  bool create(const std::string&, std::string_view) const { return fail_always(); }
  bool overwrite(const std::string&, std::size_t, std::string_view) const { return fail_always(); }
  bool rename(const std::string&, const std::string&) const noexcept { return fail_always(); }
  void remove(const std::string&) const noexcept {}
  void sync(const std::string&) const noexcept {}
  bool hold(const std::string&) { return fail_always(); }
  bool is_held(const std::string&) const noexcept { return false; }
  void let_go() noexcept {}
  std::string fresh_name() const { return "none"; }

 private:
  static bool fail_always() noexcept {
    errno = ENOSYS;
    return false;
  }
};

#endif

static_assert(spool_storage<spool_files>);

}  // namespace coworker::inline v0_1
