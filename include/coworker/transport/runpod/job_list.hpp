#pragma once
// Reads the jobs from the body of a take, item by item, so that one that is not JSON does not cost the
// others. Must not know what is done with them.

#include <coworker/coro/clock.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <cstddef>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace detail {

inline bool is_json_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

inline std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && detail::is_json_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && detail::is_json_space(text.back())) text.remove_suffix(1);
  return text;
}

// The parts of a JSON array or object, as texts between its commas. Looks at strings and brackets only, so
// that a part that is not JSON does not spoil the others. The last part may be cut off. A part also ends where
// a comma is missing between two brackets, and what follows the end of the array or object is read on, because
// a server that writes one bracket too many has handed that over, too.
class json_parts {
 public:
  // `text` follows the first [ or {.
  explicit json_parts(std::string_view text) noexcept : left_(text) {}

  // Returns false if there are no more parts.
  bool next(std::string_view& part) noexcept {
    if (over_) return false;
    std::size_t depth = 0, at = 0;
    bool in_string = false, ended = false;
    for (; at < left_.size(); ++at) {
      const char c = left_[at];
      if (in_string) {
        if (c == '\\') {
          ++at;
        } else if (c == '"') {
          in_string = false;
        }
      } else if (c == '"') {
        in_string = true;
      } else if (c == '[' || c == '{') {
        if (depth == 0 && ended) break;
        ++depth;
      } else if (c == ']' || c == '}') {
        if (depth == 0) break;
        ended = --depth == 0;
      } else if (c == ',' && depth == 0) {
        break;
      }
    }
    if (at > left_.size()) at = left_.size();
    part = detail::trimmed(left_.substr(0, at));
    left_.remove_prefix(at);
    skip_separators();
    return !(over_ && part.empty());
  }

 private:
  // At the end of a part: a comma, a bracket, or nothing.
  void skip_separators() noexcept {
    if (left_.starts_with(',')) return left_.remove_prefix(1);
    const bool closed = left_.starts_with(']') || left_.starts_with('}');
    constexpr std::string_view between = ",[]} \t\r\n";
    while (closed && !left_.empty() && between.find(left_.front()) != std::string_view::npos)
      left_.remove_prefix(1);
    over_ = left_.empty();
  }

  std::string_view left_;
  bool over_ = false;
};

// Returns the text of a member's value, in an object that need not be JSON as a whole; empty if there is
// none.
inline std::string_view find_member(std::string_view object, std::string_view key) noexcept {
  if (object.empty() || object.front() != '{') return {};
  json_parts members(object.substr(1));
  std::string_view member;
  while (members.next(member)) {
    if (member.empty() || member.front() != '"') continue;
    std::size_t end = 1;
    while (end < member.size() && member[end] != '"') end += member[end] == '\\' ? 2U : 1U;
    if (end >= member.size() || member.substr(1, end - 1) != key) continue;
    const std::string_view value = detail::trimmed(member.substr(end + 1));
    if (!value.empty() && value.front() == ':') return detail::trimmed(value.substr(1));
  }
  return {};
}

// The same for a value that is a JSON string.
inline std::optional<std::string> find_text_member(std::string_view object, std::string_view key) {
  try {
    const json read = json::parse(detail::find_member(object, key));
    if (read.is_string()) return read.get<std::string>();
  } catch (const json_exception&) {
  }
  return std::nullopt;
}

// Whether it is an object with an id or an input, or an empty one.
inline bool may_be_job(const json& document) {
  if (!document.is_object()) return false;
  const auto has = [&document](const char* key) {
    const auto found = document.find(key);
    return found != document.end() && !found->is_null();
  };
  return document.empty() || has("id") || has("input");
}

}  // namespace detail

/// Reads what the platform says about a job beside its input: `batchId`, which names it in the log;
/// `policy.executionTimeout` in milliseconds; and `traceparent`, which the client may have written beside the
/// input or into it.
inline void read_job_details(job_envelope& job) {
  const json& details = job.details;
  for (const json* const place : {&details, &std::as_const(job.input)}) {
    if (!place->is_object() || place->empty() || !job.trace_parent.empty()) continue;
    if (const auto trace = place->find("traceparent"); trace != place->end() && trace->is_string())
      job.trace_parent = trace->get<std::string>();
  }
  if (details.empty()) return;
  if (const auto batch = details.find("batchId"); batch != details.end() && batch->is_string())
    job.log_label = "batchId=" + batch->get<std::string>();
  const auto policy = details.find("policy");
  if (policy == details.end() || !policy->is_object()) return;
  const auto limit = policy->find("executionTimeout");
  if (limit == policy->end() || !limit->is_number()) return;
  constexpr double longest = 1e12;  // milliseconds; about 30 years
  const double given = limit->get<double>();
  const std::chrono::duration<double, std::milli> span(given < longest ? given : longest);
  if (given > 0) job.time_limit = std::chrono::duration_cast<duration>(span);
}

/// Reads a job from its JSON. A job without input gets a problem instead. Returns nothing, and logs an error,
/// for an item without an id, because no result could be posted for it.
inline std::optional<job_envelope> read_envelope(json item, logger& log) {
  const auto id = item.find("id");
  if (!item.is_object() || id == item.end() || !id->is_string() || id->get<std::string_view>().empty()) {
    log.write(log_level::error,
              "The queue handed over something without an id; it is skipped, because no result can be posted "
              "for it.");
    return std::nullopt;
  }
  std::optional<job_envelope> made(std::in_place);
  made->id = id->get<std::string>();
  item.erase(id);
  if (const auto input = item.find("input"); input != item.end()) {
    made->input = std::move(*input);
    item.erase(input);
  } else {
    made->problem = "The queue handed over this job without an \"input\".";
  }
  made->details = std::move(item);
  coworker::read_job_details(*made);
  return made;
}

/// Reads the jobs in the body of a take: an array, or one object; null, an empty object and an empty body
/// hold none. An item that is not JSON becomes a job with a problem if its id can be found; otherwise an
/// error is logged. `cut_off`: the body is only the beginning of what came, because there was no memory for
/// the rest.
/// Throws: json_exception if the body is neither an array nor an object, or an object with neither an id nor
/// an input, such as a server's error.
inline std::vector<job_envelope> read_jobs(std::string_view body, logger& log, bool cut_off = false) {
  std::vector<job_envelope> found;
  const auto add = [&found, &log](json item) {
    if (item.is_null() || (item.is_object() && item.empty())) return;
    if (std::optional<job_envelope> made = coworker::read_envelope(std::move(item), log))
      found.push_back(std::move(*made));
  };
  const std::string_view text = detail::trimmed(body);
  if (text.empty()) return found;
  try {
    json document = json::parse(text);
    if (!document.is_array() && !document.is_null() && !detail::may_be_job(document))
      throw json_type_error("neither an array of jobs nor a job");
    if (!document.is_array()) {
      add(std::move(document));
      return found;
    }
    for (json& item : document) add(std::move(item));
    return found;
  } catch (const json_parse_error&) {
    const bool is_object = text.front() == '{';
    if (text.front() != '[' && !is_object) throw;
    if (is_object && !cut_off && detail::find_member(text, "id").empty() &&
        detail::find_member(text, "input").empty())
      throw;
    found.clear();
    // One by one they need less memory, and a large one does not cost the others.
  } catch (const std::bad_alloc&) {
    found.clear();
  }
  const auto read_item = [&](std::string_view item) {
    std::string problem;
    try {
      return add(json::parse(item));
    } catch (const json_parse_error& error) {
      problem = cut_off
                    ? "out of memory: this job could not be received completely"
                    : std::string("The queue handed over this job as text that is not JSON: ") + error.what();
    } catch (const std::bad_alloc&) {
      problem = "out of memory: this job is " + std::to_string(item.size()) +
                " bytes of JSON, and there was no memory to read it";
    }
    if (std::optional<std::string> id = detail::find_text_member(item, "id"); id && !id->empty()) {
      job_envelope made;
      made.id = std::move(*id);
      made.problem = std::move(problem);
      found.push_back(std::move(made));
    } else {
      log.write(log_level::error,
                problem + ". No id was found in it; it is skipped, because no result can be posted for it.");
    }
  };
  detail::json_parts items(text.substr(text.front() == '[' ? 1 : 0));
  std::string_view item;
  while (items.next(item)) read_item(item);
  return found;
}

namespace detail {

// Logs the jobs in the body of a take that broke off, one line at ERROR for each id. They are not run here,
// because the queue may hand them over again.
inline void log_lost_jobs(std::string_view body, logger& log) {
  const std::string_view text = detail::trimmed(body);
  if (text.empty() || (text.front() != '[' && text.front() != '{')) return;
  detail::json_parts items(text.substr(text.front() == '[' ? 1 : 0));
  std::string_view item;
  while (items.next(item)) {
    const std::optional<std::string> id = detail::find_text_member(item, "id");
    if (id && !id->empty())
      log.write(log_level::error,
                "The response of the queue that handed over this job broke off; it is not run here.",
                log_subject(*id));
  }
}

}  // namespace detail

/// Returns the ids in `{"jobsToStop": [...]}`; null counts as an empty list. Throws: json_exception if there is
/// no such list.
inline std::vector<std::string> read_stops(std::string_view body, logger& log) {
  std::vector<std::string> ids;
  const auto add = [&ids, &log](const json& id) {
    if (id.is_string() && !id.get<std::string_view>().empty()) return ids.push_back(id.get<std::string>());
    log.write(log_level::error,
              "The queue's list of jobs to stop contains something that is no id; it is skipped.");
  };
  try {
    const json document = json::parse(body);
    const json& list = document.at("jobsToStop");
    if (!list.is_array() && !list.is_null()) throw json_type_error("\"jobsToStop\" is not an array");
    for (const json& id : list) add(id);
    return ids;
  } catch (const json_parse_error&) {
    const std::string_view list = detail::find_member(detail::trimmed(body), "jobsToStop");
    if (list.empty() || list.front() != '[') throw;
    ids.clear();
    detail::json_parts items(list.substr(1));
    std::string_view item;
    while (items.next(item)) {
      try {
        add(json::parse(item));
      } catch (const json_parse_error& error) {
        log.write(log_level::error,
                  std::string("The queue named a job to stop in text that is not JSON; it is skipped: ") +
                      error.what());
      }
    }
  }
  return ids;
}

}  // namespace coworker::inline v0_1
