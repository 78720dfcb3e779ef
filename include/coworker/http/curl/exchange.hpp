#pragma once
// curl_exchange: sets libcurl up for one request, and receives its response. Must not know who waits, how
// many exchanges there are, or how long one may take (see patience.hpp).

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/basics.hpp>
#include <coworker/http/curl/open_socket.hpp>
#include <coworker/http/curl/redirect.hpp>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Options of a curl_client.
struct curl_client_options {
  /// The value of the User-Agent header. Default: "coworker".
  std::string user_agent = "coworker";
  /// How long name look-up, connection and TLS handshake may take together. Above 0. Default: 10 s.
  duration connect_timeout = std::chrono::seconds(10);
  /// How long a connection may be silent before it is probed, and the time between probes (TCP keep-alive).
  /// Whole seconds. Default: 15 s.
  std::chrono::seconds keep_alive = std::chrono::seconds(15);
  /// How long an exchange that is being given up may still receive a response. Default: 1 s.
  duration linger = std::chrono::seconds(1);
  /// The least speed of a response that has begun, in bytes per second, measured over `slow_limit`. A slower
  /// one is given up, as a failure. Default: 1000.
  long least_speed = 1000;
  /// The time over which `least_speed` is measured. Default: 30 s.
  duration slow_limit = std::chrono::seconds(30);
  /// `slow_limit` for an exchange that was asked to stop, so that it does not delay a shutdown. Default: 2 s.
  duration slow_limit_when_stopped = std::chrono::seconds(2);
  /// The largest response, in bytes, uncompressed. Default: 512 MiB.
  std::size_t answer_limit = std::size_t{512} << 20;
  /// The largest response after decompression, in bytes. A compressed response that is itself larger than
  /// this may decompress to 64 times its compressed size. Default: 16 MiB.
  std::size_t unpacked_limit = std::size_t{16} << 20;
  /// The most idle connections to keep for re-use. Default: 256.
  long idle_connections = 256;
  /// Whether to connect to public addresses only, and through no proxy. Default: false.
  bool only_public = false;
  /// A file of certificates to trust instead of the system's. Default: empty, the system's.
  std::string ca_file = {};
  /// A folder of further certificates to trust, each named as `openssl rehash` names it. Default:
  /// empty, the system's.
  std::string ca_folder = {};
};

namespace detail {

// Shared by the exchanges of one client.
struct curl_common {
  explicit curl_common(curl_client_options chosen)
      : options(std::move(chosen)), user_agent("User-Agent: " + options.user_agent) {
    if (options.only_public) proxy.plain = proxy.any = false;
  }
  curl_common(const curl_common&) = delete;
  curl_common& operator=(const curl_common&) = delete;

  const curl_client_options options;
  // Set as headers: libcurl copies the texts of its own options twice, character by character, which takes a
  // tenth of the time of a small request.
  std::string user_agent;
  std::string encodings = "Accept-Encoding: gzip, deflate";
  // Waiting for a 100 Continue costs a second where the server does not send one.
  std::string no_expect = "Expect:";
  // The end of every request's header list: the last two, or all three. libcurl only reads them.
  curl_slist last_headers[3] = {{no_expect.data(), &last_headers[1]},
                                {user_agent.data(), &last_headers[2]},
                                {encodings.data(), nullptr}};
  proxies proxy{};
  std::vector<curl_socket_t> sockets;  // all sockets so far; some may be closed, or re-used by others
  time_point now{};                    // when libcurl was last called
};

// One request in progress, with a libcurl handle that keeps its settings from one request to the next.
// Unchanged settings are not set again.
struct curl_exchange {
  curl_exchange(curl_common& of_client, bool for_posts);
  curl_exchange(const curl_exchange&) = delete;
  curl_exchange& operator=(const curl_exchange&) = delete;

  void prepare(const http_request& request, const std::string& address, http_response& to_fill);
  void set_headers(const http_request& request);
  void set_address(const std::string& address);
  void set_server(std::string_view address, bool whole);
  void set_text(CURLoption option, const char* text);
  bool takes(std::size_t more) noexcept;
  void hurry() noexcept;

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user);
  static int before_request(void* user, char*, char*, int, int local_port);
  static curl_socket_t on_open(void* user, curlsocktype, curl_sockaddr* address);

  curl_common& common;
  const bool posts;       // else GETs
  curl_url_owner parsed;  // the server; null if libcurl parses the whole URL
  curl_easy_owner easy;
  std::string url;
  std::string server;               // the part of the URL before the path, or all of it
  std::vector<curl_slist> headers;  // point into the request, which outlives the exchange
  const curl_slist* first_header = nullptr;
  http_response* response = nullptr;
  std::coroutine_handle<> waiting;
  executor_ref executor;
  std::atomic<bool> stop_requested{false};
  bool settled = false;  // and removed from libcurl
  bool leaving = false;  // given up, except for a response that may be on its way
  bool gave_up = false;
  int port = -1;  // local port of the connection, once the request is sent
  time_point give_up_at = (time_point::max)();

  // Progress; see patience.hpp.
  duration limit{};                      // the silence timeout of the request
  bool timeout_to_end = false;           // of the request
  bool response_begun = false;           // the first line of the response has arrived
  bool in_body = false;                  // the first byte of its body has arrived
  bool hurried = false;                  // the response has begun, and a stop was requested
  time_point due = (time_point::max)();  // when to check it
  time_point quiet_since{};              // when part of the request, or the response's first line, last moved
  curl_off_t sent = 0;                   // at the last check, as libcurl counts
  int unsent = 0;                        // at the last check, the part of `sent` that the system still holds
  time_point window_begun{};             // start of the time over which the response's speed is measured
  curl_off_t received_before = 0;        // bytes of its body received before that

  // Why it ended, where libcurl does not know the cause.
  open_failure opening;
  bool no_memory = false;
  bool too_large = false;
  char problem[CURL_ERROR_SIZE] = {};
};

inline curl_exchange::curl_exchange(curl_common& of_client, bool for_posts)
    : common(of_client), posts(for_posts), easy(curl_easy_init()) {
  CURL* const handle = easy.get();
  if (handle == nullptr) throw std::bad_alloc();
  const curl_client_options& options = common.options;
  const long keep_alive = std::chrono::duration<long>(options.keep_alive).count();
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  // When an exchange ends, a look-up that hangs stays behind on its thread. Otherwise the loop would wait for
  // it, with every job on it, and so would the end of the process.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500  // Ubuntu 22.04 has an older one
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // decodes; the request for it is in the headers
  curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   (std::max)(1L, to_milliseconds(options.connect_timeout)));
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, keep_alive);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, keep_alive);
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's response is not the server's
  if (!common.proxy.any) {                                         // else each request would look for one
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "");
  }
  if (!options.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.ca_folder.empty()) curl_easy_setopt(handle, CURLOPT_CAPATH, options.ca_folder.c_str());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &curl_exchange::on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &curl_exchange::on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, &curl_exchange::before_request);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &curl_exchange::on_open);
  curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, problem);
  if (posts) curl_easy_setopt(handle, CURLOPT_POST, 1L);
}

inline void curl_exchange::prepare(const http_request& request, const std::string& address,
                                   http_response& to_fill) {
  response = &to_fill;
  stop_requested.store(false, std::memory_order_relaxed);
  settled = leaving = gave_up = response_begun = in_body = hurried = no_memory = too_large = false;
  port = -1;
  give_up_at = due = (time_point::max)();
  sent = received_before = 0;
  unsent = 0;
  opening = open_failure();
  problem[0] = '\0';
  timeout_to_end = request.timeout_to_end;
  limit = request.timeout;
  set_headers(request);
  if (url != address) set_address(address);
  if (!posts) return;
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS, request.body->data());
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
}

// libcurl only reads the list, so it can be built from existing texts.
inline void curl_exchange::set_headers(const http_request& request) {
  constexpr std::size_t least_expecting = 1000;  // bytes; no libcurl sends Expect for smaller bodies
  const bool may_expect = posts && request.body->size() >= least_expecting;
  curl_slist* next = &common.last_headers[may_expect ? 0 : 1];
  headers.resize(request.headers.size() + 1);
  std::size_t place = headers.size();
  const auto prepend = [&](const std::string& header) {
    headers[--place] = {const_cast<char*>(header.c_str()), next};
    next = &headers[place];
  };
  if (!request.own_header.empty()) prepend(request.own_header);
  for (std::size_t i = request.headers.size(); i-- > 0;) prepend(request.headers[i]);
  if (first_header == next) return;
  first_header = next;
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, next);
}

// libcurl parses and rebuilds a URL character by character, which takes a tenth of the time of a small
// request. So it gets the server once, and the rest of the URL as it is to be sent.
inline void curl_exchange::set_address(const std::string& address) {
  const std::size_t target = plain_target(address, common.proxy.plain);
  const bool whole = target == std::string::npos;
  const std::string_view place = whole ? address : std::string_view(address).substr(0, target + 1);
  url.clear();  // correct for the handle if something below throws
  if (server != place) set_server(place, whole);
  set_text(CURLOPT_REQUEST_TARGET, whole ? nullptr : address.c_str() + target);
  url = address;
}

// Without memory for a text, libcurl keeps the one before, and would send this request to that address.
inline void curl_exchange::set_text(CURLoption option, const char* text) {
  if (curl_easy_setopt(easy.get(), option, text) == CURLE_OK) return;
  server.clear();
  throw std::bad_alloc();
}

inline void curl_exchange::set_server(std::string_view address, bool whole) {
  server = address;
  curl_url_owner taken_apart(whole ? nullptr : curl_url());
  // A URL that cannot be parsed goes to libcurl, which reports why.
  if (curl_url_set(taken_apart.get(), CURLUPART_URL, server.c_str(), 0) != CURLUE_OK) taken_apart.reset();
  curl_easy_setopt(easy.get(), CURLOPT_CURLU, taken_apart.get());
  set_text(CURLOPT_URL, taken_apart ? nullptr : server.c_str());
  parsed = std::move(taken_apart);
  // Waiting for a shared connection pays off with TLS, where the handshake soon tells whether it can be
  // shared. Without TLS, libcurl would wait for the first response, which a long poll delays.
  curl_easy_setopt(easy.get(), CURLOPT_PIPEWAIT, server.starts_with("https:") ? 1L : 0L);
}

// Whether the response may grow by so many bytes. A response that decompresses to hundreds of times
// its size is an attack.
inline bool curl_exchange::takes(std::size_t more) noexcept {
  const curl_client_options& options = common.options;
  const std::size_t size = response->body.size() + more;
  if (size > options.answer_limit) return false;
  if (size <= options.unpacked_limit) return true;
  curl_off_t came = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_SIZE_DOWNLOAD_T, &came);
  return size / 64 <= static_cast<std::size_t>(came);
}

// Returning 0 makes libcurl end the exchange.
inline std::size_t curl_exchange::on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& one = *static_cast<curl_exchange*>(user);
  if (!one.in_body) {
    one.in_body = true;
    one.window_begun = one.common.now;
    one.due = (std::min)(one.due, one.common.now + one.common.options.slow_limit);
  }
  one.too_large = !one.takes(size * count);
  if (one.too_large) return 0;
  try {
    one.response->body.append(data, size * count);
  } catch (...) {
    one.no_memory = true;
    return 0;
  }
  return size * count;
}

inline std::size_t curl_exchange::on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& one = *static_cast<curl_exchange*>(user);
  if (!one.response_begun) {
    one.response_begun = true;
    if (!one.timeout_to_end) one.quiet_since = one.common.now;
    // it began before the linger time was over, and is received to its end
    one.give_up_at = (time_point::max)();
    if (one.leaving) one.hurry();
  }
  const std::string_view target = location_in({data, size * count});
  if (target.empty()) return size * count;
  try {
    one.response->location = target;
  } catch (...) {
    one.no_memory = true;
    return 0;
  }
  return size * count;
}

// From now on, measures the speed over a shorter time.
inline void curl_exchange::hurry() noexcept {
  hurried = true;
  window_begun = common.now;
  curl_easy_getinfo(easy.get(), CURLINFO_SIZE_DOWNLOAD_T, &received_before);
  due = (std::min)(due, common.now + common.options.slow_limit_when_stopped);
}

// Opens a socket as libcurl would, but with close-on-exec, and records the error.
inline curl_socket_t curl_exchange::on_open(void* user, curlsocktype, curl_sockaddr* address) {
  auto& one = *static_cast<curl_exchange*>(user);
  if (!one.opening.refused.empty()) return CURL_SOCKET_BAD;  // all addresses of the name must be public
  const curl_socket_t socket = detail::open_socket(*address, one.common.options.only_public, one.opening);
  if (socket == CURL_SOCKET_BAD) return socket;
  std::vector<curl_socket_t>& sockets = one.common.sockets;
  try {
    if (std::find(sockets.begin(), sockets.end(), socket) == sockets.end()) sockets.push_back(socket);
  } catch (...) {  // no memory: exchanges on this socket will not linger
  }
  return socket;
}

// If a connection fails without a byte, libcurl sends the request again. It must not do so for an exchange
// that was given up.
inline int curl_exchange::before_request(void* user, char*, char*, int, int local_port) {
  auto& one = *static_cast<curl_exchange*>(user);
  one.port = local_port;
  const bool refused = one.leaving || !one.opening.refused.empty();
  return refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

}  // namespace detail
}  // namespace coworker::inline v0_1
