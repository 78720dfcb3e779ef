#pragma once
// What the answers of the queue protocol mean, as plain functions of what arrived. No waiting, no sending.

#include <coworker/coro/clock.hpp>
#include <coworker/http/client.hpp>
#include <coworker/job/job.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

enum class take_answer : unsigned char { jobs, none, throttled, failed };

/// 200 brings jobs; 204 and 400 say that there are none (400 while the platform restores a snapshot); 429
/// asks to wait.
inline take_answer classify_take(const http_answer& answer) noexcept {
  if (!answer.arrived()) return take_answer::failed;
  if (answer.status == 200) return take_answer::jobs;
  if (answer.status == 204 || answer.status == 400) return take_answer::none;
  return answer.status == 429 ? take_answer::throttled : take_answer::failed;
}

enum class post_answer : unsigned char { accepted, refused, try_again };

/// Any 2xx accepts. 408, 425, 429, every 5xx and what is no answer to the request are tried again; the rest
/// is final.
inline post_answer classify_post(const http_answer& answer) noexcept {
  if (!answer.arrived())
    return answer.failure == http_failure::unusable ? post_answer::refused : post_answer::try_again;
  if (answer.status >= 200 && answer.status < 300) return post_answer::accepted;
  const bool passing =
      answer.status == 408 || answer.status == 425 || answer.status == 429 || answer.status >= 500;
  return passing ? post_answer::try_again : post_answer::refused;
}

/// Whether the server may have accepted a post that met this answer and is to be tried again: none came back,
/// or it came from a gateway, or from a server that failed at some point. What 408, 425, 429 and 503 turn
/// away was not accepted.
inline bool perhaps_accepted(const http_answer& answer) noexcept {
  if (!answer.arrived())
    return answer.failure == http_failure::timed_out || answer.failure == http_failure::broken;
  return answer.status >= 500 && answer.status != 503;
}

/// "HTTP 502", or what went wrong on the way.
inline std::string describe_answer(const http_answer& answer) {
  return answer.arrived() ? "HTTP " + std::to_string(answer.status) : answer.problem;
}

/// A header of any value, which must not break its line.
inline std::string header_line(std::string_view name, std::string_view value) {
  constexpr std::string_view mark = ": ";
  std::string line;
  line.reserve(name.size() + mark.size() + value.size());
  line.append(name).append(mark);
  for (const char c : value) {
    if (c < ' ' || c > '~') return line.append(url_encode(value));
  }
  return line.append(value);
}

/// The body of the outcome that stands in for one that the queue refused.
inline std::string refusal_body(const std::string& reason) {
  json body = json::object();
  body["error"] = "The queue refused the result of this job: " + reason;
  return body.dump();
}

/// A 200 whose body is not what the protocol says is a failure of the channel like any other.
inline http_answer unreadable_answer(const json_exception& error) {
  http_answer made;
  made.failure = http_failure::broken;
  made.problem = std::string("HTTP 200 whose body cannot be read: ") + error.what();
  return made;
}

/// What a body held, or why it cannot be read.
template <class Item>
struct parsed_body {
  std::vector<Item> items;
  std::optional<http_answer> failure;
};

/// The items of a take's body: the elements of an array, or the one object.
inline parsed_body<json> parse_jobs(std::string_view body) {
  parsed_body<json> made;
  try {
    json document = json::parse(body);
    if (document.is_array()) {
      for (json& item : document) made.items.push_back(std::move(item));
    } else {
      made.items.push_back(std::move(document));
    }
  } catch (const json_exception& error) {
    made.failure = unreadable_answer(error);
  }
  return made;
}

/// A job out of its JSON; nothing, and a line, for what cannot even be answered. One without input has a
/// problem instead.
inline std::optional<job_envelope> read_envelope(json item, logger& log) {
  const auto id = item.find("id");
  if (!item.is_object() || id == item.end() || !id->is_string() || id->get<std::string_view>().empty()) {
    log.write(log_level::error, "The queue handed over something without an id, which is skipped.");
    return std::nullopt;
  }
  job_envelope made;
  made.id = id->get<std::string>();
  item.erase("id");
  if (const auto input = item.find("input"); input != item.end()) {
    made.input = std::move(*input);
    item.erase("input");
  } else {
    made.problem = "The queue handed over this job without an \"input\".";
  }
  made.details = std::move(item);
  return made;
}

/// The ids in `{"jobsToStop": [...]}`.
inline parsed_body<std::string> parse_stops(std::string_view body) {
  parsed_body<std::string> made;
  try {
    const json document = json::parse(body);
    for (const json& id : document.at("jobsToStop")) {
      if (id.is_string()) made.items.push_back(id.get<std::string>());
    }
  } catch (const json_exception& error) {
    made.failure = unreadable_answer(error);
  }
  return made;
}

/// Whether one of the channels to the server works: says so in the log when that changes, not at every try.
class channel_health {
 public:
  /// `name` must be a literal; it begins the lines.
  channel_health(std::string_view name, logger& log) noexcept : name_(name), log_(log) {}

  void failed(const http_answer& answer, time_point now) {
    const unsigned kind = 1U << kind_of(answer);
    const bool comes_and_goes = told_ == 0 && now < quiet_until_;
    if ((told_ & kind) != 0 || comes_and_goes) return;
    told_ |= kind;
    quiet_until_ = now + std::chrono::seconds(10);
    log_.write(log_level::warn, std::string(name_) + " fails (" + describe_answer(answer) +
                                    "); it is tried again at growing intervals.");
  }

  void worked() {
    if (std::exchange(told_, 0U) != 0) log_.write(log_level::info, std::string(name_) + " works again.");
  }

 private:
  // Failures of one kind make one line, however they differ in detail. Below 32.
  static unsigned kind_of(const http_answer& answer) noexcept {
    if (!answer.arrived()) return static_cast<unsigned>(answer.failure);
    constexpr unsigned after_failures = 8;
    return after_failures + (answer.status == 429 ? 0 : static_cast<unsigned>(answer.status / 100 % 10) + 1);
  }

  std::string_view name_;
  logger& log_;
  unsigned told_ = 0;  // a bit for each kind of failure in the log since all was well
  time_point quiet_until_ = (time_point::min)();
};

}  // namespace coworker
