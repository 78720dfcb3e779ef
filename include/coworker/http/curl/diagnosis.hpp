#pragma once
// The failure of a transfer and its cause, where libcurl's text omits it: no descriptors, threads or memory,
// or a response that is too large. Must not know who waits.

#include <curl/curl.h>
#include <fcntl.h>

#include <cerrno>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/basics.hpp>
#include <coworker/http/curl/exchange.hpp>
#include <coworker/net/descriptor.hpp>
#include <string>
#include <string_view>

namespace coworker::inline v0_1::detail {

/// Returns EMFILE or ENFILE if no descriptor can be opened now, else 0.
inline int descriptor_shortage() noexcept {
  const unique_fd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return !probe && (errno == EMFILE || errno == ENFILE) ? errno : 0;
}

inline bool may_lack_descriptors(CURLcode code) noexcept {
  switch (static_cast<int>(code)) {  // cast to int: -Wswitch-enum would demand all hundred values
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_FAILED_INIT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return true;
    default:
      return false;
  }
}

inline bool is_shortage(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

/// Returns what the process or the machine lacks and what to do, or an empty text if that is not why a
/// transfer failed. `opening`: the error of opening a socket, or 0. `words`: libcurl's text.
inline std::string shortage_of(CURLcode code, int opening, std::string_view words) {
  if (code == CURLE_OUT_OF_MEMORY)
    return "out of memory; lower the concurrency, or give the container more memory";
  if (!may_lack_descriptors(code)) return {};
  const int error = is_shortage(opening) ? opening : descriptor_shortage();
  if (error != 0) return "no connection can be opened: " + std::string(way_out_of(error));
  if (words.find("thread failed to start") == std::string_view::npos) return {};
  return "the server's name cannot be looked up, as no thread can be started for it: raise the limit on "
         "processes "
         "(ulimit -u, or pids.max of the container), or give it more memory";
}

inline http_failure failure_of(const curl_exchange& one, CURLcode code) noexcept {
  if (!one.opening.refused.empty()) return http_failure::unusable;
  const bool for_want = code == CURLE_OPERATION_TIMEDOUT || code == CURLE_OUT_OF_MEMORY ||
                        (may_lack_descriptors(code) && descriptor_shortage() != 0);
  if (one.port < 0 && for_want) return http_failure::unreachable;  // nothing was sent, whatever the cause
  return failure_of(code);
}

inline std::string describe_failure(const curl_exchange& one, CURLcode code) {
  const std::string size = std::to_string(one.response->body.size());
  if (one.no_memory) {
    return "out of memory after " + size +
           " bytes of the response; lower the concurrency, or give the container more memory";
  }
  if (one.too_large) {
    curl_off_t came = 0;
    curl_easy_getinfo(one.easy.get(), CURLINFO_SIZE_DOWNLOAD_T, &came);
    return "the response is too large: " + std::to_string(came) + " bytes of it decompressed to more than " +
           size + ", which is more than curl_client_options::answer_limit and unpacked_limit allow";
  }
  if (!one.opening.refused.empty())
    return "it leads to " + one.opening.refused + ", which is not a public address";
  const std::string_view words = one.problem[0] != '\0' ? one.problem : curl_easy_strerror(code);
  std::string shortage = shortage_of(code, one.opening.error, words);
  return shortage.empty() ? std::string(words) : shortage;
}

}  // namespace coworker::inline v0_1::detail
