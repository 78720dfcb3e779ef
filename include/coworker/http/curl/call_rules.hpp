#pragma once
// The rules of a call: what may be repeated, where a redirect may lead, and the text of an error. Must not
// know how a request is sent.

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/http/call_options.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/redirect.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coworker::inline v0_1::detail {

/// Whether the method is idempotent (RFC 9110, 9.2.2).
inline bool is_idempotent(std::string_view method) noexcept {
  for (const std::string_view one : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}) {
    if (method == one) return true;
  }
  return false;
}

inline bool is_busy(int status) noexcept {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

inline bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// Returns the method after a redirect, by the rules of browsers: a POST may become a GET.
inline std::string_view redirected_method(std::string_view method, int status) noexcept {
  const bool fetched =
      status == 303 ? method != "HEAD" : (status == 301 || status == 302) && method == "POST";
  return fetched ? std::string_view("GET") : method;
}

inline std::string_view header_name(std::string_view line) noexcept {
  return line.substr(0, line.find_first_of(":;"));
}

/// Whether a header cannot contain a secret, so that any server may receive it.
inline bool is_harmless_header(std::string_view line) noexcept {
  const std::string_view name = detail::header_name(line);
  for (const std::string_view one :
       {"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type",
        "Content-Language", "If-Modified-Since", "If-None-Match", "Range", "User-Agent"}) {
    if (detail::same_letters(name, one)) return true;
  }
  return false;
}

inline bool is_about_the_body(std::string_view line) noexcept {
  return detail::same_letters(detail::header_name(line).substr(0, 8), "Content-");
}

/// Removes the headers that must not follow a redirect from `asked` to `target`.
inline void redirect_headers(std::vector<std::string>& headers, const std::string& asked,
                             const std::string& target, bool has_body) {
  const bool same = detail::is_same_server(asked, target);
  const auto stays_behind = [same, has_body](const std::string& line) {
    return (!same && !detail::is_harmless_header(line)) || (!has_body && detail::is_about_the_body(line));
  };
  headers.erase(std::remove_if(headers.begin(), headers.end(), stays_behind), headers.end());
}

/// Returns a URL for messages: without user, password, query and fragment, which may be secrets.
inline std::string shown_url(std::string_view url) {
  const std::size_t query = url.find_first_of("?#");
  const std::string_view plain = url.substr(0, query);
  const std::size_t scheme = plain.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t path = (std::min)(plain.find('/', host), plain.size());
  const std::size_t user = plain.substr(0, path).rfind('@');
  std::string shown(plain.substr(0, host));
  if (user != std::string_view::npos && user >= host) shown += "***@";
  shown += plain.substr(user != std::string_view::npos && user >= host ? user + 1 : host);
  if (query != std::string_view::npos) shown += url[query] == '?' ? "?***" : "";
  return shown;
}

inline std::string_view way_out_of(http_failure failure) noexcept {
  switch (failure) {
    case http_failure::unreachable:
      return "check the address, and that the server runs";
    case http_failure::timed_out:
      return "raise call_options::timeout or total_timeout, or ask the server for less";
    case http_failure::untrusted:
      return "name the authority that signed its certificate in call_options::ca_file";
    case http_failure::unusable:
      return "give an absolute URL, such as https://example.com/path";
    case http_failure::broken:
    case http_failure::none:
      break;
  }
  return {};
}

[[noreturn]] inline void throw_call_error(http_failure failure, std::string_view method, std::string_view url,
                                          std::string_view problem, std::string_view way_out,
                                          int status = 0) {
  std::string text(method);
  text.append(" ").append(detail::shown_url(url)).append(": ").append(problem);
  if (!way_out.empty()) text.append("; ").append(way_out);
  throw http::call_error(failure, text, status);
}

/// Throws: std::invalid_argument for a malformed method or header, such as a header with a line break.
inline void require_plain_lines(std::string_view method, const std::vector<std::string>& headers) {
  const auto is_letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (method.empty() || !std::all_of(method.begin(), method.end(), is_letter)) {
    throw std::invalid_argument("http: \"" + std::string(method) +
                                "\" is not a method; a method is capital letters, such as GET or PATCH");
  }
  for (const std::string& line : headers) {
    const bool broken = line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos;
    const std::size_t colon = line.find(':');
    if (!broken && colon != 0 && colon != std::string::npos) continue;
    throw std::invalid_argument("http: the header \"" + std::string(detail::header_name(line.substr(0, 80))) +
                                "\" is not of the form \"Name: value\"");
  }
}

}  // namespace coworker::inline v0_1::detail
