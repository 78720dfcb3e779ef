#pragma once
// Which mode a program runs in, and why: one table of arguments and variables. Must not know how a mode
// works.

#include <array>
#include <coworker/start/arguments.hpp>
#include <coworker/transport/environment.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

enum class start_mode : unsigned char { local, queue_api, service, own_engine, realtime, runpod, lambda };

struct chosen_mode {
  start_mode mode = start_mode::local;
  std::string_view variable = {};  // the platform's variable that decided; empty: an argument did, or nothing
  std::string why = {};            // in words, for the log
};

struct platform_sign {
  const char* variable;
  std::string_view vendor;
  start_mode mode;
};

// Variables that only a platform sets, in order of precedence.
inline constexpr std::array<platform_sign, 6> platform_signs{{
    {"RUNPOD_REALTIME_PORT", "Runpod", start_mode::realtime},
    {"RUNPOD_WEBHOOK_GET_JOB", "Runpod", start_mode::runpod},
    {"AWS_LAMBDA_RUNTIME_API", "AWS Lambda", start_mode::lambda},
    {"K_SERVICE", "Knative or Cloud Run", start_mode::service},
    {"AIP_HTTP_PORT", "Vertex AI", start_mode::service},
    {"PORT_HEALTH", "Runpod", start_mode::service},
}};

inline bool is_set_by_platform(const platform_sign& sign) {
  const std::optional<std::string> value = coworker::environment(sign.variable);
  return value && *value != "0";  // the platform's value for "no such port"
}

// Returns nothing if there is no platform. Throws: usage_error if there are two.
inline std::optional<chosen_mode> find_platform() {
  const platform_sign* found = nullptr;
  for (const platform_sign& sign : platform_signs) {
    if (!detail::is_set_by_platform(sign)) continue;
    if (found == nullptr) {
      found = &sign;
    } else if (found->vendor != sign.vendor) {
      throw usage_error(
          std::string(found->variable) + " (" + std::string(found->vendor) + ") and " + sign.variable + " (" +
          std::string(sign.vendor) +
          ") are both set, and a worker serves one platform; unset one of them, or say --serve or "
          "--rp_serve_api");
    }
  }
  if (found == nullptr) return std::nullopt;
  return chosen_mode{found->mode, found->variable, std::string(found->variable) + " is set"};
}

inline chosen_mode choose_mode(const start_arguments& arguments, bool own_engine) {
  if (arguments.test_input) return {start_mode::local, {}, "--test_input was given"};
  if (arguments.test_file) return {start_mode::local, {}, "--test_file was given"};
  if (arguments.serve_api) return {start_mode::queue_api, {}, "--rp_serve_api was given"};
  if (arguments.serve) return {start_mode::service, {}, "--serve was given"};
  if (arguments.serve_word) return {start_mode::service, {}, "the first argument is serve"};
  if (own_engine) return {start_mode::own_engine, {}, "the program brings it"};
  if (std::optional<chosen_mode> found = detail::find_platform()) return *std::move(found);
  return {start_mode::local, {}, "no platform is set"};
}

// The first line of the log.
inline std::string mode_line(const chosen_mode& chosen) {
  std::string_view name = "local jobs";
  switch (chosen.mode) {
    case start_mode::local:
      break;
    case start_mode::queue_api:
      name = "the queue API by HTTP";
      break;
    case start_mode::service:
      name = "a plain HTTP service";
      break;
    case start_mode::own_engine:
      name = "an engine of its own";
      break;
    case start_mode::realtime:
      name = "realtime by HTTP";
      break;
    case start_mode::runpod:
      name = "the platform's queue";
      break;
    case start_mode::lambda:
      name = "AWS Lambda";
      break;
  }
  return "Mode: " + std::string(name) + ", because " + chosen.why + ".";
}

[[noreturn]] inline void refuse_lambda() {
  throw usage_error(
      "AWS_LAMBDA_RUNTIME_API is set, but this program was built without AWS Lambda; unset it, or serve by "
      "HTTP with --serve");
}

}  // namespace coworker::inline v0_1::detail
