#pragma once
// The options of an outgoing HTTP call, its response and its error. Must not know libcurl.

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

/// Options of an HTTP call. With g++ before 13, pass a named object, not a temporary.
struct call_options {
  /// Lines of the form "Name: value". A redirect to another server drops those that may hold a secret.
  std::vector<std::string> headers = {};
  /// The longest silence: time in which nothing is sent, confirmed or received. Above 0. Default: 30 s.
  duration timeout = std::chrono::seconds(30);
  /// The longest time for the whole call, with redirects and tries. Default: duration::max(), no limit.
  duration total_timeout = (duration::max)();
  /// The largest body of a response, in bytes, uncompressed. Default: 64 MiB in memory, no limit for a sink.
  std::optional<std::uint64_t> size_limit = std::nullopt;
  /// The most redirects to follow. With 0, a redirect is returned as the response. Default: 5.
  int redirects = 5;
  /// The most times that a request is sent, 1 or more. A request is sent again after a failed connection, or
  /// after status 429, 502, 503 or 504, and only if that is safe: it is a GET, HEAD, PUT or DELETE, or it
  /// never left this machine. Default: 3.
  int tries = 3;
  /// Whether the request may be sent again. Set true for a POST that the server performs only once, however
  /// often it comes; set false for a GET that removes something. Default: nothing, which means that the
  /// method decides.
  std::optional<bool> repeatable = std::nullopt;
  /// The longest wait that a server may ask for (Retry-After). If it asks for more, the request is not sent
  /// again. Default: 30 s.
  duration longest_wait = std::chrono::seconds(30);
  /// A file of certificates to trust. Default: empty, which means what CURL_CA_BUNDLE, SSL_CERT_FILE and
  /// SSL_CERT_DIR name, or else the system's certificates.
  std::string ca_file = {};

  call_options() {}
};

/// The response of a server, whatever its status.
struct response {
  int status = 0;
  /// Names and values, in the order of arrival.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// Empty if a sink received the body.
  std::string body = {};
  /// The final URL, after redirects.
  std::string url = {};

  response() {}

  /// Whether the status means success: 200 to 299.
  bool ok() const noexcept { return status >= 200 && status < 300; }

  /// Returns the value of the first header with that name, in any letter case, or nothing.
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

/// Thrown when a call gets no response, or not the response that it needs. The message names the URL, the
/// cause and what to do, and never contains a password or a query.
class call_error : public std::runtime_error {
 public:
  call_error(http_failure why, const std::string& text, int status_of_response = 0)
      : runtime_error(text), why_(why), status_(status_of_response) {}

  /// http_failure::none if there is a response, but not the one that the call needs.
  http_failure failure() const noexcept { return why_; }
  /// The status of the response; 0 if there is none.
  int status() const noexcept { return status_; }

 private:
  http_failure why_;
  int status_;
};

}  // namespace coworker::inline v0_1::http
