#pragma once
// Which requests an HTTP endpoint admits, by their Host, Origin and token. Must not know what they ask for.

#include <coworker/http/request_head.hpp>
#include <coworker/http/syntax.hpp>
#include <coworker/http/url.hpp>
#include <coworker/transport/endpoint/options.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

// Takes a time that depends on the length of the secret only.
inline bool equal_in_constant_time(std::string_view given, std::string_view secret) noexcept {
  unsigned char difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < secret.size(); ++i) {
    const char c = i < given.size() ? given[i] : '\0';
    difference = static_cast<unsigned char>(difference | (c ^ secret[i]));
  }
  return difference == 0;
}

inline bool has_token(const request_head& request, std::string_view token) noexcept {
  std::string_view given = request.header("authorization").value_or(std::string_view());
  constexpr std::string_view scheme = "Bearer ";
  if (given.size() < scheme.size() || !equal_ignoring_case(given.substr(0, scheme.size()), scheme))
    return false;
  given.remove_prefix(scheme.size());
  while (given.starts_with(' ')) given.remove_prefix(1);
  return detail::equal_in_constant_time(given, token);
}

inline bool is_loopback_host(std::string_view host) noexcept {
  return host == "127.0.0.1" || host == "[::1]" || host == "::1" || equal_ignoring_case(host, "localhost");
}

// Returns whether the page that sends the request came from this server. A browser sets Origin on what a page
// of another site makes it send.
inline bool is_own_origin(std::string_view origin, std::string_view host) noexcept {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return equal_ignoring_case(origin.substr(scheme.size()), host);
  }
  return false;
}

struct gate_refusal {
  int status = 0;  // 0: not refused
  const char* why = "";
};

// Returns why a request is refused, if it is. `is_open`: its path needs no token.
inline gate_refusal refuse_at_gate(const endpoint_options& options, const request_head& request,
                                   bool is_open) {
  if (options.only_local) {
    const std::optional<host_and_port> host = coworker::split_host(request.host());
    if (!host || !detail::is_loopback_host(host->host))
      return {403, "this server is for this machine only: ask it as localhost, 127.0.0.1 or [::1]"};
  }
  const std::optional<std::string_view> origin = request.header("origin");
  if (origin && !detail::is_own_origin(*origin, request.host()))
    return {403, "pages of other sites must not use this server"};
  if (!is_open && !options.token.empty() && !detail::has_token(request, options.token))
    return {401, "send the token of COWORKER_API_TOKEN as Authorization: Bearer TOKEN"};
  return {};
}

}  // namespace coworker::inline v0_1::detail
