#pragma once
// curl_exchange: how a request is put to libcurl, and an answer received. Must not know who waits for it, nor
// how many there are.

#include <curl/curl.h>
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/basics.hpp>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker {

struct curl_client_options {
  std::string user_agent = "coworker";
  /// For name look-up, connection and TLS handshake. Above 0; default 10 s.
  duration connect_timeout = std::chrono::seconds(10);
  /// How long a silent connection is trusted before it is probed, and between probes. In whole seconds;
  /// default 15 s.
  std::chrono::seconds keep_alive = std::chrono::seconds(15);
  /// How long an exchange that is being given up may still receive an answer that was on its way. Default 1
  /// s.
  duration farewell = std::chrono::seconds(1);
  /// Idle connections kept for re-use. Default 256.
  long idle_connections = 256;
  /// A file of certificates to trust instead of the system's; empty: the system's.
  std::string ca_file = {};
  /// A folder of certificates to trust as well, each under the name that `openssl rehash` gives it; empty:
  /// the system's.
  std::string ca_folder = {};
};

namespace detail {

// What the exchanges of one client share.
struct curl_common {
  explicit curl_common(curl_client_options chosen)
      : options(std::move(chosen)), user_agent("User-Agent: " + options.user_agent) {}
  curl_common(const curl_common&) = delete;
  curl_common& operator=(const curl_common&) = delete;

  static int on_socket(void* user, curl_socket_t socket, curlsocktype purpose);

  const curl_client_options options;
  // Given as headers, as libcurl writes the text of its own options twice, letter by letter, at a tenth of
  // the cost of a small request.
  std::string user_agent;
  std::string encodings = "Accept-Encoding: gzip, deflate";
  // Waiting for a 100 Continue costs a second where the server does not send one.
  std::string no_expect = "Expect:";
  // They end the list of every request: the last two of them, or all three. libcurl reads them only.
  curl_slist last_headers[3] = {{no_expect.data(), &last_headers[1]},
                                {user_agent.data(), &last_headers[2]},
                                {encodings.data(), nullptr}};
  const proxies proxy{};
  std::vector<curl_socket_t> sockets;  // all that there were; some may be closed, or others by now
  bool answers_begun = false;          // or went on, since they were looked for
};

// One request on its way, with a handle of libcurl's that keeps its settings from one request to the next.
// What did not change is not set again.
struct curl_exchange {
  curl_exchange(curl_common& of_client, bool for_posts);
  curl_exchange(const curl_exchange&) = delete;
  curl_exchange& operator=(const curl_exchange&) = delete;

  void prepare(const http_request& request, http_answer& to_fill);
  void set_headers(const http_request& request);
  void set_address(const std::string& address);
  void set_server(std::string_view address, bool whole);
  void set_limit(long milliseconds);

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user);
  static int before_request(void* user, char*, char*, int, int local_port);

  curl_common& common;
  const bool posts;       // or gets
  curl_url_owner parsed;  // the server, unless libcurl is to parse the whole address
  curl_easy_owner easy;
  std::string url;
  std::string server;               // the part of it before the path, or all of it
  std::vector<curl_slist> headers;  // point into the request, which outlives the exchange
  const curl_slist* first_header = nullptr;
  long limit = -1;  // in milliseconds; 0: none, as long as something comes
  http_answer* answer = nullptr;
  std::coroutine_handle<> waiting;
  executor_ref executor;
  std::atomic<bool> stop_requested{false};
  bool timeout_to_end = false;  // the request's
  bool answering = false;       // the first byte of the answer is here
  bool leaving = false;         // given up, but for an answer that may be on its way
  bool gave_up = false;
  int port = -1;  // our own end of the connection, once the request goes out
  time_point give_up_at = (time_point::max)();
  char problem[CURL_ERROR_SIZE] = {};
};

inline int curl_common::on_socket(void* user, curl_socket_t socket, curlsocktype) {
  std::vector<curl_socket_t>& sockets = static_cast<curl_common*>(user)->sockets;
  try {
    if (std::find(sockets.begin(), sockets.end(), socket) == sockets.end()) sockets.push_back(socket);
  } catch (...) {  // no memory: its exchanges will have no farewell
  }
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);  // not for the programs that a handler may start
  return CURL_SOCKOPT_OK;
}

inline curl_exchange::curl_exchange(curl_common& of_client, bool for_posts)
    : common(of_client), posts(for_posts), easy(curl_easy_init()) {
  CURL* const handle = easy.get();
  if (handle == nullptr) throw std::bad_alloc();
  const curl_client_options& options = common.options;
  const long keep_alive = std::chrono::duration<long>(options.keep_alive).count();
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
  // A look-up that hangs is left to its thread when its exchange ends. Otherwise the loop would wait for it,
  // with every job in it, and with the end of the process.
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#endif
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500  // Ubuntu 22.04 has an older one
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");  // decodes; asking is up to the header
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   (std::max)(1L, to_milliseconds(options.connect_timeout)));
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, keep_alive);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, keep_alive);
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's answer is not the server's
  if (!common.proxy.any) {                                         // or each request would look for one
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
  curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, &curl_common::on_socket);
  curl_easy_setopt(handle, CURLOPT_SOCKOPTDATA, &common);
  // Seconds of silence in an answer that has begun. A server may begin one and hold the rest back, which
  // takes up to 90 s where it is a poll.
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, 105L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, problem);
  if (posts) curl_easy_setopt(handle, CURLOPT_POST, 1L);
}

inline void curl_exchange::prepare(const http_request& request, http_answer& to_fill) {
  answer = &to_fill;
  stop_requested.store(false, std::memory_order_relaxed);
  answering = leaving = gave_up = false;
  port = -1;
  give_up_at = (time_point::max)();
  problem[0] = '\0';
  timeout_to_end = request.timeout_to_end;
  set_limit((std::max)(1L, to_milliseconds(request.timeout)));
  set_headers(request);
  if (url != request.url) set_address(request.url);
  if (!posts) return;
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS, request.body->data());
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
}

// libcurl reads the list and leaves it alone, so that it can be made of what is there.
inline void curl_exchange::set_headers(const http_request& request) {
  constexpr std::size_t least_expecting = 1000;  // bytes; smaller bodies no libcurl announces
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

// libcurl takes an address apart and puts it together again letter by letter, at a tenth of the cost of a
// small request. So it is told the server, once, and the rest as it is to be sent.
inline void curl_exchange::set_address(const std::string& address) {
  const std::size_t target = plain_target(address, common.proxy.plain);
  const bool whole = target == std::string::npos;
  const std::string_view place = whole ? address : std::string_view(address).substr(0, target + 1);
  if (server != place) set_server(place, whole);
  curl_easy_setopt(easy.get(), CURLOPT_REQUEST_TARGET, whole ? nullptr : address.c_str() + target);
  url = address;
}

inline void curl_exchange::set_server(std::string_view address, bool whole) {
  server = address;
  curl_url_owner taken_apart(whole ? nullptr : curl_url());
  // What cannot be parsed is left to libcurl, which says why.
  if (curl_url_set(taken_apart.get(), CURLUPART_URL, server.c_str(), 0) != CURLUE_OK) taken_apart.reset();
  curl_easy_setopt(easy.get(), CURLOPT_CURLU, taken_apart.get());
  curl_easy_setopt(easy.get(), CURLOPT_URL, taken_apart ? nullptr : server.c_str());
  parsed = std::move(taken_apart);
  // Waiting for a connection that others may share pays where a handshake tells soon whether it can be;
  // without TLS, libcurl would wait for the first answer, which a long poll keeps back.
  curl_easy_setopt(easy.get(), CURLOPT_PIPEWAIT, server.starts_with("https:") ? 1L : 0L);
}

// In milliseconds; 0: as long as something comes.
inline void curl_exchange::set_limit(long milliseconds) {
  if (limit == milliseconds) return;
  limit = milliseconds;
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, milliseconds);
  curl_easy_setopt(easy.get(), CURLOPT_LOW_SPEED_LIMIT, milliseconds == 0 ? 1L : 0L);
}

inline std::size_t curl_exchange::on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& one = *static_cast<curl_exchange*>(user);
  try {
    one.answer->body.append(data, size * count);
  } catch (...) {
    return 0;  // no memory: libcurl ends the exchange with a write error
  }
  return size * count;
}

inline std::size_t curl_exchange::on_header(char*, std::size_t size, std::size_t count, void* user) {
  auto& one = *static_cast<curl_exchange*>(user);
  one.answering = one.common.answers_begun = true;
  one.give_up_at = (time_point::max)();  // it came before its farewell was over, and is received to its end
  return size * count;
}

// A connection that dies without a byte makes libcurl send the request again; one that was given up must not
// be.
inline int curl_exchange::before_request(void* user, char*, char*, int, int local_port) {
  auto& one = *static_cast<curl_exchange*>(user);
  one.port = local_port;
  return one.leaving ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

}  // namespace detail
}  // namespace coworker
