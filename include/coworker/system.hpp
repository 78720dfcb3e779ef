#pragma once
// What is asked of the operating system that the standard library does not offer. The one place that tells POSIX from
// other systems: headers that need more of POSIX than this stand inside `#if COWORKER_POSIX`. Knows nothing of ours.

// Processes with signals, file descriptors that can be polled, sockets, folders.
#ifdef _WIN32
#define COWORKER_POSIX 0
#else
#define COWORKER_POSIX 1
#endif

#if COWORKER_POSIX
#include <dirent.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>
#else
#include <io.h>
#include <process.h>
#endif

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::detail {

/// "No such file or directory" for ENOENT: in English whatever the locale, as all other words in a line, where
/// the library is glibc, and thread-safe there.
inline std::string errno_text(int number) {
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
#if __GLIBC_PREREQ(2, 32)
  if (const char* const text = ::strerrordesc_np(number)) return text;
#endif
#endif
  return std::strerror(number);
}

/// How std::fopen opens a file to read its bytes, and not for the programs that a handler may start meanwhile.
#if COWORKER_POSIX
inline constexpr const char* read_mode = "rbe";
#else
inline constexpr const char* read_mode = "rbN";
#endif

/// Whether an operation failed because it would have had to wait: EAGAIN and EWOULDBLOCK are one number on some systems.
inline bool would_block(int problem) noexcept {
#if EAGAIN != EWOULDBLOCK
  if (problem == EWOULDBLOCK) return true;
#endif
  return problem == EAGAIN;
}

/// A static_cast between types that are the same on some systems, where g++'s -Wuseless-cast would complain of one.
template <class To, class From>
constexpr To number_cast(From value) noexcept {
  return static_cast<To>(value);
}

/// The system's name and release, as in "Linux 6.1.0", and the processor's, as in "x86_64"; empty where unknown.
struct system_description {
  std::string name;
  std::string processor;
};

// The functions below that return a bool return false when they fail; errno then says why.

#if COWORKER_POSIX

inline long long process_number() noexcept { return ::getpid(); }

inline system_description describe_system() {
  system_description made;
  utsname found{};
  if (::uname(&found) != 0) return made;
  made.name.append(found.sysname).append(" ").append(found.release);
  made.processor = found.machine;
  return made;
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

/// Appends the names of what is in a folder, "." and ".." among them.
inline bool list_folder(const std::string& folder, std::vector<std::string>& names) {
  const open_folder opened(folder.c_str());
  if (opened.handle == nullptr) return false;
  while (const dirent* const entry = ::readdir(opened.handle)) names.emplace_back(entry->d_name);
  return true;
}

/// Writes a file that only this user may read, and waits until it is on the disk. When it fails, the file may be there
/// in part.
inline bool write_file(const std::string& path, std::string_view text) noexcept {
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

/// Appends the whole of a file.
inline bool read_file(const std::string& path, std::string& text) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char piece[16 * 1024];
  ssize_t size = 0;
  while ((size = ::read(file, piece, sizeof piece)) > 0) text.append(piece, static_cast<std::size_t>(size));
  const int problem = errno;
  ::close(file);
  if (size < 0) errno = problem;
  return size == 0;
}

/// Waits until a folder's changes are on the disk, as far as the system can tell.
inline void sync_folder(const std::string& name) noexcept {
  const int folder = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

/// In one step, replacing a file that has the new name.
inline bool rename_file(const std::string& from, const std::string& to) noexcept {
  return std::rename(from.c_str(), to.c_str()) == 0;
}

#else  // Windows, with what its C library offers

inline long long process_number() noexcept { return ::_getpid(); }

inline system_description describe_system() {
  system_description made;
  made.name = "Windows";
  return made;
}

inline bool list_folder(const std::string& folder, std::vector<std::string>& names) {
  _finddata_t found{};
  const auto search = ::_findfirst((folder + "/*").c_str(), &found);
  if (search == -1) return false;
  do {
    names.emplace_back(found.name);
  } while (::_findnext(search, &found) == 0);
  ::_findclose(search);
  return true;
}

inline bool write_file(const std::string& path, std::string_view text) noexcept {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return false;
  const bool good = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0 &&
                    ::_commit(::_fileno(file)) == 0;
  const int problem = errno;
  const bool closed = std::fclose(file) == 0;
  if (!good) errno = problem;
  return good && closed;
}

inline bool read_file(const std::string& path, std::string& text) {
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return false;
  char piece[16 * 1024];
  while (const std::size_t size = std::fread(piece, 1, sizeof piece, file)) text.append(piece, size);
  const bool good = std::ferror(file) == 0;
  const int problem = errno;
  std::fclose(file);
  if (!good) errno = problem;
  return good;
}

inline void sync_folder(const std::string&) noexcept {
}  // _commit has seen to the file, and folders are not files

// Not in one step: between the two, a file that had the new name is gone. Its new content has the old name by then.
inline bool rename_file(const std::string& from, const std::string& to) noexcept {
  if (std::rename(from.c_str(), to.c_str()) == 0) return true;
  return errno == EEXIST && std::remove(to.c_str()) == 0 && std::rename(from.c_str(), to.c_str()) == 0;
}

#endif

}  // namespace coworker::detail
