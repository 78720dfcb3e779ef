#pragma once
// What the platform says through the environment, read once and checked, and what a worker is called there.

#include <unistd.h>

#include <charconv>
#include <coworker/coro/clock.hpp>
#include <coworker/job/error_report.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/environment.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/runpod/queue.hpp>
#include <coworker/version.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace coworker::detail {

inline std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  if (::getentropy(&bits, sizeof bits) != 0)
    bits = static_cast<std::uint64_t>(clock_type::now().time_since_epoch().count());
  return bits;
}

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
      bits = random_bits();
      left = 16;
    }
    const auto value = static_cast<unsigned>(bits & 15);
    uuid += digits[place == 'y' ? (value & 3) | 8 : value];
    bits >>= 4;
    --left;
  }
  return uuid;
}

// "coworker/0.1.0 (Linux 6.1.0; x86_64) Language/C++ 20", in the form that the platform's other clients use.
inline std::string user_agent() {
  const system_description system = describe_system();
  std::string agent = "coworker/" COWORKER_VERSION;
  if (!system.name.empty()) agent += " (" + system.name + "; " + system.processor + ")";
  agent += " Language/C++ 20";
  if (const auto integration = environment("RUNPOD_UA_INTEGRATION")) agent += " Integration/" + *integration;
  return agent;
}

inline duration milliseconds_from_environment(const char* name, std::chrono::milliseconds fallback) {
  const auto text = environment(name);
  if (!text) return fallback;
  std::int64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stopped, problem] = std::from_chars(text->data(), end, value);
  if (problem != std::errc() || stopped != end || value < 1 || value > 1'000'000'000'000) {
    throw usage_error(std::string(name) + ": \"" + *text +
                      "\" is not a number of milliseconds; use a whole number, 1 or more");
  }
  return std::chrono::milliseconds(value);
}

inline std::string require_url(const char* name) {
  const std::string url = environment(name).value_or("");
  if (url.starts_with("http://") || url.starts_with("https://")) return url;
  throw usage_error(std::string(name) + (url.empty() ? " is not set" : ": \"" + url + "\" is no URL") +
                    ", so there is nowhere to send to; give an http:// or https:// URL");
}

/// A worker's settings in production.
struct production_settings {
  http_queue_options queue;
  worker_identity identity;
  duration ping_interval{};
};

// A line break in it, as from a file that ends with one, would begin a header of its own in every request.
inline std::string api_key_from_environment() {
  std::string key = environment("RUNPOD_AI_API_KEY").value_or("");
  for (const char c : key) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      throw usage_error("RUNPOD_AI_API_KEY: it holds a line break or another control character; remove it");
  }
  return key;
}

/// Errors: usage_error names the variable that cannot be used.
inline production_settings read_production_settings() {
  production_settings made;
  made.identity.worker_id = environment("RUNPOD_POD_ID").value_or(fresh_uuid());
  made.identity.hostname = environment("RUNPOD_POD_HOSTNAME").value_or("unknown");
  made.ping_interval =
      milliseconds_from_environment("RUNPOD_PING_INTERVAL", std::chrono::milliseconds(10000));
  made.queue.worker_id = made.identity.worker_id;
  made.queue.api_key = api_key_from_environment();
  made.queue.seed = random_bits();
  made.queue.urls.take = require_url("RUNPOD_WEBHOOK_GET_JOB");
  made.queue.urls.done = require_url("RUNPOD_WEBHOOK_POST_OUTPUT");
  made.queue.urls.stream = environment("RUNPOD_WEBHOOK_POST_STREAM").value_or("");
  made.queue.urls.ping = environment("RUNPOD_WEBHOOK_PING").value_or("");
  if (made.queue.urls.ping == "PING_NOT_SET") made.queue.urls.ping.clear();
  return made;
}

}  // namespace coworker::detail
