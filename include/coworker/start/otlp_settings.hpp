#pragma once
// Where metrics and spans are sent by OTLP, as the OTEL_* variables say. Must not send anything.

#include <coworker/coro/clock.hpp>
#include <coworker/http/syntax.hpp>
#include <coworker/http/url.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/scale/otlp.hpp>
#include <coworker/transport/environment.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::detail {

struct otlp_settings {
  std::string metrics_url = {};  // empty: metrics are not sent
  std::string traces_url = {};   // empty: spans are not sent
  std::vector<std::string> headers = {};
  json resource = json::array();
  duration interval = std::chrono::seconds(60);
  duration timeout = std::chrono::seconds(10);
};

// Calls use(key, value) for each pair of "k=v,k=v", decoded from percent-encoding.
template <class Use>
void for_each_pair(std::string_view list, const Use& use) {
  while (!list.empty()) {
    std::string_view pair = detail::take_until(list, ',');
    const std::string_view key = detail::without_blanks(detail::take_until(pair, '='));
    const std::optional<std::string> value = coworker::url_decode(detail::without_blanks(pair));
    if (!key.empty() && value) use(key, *value);
  }
}

// Throws: environment_error if the value is not a number from 1 to 86400000.
inline duration milliseconds_from_environment(const char* name, duration otherwise) {
  const std::optional<std::string> value = coworker::environment(name);
  if (!value) return otherwise;
  const std::optional<std::uint64_t> number = detail::read_decimal(*value);
  if (!number || *number == 0 || *number > 86'400'000)
    throw environment_error(std::string(name) + ": \"" + *value +
                            "\" is not a time; set it to milliseconds, from 1 to 86400000");
  return std::chrono::milliseconds(static_cast<std::int64_t>(*number));
}

// Returns nothing if no variable asks for OTLP. Throws: environment_error.
inline std::optional<otlp_settings> otlp_from_environment(logger& log) {
  if (coworker::environment("OTEL_SDK_DISABLED") == "true") return std::nullopt;
  const std::optional<std::string> both = coworker::environment("OTEL_EXPORTER_OTLP_ENDPOINT");
  const auto url_of = [&both](const char* own, const char* path) {
    if (std::optional<std::string> url = coworker::environment(own)) return *std::move(url);
    if (!both) return std::string();
    return *both + (both->ends_with('/') ? path + 1 : path);
  };
  otlp_settings made;
  made.metrics_url = url_of("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "/v1/metrics");
  made.traces_url = url_of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces");
  if (made.metrics_url.empty() && made.traces_url.empty()) return std::nullopt;
  if (const auto protocol = coworker::environment("OTEL_EXPORTER_OTLP_PROTOCOL");
      protocol && *protocol != "http/json")
    log.write(log_level::warn, "OTEL_EXPORTER_OTLP_PROTOCOL is \"" + *protocol +
                                   "\", but only http/json is supported; it is used.");
  made.headers.push_back("Content-Type: application/json");
  detail::for_each_pair(coworker::environment("OTEL_EXPORTER_OTLP_HEADERS").value_or(std::string()),
                        [&](std::string_view key, const std::string& value) {
                          log.hide(value);
                          if (detail::find_control(value) == std::string_view::npos && detail::is_token(key))
                            made.headers.push_back(std::string(key) + ": " + value);
                        });
  std::string service = coworker::environment("OTEL_SERVICE_NAME").value_or(std::string());
  detail::for_each_pair(coworker::environment("OTEL_RESOURCE_ATTRIBUTES").value_or(std::string()),
                        [&](std::string_view key, const std::string& value) {
                          if (key != "service.name")
                            return made.resource.push_back(detail::otlp_attribute(key, value));
                          if (service.empty()) service = value;
                        });
  made.resource.push_back(detail::otlp_attribute("service.name", service.empty() ? "coworker" : service));
  made.interval = detail::milliseconds_from_environment("OTEL_METRIC_EXPORT_INTERVAL", made.interval);
  made.timeout = detail::milliseconds_from_environment("OTEL_EXPORTER_OTLP_TIMEOUT", made.timeout);
  return made;
}

}  // namespace coworker::inline v0_1::detail
