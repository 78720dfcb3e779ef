#pragma once
// The spool: results that could not be delivered yet, one file each, so that neither a long outage nor the
// end of the process loses them. Knows files; must not know how results are posted.
//
// A file is called OWNER.NUMBER.result.json and holds one JSON object. While its owner runs, which a lock
// called OWNER.lock shows, no other process touches it. Another process claims the file of an ended owner by
// renaming it, which succeeds for one process only.

#include <algorithm>
#include <cerrno>
#include <coworker/json/escape.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/spool_files.hpp>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

// The content of a file of the spool.
struct spooled_result {
  std::string job_id;
  bool streamed = false;
  bool perhaps_accepted = false;
  std::string body;
  bool in_form = false;  // has the form that write() gives it

  static constexpr std::string_view mark = R"({"perhaps_accepted":)";
  static constexpr std::string_view before_body = R"(,"body":)";

  // Follows `mark`. Both texts have the same length, because one is replaced by the other in place.
  static constexpr std::string_view mark_text(bool perhaps) noexcept { return perhaps ? "true " : "false"; }

  // The body is inserted as it is: it is JSON already.
  static std::string write(std::string_view job_id, bool streamed, bool perhaps_accepted,
                           std::string_view body) {
    std::string text(mark);
    text.append(mark_text(perhaps_accepted)).append(R"(,"id":)");
    append_json_string_lossy(text, job_id);
    text.append(R"(,"streamed":)").append(streamed ? "true" : "false").append(before_body);
    text.reserve(text.size() + body.size() + 1);
    text.append(body) += '}';
    return text;
  }

  // Also reads files of version 0.1, in which the body is a string. Throws json_exception for any other text.
  static spooled_result read(std::string text) {
    spooled_result made;
    const std::size_t end =
        text.find(before_body);  // no string contains it, because its quotes would be escaped there
    made.in_form = text.starts_with(mark) && text.ends_with("}") && end != std::string::npos;
    json record = json::parse(made.in_form ? text.substr(0, end) + "}" : text);
    made.job_id = record.at("id").get<std::string>();
    made.streamed = record.at("streamed").get<bool>();
    made.perhaps_accepted = record.value("perhaps_accepted", false);
    if (made.in_form) {
      text.pop_back();
      made.body = std::move(text.erase(0, end + before_body.size()));
    } else {
      const json& body = record.at("body");
      made.body = body.is_string() ? body.get<std::string>() : body.dump();
    }
    return made;
  }
};

}  // namespace detail

/// A folder of results. A result is written completely under another name, synced, and renamed: a file with
/// its final name is complete.
/// Thread safety: one thread.
template <spool_storage Files>
class basic_spool {
 public:
  /// One result's place in the spool, if it has one yet.
  class ticket {
   public:
    ticket() noexcept {}
    /// Returns whether the result is in a file.
    bool stored() const noexcept { return stored_; }
    /// Returns whether an earlier run may have got it accepted without learning of it.
    bool perhaps_accepted() const noexcept { return perhaps_accepted_; }
    /// Whether it was made by a spool that has a folder.
    explicit operator bool() const noexcept { return valid_; }

   private:
    friend basic_spool;
    std::string path_;
    std::string job_id_;
    bool valid_ = false;
    bool streamed_ = false;
    bool stored_ = false;
    bool in_form_ = false;
    bool perhaps_accepted_ = false;
    bool complained_ = false;
  };

  /// A result that is read back from the spool.
  struct entry {
    std::string job_id;
    bool streamed = false;
    std::string body;
    basic_spool::ticket ticket;
  };

  /// A file that may hold a result.
  struct left_over {
    std::string path;
    bool claimed = false;  ///< true: renamed to be this process's own
  };

  /// The longest file that is read or written, in bytes: three times the platform's largest result.
  static constexpr std::size_t longest_file = 64 * 1024 * 1024;

  /// An empty `folder` makes a spool that keeps nothing. Throws std::runtime_error if the folder cannot be
  /// opened.
  explicit basic_spool(std::string folder, Files files = Files(), std::size_t longest = longest_file)
      : folder_(std::move(folder)), files_(std::move(files)), longest_(longest) {
    if (folder_.empty()) return;
    names("cannot be opened");
    owner_ = files_.fresh_name();
  }

  basic_spool(basic_spool&&) noexcept = default;
  basic_spool& operator=(basic_spool&&) = delete;
  ~basic_spool() { files_.let_go(); }

  /// Returns a place for a result that is not stored yet; an empty one if the spool keeps nothing.
  ticket prepare(std::string_view job_id, bool streamed) {
    ticket made;
    if (folder_.empty()) return made;
    made.valid_ = true;
    made.job_id_ = job_id;
    made.streamed_ = streamed;
    return made;
  }

  /// Stores the result, with whether it may have been accepted already. Logs a failure: the result is then
  /// only in this process's memory, or in the file as it was before.
  void store(ticket& place, std::string_view body, bool perhaps_accepted, logger& log) {
    if (!place || (place.stored_ && place.perhaps_accepted_ == perhaps_accepted)) return;
    if (change_mark(place, perhaps_accepted)) return;
    const std::string text =
        detail::spooled_result::write(place.job_id_, place.streamed_, perhaps_accepted, body);
    std::string problem =
        "it is " + std::to_string(text.size()) + " bytes, and a file may have " + std::to_string(longest_);
    if (text.size() <= longest_) {
      hold_lock(log);
      if (write(place, text)) {
        place.perhaps_accepted_ = perhaps_accepted;
        return;
      }
      problem = detail::errno_text(errno);
    }
    // Each later post tries again; a file that is already there stays as it is.
    if (std::exchange(place.complained_, true) || place.stored_) return;
    log.write(log_level::error, "The spool cannot keep a result (" + folder_ + ": " + problem + ").",
              log_subject(place.job_id_));
  }

  /// Removes the file of a result that is settled.
  void remove(ticket& place) noexcept {
    if (!place.stored_) return;
    files_.remove(place.path_);
    place.stored_ = false;
    if (--stored_ == 0) files_.let_go();
  }

  /// Returns what processes that have ended left here, in the order of the names. Removes files that they
  /// left unfinished.
  std::vector<left_over> find_left_over() {
    std::vector<left_over> found;
    if (folder_.empty()) return found;
    std::vector<std::string> all = names("cannot be read");
    std::sort(all.begin(), all.end());
    std::string owner;
    bool alive = false;
    for (const std::string& name : all) {
      const bool result = name.ends_with(result_suffix);
      const bool rest = name.ends_with(unfinished_suffix) || name.ends_with(lock_suffix);
      if (!result && !rest) continue;
      const std::string_view this_owner = std::string_view(name).substr(0, name.find('.'));
      if (this_owner != owner) {
        owner = this_owner;
        alive = owner == owner_ || files_.is_held(lock_path(owner));
      }
      if (alive) continue;
      const std::string path = folder_ + "/" + name;
      if (result) {
        found.push_back({path});
      } else if (is_regular(path)) {
        files_.remove(path);
      }
    }
    return found;
  }

  /// A file that is being read; see spool_storage.
  using input = decltype(std::declval<Files&>().open(std::string(), std::size_t()));

  /// Opens one to be read; its text then goes to claim(). Returns nothing if it is gone, or if it cannot be
  /// used: that is logged, and the file is left alone.
  input open(const left_over& one, logger& log) {
    try {
      return files_.open(one.path, longest_);
    } catch (const std::runtime_error& error) {
      complain_of(one, error.what(), log);
      return std::nullopt;
    }
  }

  /// Makes a result this process's own. Returns nothing if another process was faster, or if it cannot be
  /// used, which is logged.
  std::optional<entry> claim(left_over& one, std::string text, logger& log) {
    detail::spooled_result record;
    try {
      record = detail::spooled_result::read(std::move(text));
    } catch (const std::exception& error) {
      complain_of(one, error.what(), log);
      return std::nullopt;
    }
    if (!one.claimed) {
      hold_lock(log);
      const std::string own = fresh_path();
      if (!files_.rename(one.path, own)) {
        if (errno != ENOENT) complain_of(one, "it cannot be renamed: " + detail::errno_text(errno), log);
        return std::nullopt;
      }
      one.path = own;
      one.claimed = true;
      ++stored_;
    }
    entry made{std::move(record.job_id), record.streamed, std::move(record.body), {}};
    made.ticket.valid_ = made.ticket.stored_ = true;
    made.ticket.path_ = one.path;
    made.ticket.job_id_ = made.job_id;
    made.ticket.streamed_ = made.streamed;
    made.ticket.in_form_ = record.in_form;
    made.ticket.perhaps_accepted_ = record.perhaps_accepted;
    return made;
  }

  /// Logs why a file is left alone.
  static void complain_of(const left_over& one, const std::string& problem, logger& log) {
    log.write(log_level::error, "The spool has a file that cannot be used and is left alone (" + one.path +
                                    ": " + problem + ").");
  }

 private:
  static constexpr const char* result_suffix = ".result.json";
  static constexpr const char* unfinished_suffix = ".result.json.part";
  static constexpr const char* lock_suffix = ".lock";

  std::vector<std::string> names(const char* otherwise) {
    try {
      return files_.names(folder_);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error("the spool folder " + folder_ + " " + otherwise + " (" + error.what() +
                               "); create it, or name another");
    }
  }

  std::string lock_path(const std::string& owner) const { return folder_ + "/" + owner + lock_suffix; }
  std::string fresh_path() { return folder_ + "/" + owner_ + "." + std::to_string(next_++) + result_suffix; }

  void hold_lock(logger& log) {
    if (stored_ > 0 || files_.hold(lock_path(owner_)) || std::exchange(complained_, true)) return;
    log.write(log_level::warn,
              "The spool cannot be locked (" + folder_ + ": " + detail::errno_text(errno) +
                  "): another worker that shares it may post what is kept there, so that it arrives twice.");
  }

  bool change_mark(ticket& place, bool perhaps_accepted) {
    using form = detail::spooled_result;
    if (!place.stored_ || !place.in_form_) return false;
    if (!files_.overwrite(place.path_, form::mark.size(), form::mark_text(perhaps_accepted))) return false;
    place.perhaps_accepted_ = perhaps_accepted;
    return true;
  }

  // Tries another number if the name is taken.
  bool write(ticket& place, const std::string& text) {
    constexpr int most_tries = 10;
    for (int i = 0; i < most_tries; ++i) {
      std::string fresh = fresh_path();
      const std::string unfinished = fresh + ".part";
      if (!files_.create(unfinished, text)) {
        if (errno == EEXIST) continue;
        return false;
      }
      const std::string& wanted = place.stored_ ? place.path_ : fresh;
      if (files_.rename(unfinished, wanted)) {
        if (!place.stored_) {
          place.path_ = std::move(fresh);
          ++stored_;
        }
        place.stored_ = place.in_form_ = true;
        files_.sync(folder_);
        return true;
      }
      const int problem = errno;
      files_.remove(unfinished);
      errno = problem;
      if (place.stored_) return false;
    }
    return false;
  }

  bool is_regular(const std::string& path) {
    try {
      return files_.open(path, longest_).has_value();
    } catch (const std::runtime_error&) {
      return false;
    }
  }

  std::string folder_;
  [[no_unique_address]] Files files_;
  std::size_t longest_;
  std::string owner_;
  std::size_t next_ = 0;
  std::size_t stored_ = 0;  // files that this process owns
  bool complained_ = false;
};

/// The spool that keeps its results in real files.
using spool = basic_spool<spool_files>;

}  // namespace coworker::inline v0_1
