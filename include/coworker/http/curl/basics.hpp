#pragma once
// curl_basics: libcurl's C API in C++ terms: owners, times, failures, ports. Must not know the client.

#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <coworker/coro/clock.hpp>
#include <coworker/http/client.hpp>
#include <coworker/net/descriptor.hpp>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coworker::inline v0_1 {

namespace detail {

struct curl_easy_deleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct curl_multi_deleter {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
struct curl_url_deleter {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using curl_easy_owner = std::unique_ptr<CURL, curl_easy_deleter>;
using curl_multi_owner = std::unique_ptr<CURLM, curl_multi_deleter>;
using curl_url_owner = std::unique_ptr<CURLU, curl_url_deleter>;

inline long to_milliseconds(duration span) noexcept {
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(span).count();
  return static_cast<long>(std::clamp<long long>(rounded, 0, (std::numeric_limits<int>::max)()));
}

// Initialises libcurl once per process. It is never cleaned up, because handles may exist until the end.
inline void initialise_curl() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (initialised != CURLE_OK) {
    throw std::runtime_error(std::string("curl_client: libcurl cannot be initialised: ") +
                             curl_easy_strerror(initialised));
  }
}

// Sets close-on-exec on libcurl's own descriptors, through which another thread wakes it. libcurl opens them
// so that programs started by a handler would inherit them. They get the lowest free numbers. If another
// thread opened some at the same time, nobody can tell which are libcurl's, and all stay as they are.
class inherited_descriptors {
 public:
  inherited_descriptors() noexcept {
    const unique_fd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    first_ = probe.get();
    for (int i = 1; i < count; ++i) was_open_[i] = ::fcntl(first_ + i, F_GETFD) >= 0;
  }

  // Applies to descriptors opened since the constructor.
  void close_on_exec() const noexcept {
    int found[count];
    int size = 0;
    for (int i = 0; i < count && first_ >= 0; ++i) {
      const int flags = ::fcntl(first_ + i, F_GETFD);
      if (!was_open_[i] && flags >= 0 && (flags & FD_CLOEXEC) == 0) found[size++] = first_ + i;
    }
    constexpr int libcurls_own = 2;
    for (int i = 0; i < size && size <= libcurls_own; ++i) ::fcntl(found[i], F_SETFD, FD_CLOEXEC);
  }

 private:
  static constexpr int count = 32;
  int first_ = -1;
  bool was_open_[count] = {};
};

inline curl_multi_owner make_multi() {
  const inherited_descriptors before;
  curl_multi_owner made(curl_multi_init());
  if (made == nullptr) throw std::runtime_error("curl_client: libcurl has no memory for a multi handle");
  before.close_on_exec();
  // If libcurl had no descriptors for waking, only this call reports it; nobody could ever wake the handle.
  if (curl_multi_wakeup(made.get()) != CURLM_OK)
    throw_io_error(EMFILE, "curl_client: libcurl cannot open its wake-up descriptors");
  curl_multi_poll(made.get(), nullptr, 0, 0, nullptr);  // consumes that wake-up
  return made;
}

inline http_failure failure_of(CURLcode code) noexcept {
  switch (static_cast<int>(code)) {  // cast to int: -Wswitch-enum would demand all hundred values
    case CURLE_OK:
      return http_failure::none;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
      return http_failure::unreachable;
    case CURLE_OPERATION_TIMEDOUT:
      return http_failure::timed_out;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return http_failure::untrusted;
    case CURLE_URL_MALFORMAT:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_FAILED_INIT:
      return http_failure::unusable;
    default:  // includes CURLE_UNSUPPORTED_PROTOCOL, which also means that the reply was not HTTP
      return http_failure::broken;
  }
}

inline bool any_variable_set(std::initializer_list<const char*> names) noexcept {
  for (const char* const name : names) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return true;
  }
  return false;
}

// Which URLs may go through a proxy, by the environment variables that libcurl reads.
struct proxies {
  bool plain = any_variable_set({"http_proxy", "all_proxy", "ALL_PROXY"});  // for http:// URLs
  bool any = plain || any_variable_set({"https_proxy", "HTTPS_PROXY"});
};

// Returns the position in a URL where the request target begins, if it can be sent unchanged. Returns npos if
// libcurl must parse the URL: for a proxy, which gets the whole URL, and for URLs that libcurl would
// normalise or refuse (fragments, dot segments, unprintable characters). `proxied`: URLs without TLS go
// through a proxy.
inline std::size_t plain_target(std::string_view url, bool proxied) noexcept {
  constexpr std::size_t none = std::string_view::npos;
  const std::size_t scheme = url.starts_with("https://") ? 8 : url.starts_with("http://") ? 7 : none;
  if (scheme == none || (scheme == 7 && proxied)) return none;
  std::size_t begin = scheme;
  while (begin < url.size() && url[begin] != '/') {
    if (url[begin] == '?' || url[begin] == '#') return none;
    ++begin;
  }
  if (begin == url.size() || begin == scheme) return none;
  char before = '\0';
  for (std::size_t i = begin; i < url.size(); ++i) {
    const char c = url[i];
    if (c <= ' ' || c > '~' || c == '#' || (c == '.' && before == '/')) return none;
    before = c;
  }
  return begin;
}

inline int local_port(curl_socket_t socket) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return -1;
}

}  // namespace detail

}  // namespace coworker::inline v0_1
