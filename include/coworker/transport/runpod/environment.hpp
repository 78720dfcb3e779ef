#pragma once
// Reads the platform's settings from the environment once, and checks them before any job is taken. Must not
// know how they are used.

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/http/url.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/environment.hpp>
#include <coworker/transport/runpod/options.hpp>
#include <coworker/version.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace coworker::inline v0_1::detail {

// A UUID of version 4, variant 1 (RFC 9562).
inline std::string fresh_uuid() {
  constexpr const char* digits = "0123456789abcdef";
  constexpr std::string_view form = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  std::uint64_t bits = 0;
  int left = 0;
  std::string uuid;
  for (const char place : form) {
    if (place != 'x' && place != 'y') {
      uuid += place;
      continue;
    }
    if (left == 0) {
      bits = detail::random_bits();
      left = 16;
    }
    const auto value = static_cast<unsigned>(bits & 15);
    uuid += digits[place == 'y' ? (value & 3) | 8 : value];
    bits >>= 4;
    --left;
  }
  return uuid;
}

// For a header of each request. Refuses a line break, which would begin another header.
inline std::string header_text_from_environment(const char* name) {
  std::string text = environment(name).value_or("");
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      throw environment_error(std::string(name) +
                              ": it holds a line break or another control character; remove it");
  }
  return text;
}

// "coworker/0.1.0 (Linux 6.1.0; x86_64) Language/C++ 20", the form that the platform's other clients use.
inline std::string user_agent() {
  const system_description system = detail::describe_system();
  std::string agent = "coworker/" COWORKER_VERSION;
  if (!system.name.empty()) agent += " (" + system.name + "; " + system.processor + ")";
  agent += " Language/C++ 20";
  if (const std::string more = header_text_from_environment("RUNPOD_UA_INTEGRATION"); !more.empty())
    agent += " Integration/" + more;
  return agent;
}

inline duration milliseconds_from_environment(const char* name, std::chrono::milliseconds fallback) {
  const auto text = environment(name);
  if (!text) return fallback;
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stopped, problem] = std::from_chars(text->data(), end, value);
  if (problem != std::errc() || stopped != end || value < 1 || value > 1'000'000'000'000) {
    throw environment_error(std::string(name) + ": \"" + *text +
                            "\" is not a number of milliseconds; use a whole number, 1 or more");
  }
  return std::chrono::milliseconds(value);
}

// Checked at the start, because a wrong URL would otherwise be noticed only when there are results to send.
inline std::string checked_url(const char* name, const std::string& url) {
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  bool plain = true;
  for (const char c : url) plain = plain && static_cast<unsigned char>(c) > ' ' && c != '\x7f';
  std::string_view place = url;
  if (scheme) place.remove_prefix(url.find("://") + 3);
  place = place.substr(0, place.find_first_of("/?#"));
  const auto host = split_host(place.substr(place.rfind('@') + 1));  // after a user name, if there is one
  if (scheme && plain && host && !host->host.empty() && host->port != std::uint16_t{0}) return url;
  throw environment_error(std::string(name) + ": \"" + url +
                          "\" is not a URL, so there is nowhere to send to; give an http:// or https:// URL");
}

inline std::string require_url(const char* name) {
  if (const auto url = environment(name)) return detail::checked_url(name, *url);
  throw environment_error(std::string(name) +
                          " is not set, so there is nowhere to send to; give an http:// or https:// URL");
}

inline std::string optional_url(const char* name, std::string_view counts_as_unset = {}) {
  const auto url = environment(name);
  if (!url || *url == counts_as_unset) return {};
  return detail::checked_url(name, *url);
}

// A template for something about one job. Without $ID in it, as when a shell has replaced that, the queue could
// not tell the results apart.
inline std::string require_job_id(const char* name, std::string url) {
  if (url.empty() || url.find("$ID") != std::string::npos) return url;
  throw environment_error(std::string(name) + ": \"" + url +
                          "\" does not contain $ID, which stands for the id of the job; if a shell has "
                          "replaced it, write it in single quotes");
}

}  // namespace coworker::inline v0_1::detail

namespace coworker::inline v0_1 {

/// Returns the engine's settings as the platform's environment gives them.
/// Throws: environment_error, which names the variable that cannot be used.
inline runpod_options runpod_options_from_environment() {
  runpod_options made;
  made.identity.worker_id = environment("RUNPOD_POD_ID").value_or(detail::fresh_uuid());
  made.identity.hostname = environment("RUNPOD_POD_HOSTNAME").value_or("unknown");
  made.ping_interval =
      detail::milliseconds_from_environment("RUNPOD_PING_INTERVAL", std::chrono::milliseconds(10000));
  made.api_key = detail::header_text_from_environment("RUNPOD_AI_API_KEY");
  made.seed = detail::random_bits();
  made.urls.take = detail::require_url("RUNPOD_WEBHOOK_GET_JOB");
  constexpr const char* done = "RUNPOD_WEBHOOK_POST_OUTPUT";
  constexpr const char* stream = "RUNPOD_WEBHOOK_POST_STREAM";
  made.urls.done = detail::require_job_id(done, detail::require_url(done));
  made.urls.stream = detail::require_job_id(stream, detail::optional_url(stream));
  made.urls.ping = detail::optional_url("RUNPOD_WEBHOOK_PING", "PING_NOT_SET");
  return made;
}

}  // namespace coworker::inline v0_1
