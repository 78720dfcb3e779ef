#pragma once
// The target of a redirect, and whether a request with credentials may go there. Must not know who sends it.

#include <algorithm>
#include <coworker/http/curl/basics.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

inline bool same_letters(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [lower](char left, char right) { return lower(left) == lower(right); });
}

/// Returns the target of "Location: TARGET"; empty for any other header line.
inline std::string_view location_in(std::string_view line) noexcept {
  constexpr std::string_view name = "location:";
  if (!same_letters(line.substr(0, name.size()), name)) return {};
  line.remove_prefix(name.size());
  while (!line.empty() && line.front() <= ' ') line.remove_prefix(1);
  while (!line.empty() && line.back() <= ' ') line.remove_suffix(1);
  return line;
}

struct curl_text_deleter {
  void operator()(char* text) const noexcept { curl_free(text); }
};

inline std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, curl_text_deleter> owner(text);
  return text;
}

inline curl_url_owner parsed_url(const std::string& url) {
  curl_url_owner parsed(curl_url());
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) parsed.reset();
  return parsed;
}

/// Returns `target` as an absolute URL, resolved against the URL of the request; unchanged if
/// either cannot be parsed.
inline std::string redirect_target(const std::string& asked, const std::string& target) {
  const curl_url_owner url = parsed_url(asked);
  if (url == nullptr || curl_url_set(url.get(), CURLUPART_URL, target.c_str(), 0) != CURLUE_OK) return target;
  const std::string whole = part_of(url.get(), CURLUPART_URL);
  return whole.empty() ? target : whole;
}

/// Whether both URLs have the same scheme, host and port. An upgrade from http to https on the same host,
/// with the default ports, counts as the same server.
inline bool is_same_server(const std::string& asked, const std::string& target) {
  const curl_url_owner from = parsed_url(asked);
  const curl_url_owner to = parsed_url(target);
  if (from == nullptr || to == nullptr) return false;
  if (!same_letters(part_of(from.get(), CURLUPART_HOST), part_of(to.get(), CURLUPART_HOST))) return false;
  const std::string from_scheme = part_of(from.get(), CURLUPART_SCHEME);
  const std::string to_scheme = part_of(to.get(), CURLUPART_SCHEME);
  const std::string from_port = part_of(from.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const std::string to_port = part_of(to.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (from_scheme == to_scheme) return from_port == to_port;
  return from_scheme == "http" && from_port == "80" && to_scheme == "https" && to_port == "443";
}

}  // namespace coworker::inline v0_1::detail
