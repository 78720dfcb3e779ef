#pragma once
// What a call to another server is told, and what comes of it. Must not know libcurl.

#include <coworker/coro/clock.hpp>
#include <coworker/http/client.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::http {

/// How a call is made. With g++ before 13, give it a name and pass it by name.
struct call_options {
  /// Each "Name: value". Those that may hold a secret are not sent to another server by a redirect.
  std::vector<std::string> headers = {};
  /// How long the call may be silent: nothing is sent, confirmed or received. Above 0. Default: 30 s.
  duration timeout = std::chrono::seconds(30);
  /// How long all of it may take, with redirects and tries. Default: duration::max(), no limit.
  duration total_timeout = (duration::max)();
  /// How large the response's body may be, in bytes, unpacked. Default: 64 MiB in memory, no limit elsewhere.
  std::optional<std::uint64_t> size_limit = std::nullopt;
  /// How many redirects are followed; 0: none, and the redirect is the response. Default: 5.
  int redirects = 5;
  /// How often a request is sent at most, 1 or more. Only what may be repeated is sent again: GET, HEAD, PUT and DELETE,
  /// or what never left here; after a failed connection, or 429, 502, 503 and 504. Default: 3.
  int tries = 3;
  /// Whether the request may be repeated: true where a server does a POST once however often it comes, false where a GET
  /// takes something away. Default: nothing, as the method says.
  std::optional<bool> repeatable = std::nullopt;
  /// A server that asks (Retry-After) for a longer wait than that is not asked again. Default: 30 s.
  duration longest_wait = std::chrono::seconds(30);
  /// A file of certificates to trust. Default: empty, what CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR name, else the
  /// system's.
  std::string ca_file = {};

  call_options() {}
};

/// What a server responded, whatever its status.
struct response {
  int status = 0;
  /// Names and values in the order in which they came.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Empty where a sink took it.
  std::string body = {};
  /// Where it came from, after redirects.
  std::string url = {};

  response() {}

  /// Whether the status is one of success, 200 to 299.
  bool ok() const noexcept { return status >= 200 && status < 300; }

  /// Returns the value of the first header of that name, in any letter case, or nothing.
  std::optional<std::string_view> header(std::string_view name) const noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    for (const auto& [known, value] : headers) {
      bool same = known.size() == name.size();
      for (std::size_t i = 0; same && i < name.size(); ++i) same = lower(known[i]) == lower(name[i]);
      if (same) return std::string_view(value);
    }
    return std::nullopt;
  }
};

/// Thrown by a call that got no response, or not the one that it needs. Its text names the address, the cause and the
/// way out; never a password or a query.
class call_error : public std::runtime_error {
 public:
  call_error(http_failure why, const std::string& text, int status_of_response = 0)
      : runtime_error(text), why_(why), status_(status_of_response) {}

  /// http_failure::none where there is a response, and it is not as it must be.
  http_failure failure() const noexcept { return why_; }
  /// Of the response; 0 where there is none.
  int status() const noexcept { return status_; }

 private:
  http_failure why_;
  int status_;
};

}  // namespace coworker::inline v0_1::http
