#pragma once
// The spool: results that could not be handed over yet, one file each, so that neither a long outage nor the
// end of the process loses them. Knows files; must not know how results are posted.

#include <dirent.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

/// A folder of results. A result is written whole under another name, synced, and renamed, so that a file
/// that bears its final name is complete. On one thread.
class spool {
 public:
  /// One result's place in the spool, if it has one yet.
  class ticket {
   public:
    ticket() noexcept {}
    bool stored() const noexcept { return stored_; }
    explicit operator bool() const noexcept { return !path_.empty(); }

   private:
    friend spool;
    std::string path_;
    std::string job_id_;
    bool streamed_ = false;
    bool stored_ = false;
    bool complained_ = false;
  };

  struct entry {
    std::string job_id;
    bool streamed;
    std::string body;
    spool::ticket ticket;
  };

  /// An empty name makes a spool that keeps nothing. Errors: std::runtime_error when the folder cannot be
  /// opened.
  explicit spool(std::string folder) : folder_(std::move(folder)) {
    if (folder_.empty()) return;
    const open_folder opened(folder_.c_str());
    if (opened.handle == nullptr) fail("cannot be opened");
  }

  ticket prepare(std::string_view job_id, bool streamed) {
    ticket made;
    if (folder_.empty()) return made;
    made.path_ = folder_ + "/" + std::to_string(::getpid()) + "-" + std::to_string(start_) + "-" +
                 std::to_string(next_++) + suffix;
    made.job_id_ = job_id;
    made.streamed_ = streamed;
    return made;
  }

  /// Keeps the result. A failure is logged: the result then lives in this process only.
  void store(ticket& place, std::string_view body, logger& log) {
    if (!place || place.stored_) return;
    json record = json::object();
    record["id"] = place.job_id_;
    record["streamed"] = place.streamed_;
    record["body"] = body;
    const std::string unfinished = place.path_ + ".part";
    if (write_whole(unfinished, record.dump()) && std::rename(unfinished.c_str(), place.path_.c_str()) == 0) {
      place.stored_ = true;
      sync_folder();
      return;
    }
    const int problem = errno;
    std::remove(unfinished.c_str());
    if (std::exchange(place.complained_, true)) return;  // it is tried again with each post
    log.error("The spool cannot keep a result (" + place.path_ + ": " + std::strerror(problem) + ").",
              log_subject(place.job_id_));
  }

  void remove(ticket& place) noexcept {
    if (place.stored_) std::remove(place.path_.c_str());
    place.stored_ = false;
  }

  /// What earlier runs left. A file that cannot be read is named in the log and left alone.
  std::vector<entry> load(logger& log) {
    std::vector<entry> left;
    if (folder_.empty()) return left;
    const open_folder opened(folder_.c_str());
    if (opened.handle == nullptr) fail("cannot be read");
    while (const dirent* const found = ::readdir(opened.handle)) {
      const std::string name(found->d_name);
      if (!name.ends_with(suffix)) continue;
      const std::string path = folder_ + "/" + name;
      try {
        const json record = json::parse(read_whole(path));
        entry made{record.at("id").get<std::string>(),
                   record.at("streamed").get<bool>(),
                   record.at("body").get<std::string>(),
                   {}};
        made.ticket.path_ = path;
        made.ticket.job_id_ = made.job_id;
        made.ticket.streamed_ = made.streamed;
        made.ticket.stored_ = true;
        left.push_back(std::move(made));
      } catch (const std::exception& error) {
        log.error("The spool has a file that cannot be used and is left alone (" + path + ": " +
                  error.what() + ").");
      }
    }
    return left;
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
  static constexpr const char* suffix = ".result.json";

  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error("the spool folder " + folder_ + " " + what + " (" + std::strerror(errno) +
                             "); create it, or name another");
  }

  static bool write_whole(const std::string& path, std::string_view text) {
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

  static std::string read_whole(const std::string& path) {
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

  void sync_folder() const noexcept {
    const int folder = ::open(folder_.c_str(), O_RDONLY | O_CLOEXEC);
    if (folder < 0) return;
    ::fsync(folder);
    ::close(folder);
  }

  std::string folder_;
  long long start_ = clock_start();
  unsigned long long next_ = 0;

  // Part of file names, so that a process with the same number, later or on another machine, does not reuse
  // one.
  static long long clock_start() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<long long>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  }
};

}  // namespace coworker
