#pragma once
// The spool: results that could not be handed over yet, one file each, so that neither a long outage nor the
// end of the process loses them. Knows files; must not know how results are posted.

#include <cerrno>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/transport/spool_files.hpp>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

/// A folder of results. A result is written whole under another name, synced, and renamed, so that a file
/// that bears its final name is complete. On one thread.
template <spool_storage Files>
class basic_spool {
 public:
  /// One result's place in the spool, if it has one yet.
  class ticket {
   public:
    ticket() noexcept {}
    bool stored() const noexcept { return stored_; }
    /// Whether an earlier run may have got it accepted without hearing of it.
    bool perhaps_accepted() const noexcept { return perhaps_accepted_; }
    explicit operator bool() const noexcept { return !path_.empty(); }

   private:
    friend basic_spool;
    std::string path_;
    std::string job_id_;
    bool streamed_ = false;
    bool stored_ = false;
    bool perhaps_accepted_ = false;
    bool complained_ = false;
  };

  struct entry {
    std::string job_id;
    bool streamed;
    std::string body;
    basic_spool::ticket ticket;
  };

  /// An empty name makes a spool that keeps nothing. Errors: std::runtime_error when the folder cannot be
  /// opened.
  explicit basic_spool(std::string folder, Files files = Files())
      : folder_(std::move(folder)), files_(std::move(files)) {
    if (!folder_.empty()) names("cannot be opened");
  }

  ticket prepare(std::string_view job_id, bool streamed) {
    ticket made;
    if (folder_.empty()) return made;
    made.path_ = folder_ + "/" + files_.fresh_name() + suffix;
    made.job_id_ = job_id;
    made.streamed_ = streamed;
    return made;
  }

  /// Keeps the result, with what the next run is to think of it. A failure is logged: the result then lives
  /// in this process only.
  void store(ticket& place, std::string_view body, bool perhaps_accepted, logger& log) {
    if (!place || (place.stored_ && place.perhaps_accepted_ == perhaps_accepted)) return;
    json record = json::object();
    record["id"] = place.job_id_;
    record["streamed"] = place.streamed_;
    record["perhaps_accepted"] = perhaps_accepted;
    record["body"] = body;
    const std::string unfinished = place.path_ + ".part";
    if (files_.write_whole(unfinished, record.dump()) && files_.rename(unfinished, place.path_)) {
      place.stored_ = true;
      place.perhaps_accepted_ = perhaps_accepted;
      files_.sync(folder_);
      return;
    }
    const int problem = errno;
    files_.remove(unfinished);
    // It is tried again with each post; and what is there already stays as it is.
    if (std::exchange(place.complained_, true) || place.stored_) return;
    log.error("The spool cannot keep a result (" + place.path_ + ": " + std::strerror(problem) + ").",
              log_subject(place.job_id_));
  }

  void remove(ticket& place) noexcept {
    if (place.stored_) files_.remove(place.path_);
    place.stored_ = false;
  }

  /// What earlier runs left. A file that cannot be read is named in the log and left alone.
  std::vector<entry> load(logger& log) {
    std::vector<entry> left;
    if (folder_.empty()) return left;
    for (const std::string& name : names("cannot be read")) {
      if (!name.ends_with(suffix)) continue;
      const std::string path = folder_ + "/" + name;
      try {
        const json record = json::parse(files_.read_whole(path));
        entry made{record.at("id").get<std::string>(),
                   record.at("streamed").get<bool>(),
                   record.at("body").get<std::string>(),
                   {}};
        made.ticket.path_ = path;
        made.ticket.job_id_ = made.job_id;
        made.ticket.streamed_ = made.streamed;
        made.ticket.stored_ = true;
        made.ticket.perhaps_accepted_ = record.value("perhaps_accepted", false);
        left.push_back(std::move(made));
      } catch (const std::exception& error) {
        log.error("The spool has a file that cannot be used and is left alone (" + path + ": " +
                  error.what() + ").");
      }
    }
    return left;
  }

 private:
  static constexpr const char* suffix = ".result.json";

  std::vector<std::string> names(const char* otherwise) {
    try {
      return files_.names(folder_);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error("the spool folder " + folder_ + " " + otherwise + " (" + error.what() +
                               "); create it, or name another");
    }
  }

  std::string folder_;
  [[no_unique_address]] Files files_;
};

using spool = basic_spool<spool_files>;

}  // namespace coworker
