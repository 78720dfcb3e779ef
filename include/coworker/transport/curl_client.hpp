#pragma once
// curl_client: libcurl's multi interface as the thing an event loop blocks on, and as a model of the http
// client concept. Must not know the queue protocol.

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/waiter.hpp>
#include <coworker/transport/curl_basics.hpp>
#include <coworker/transport/http.hpp>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
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

/// An HTTP client over libcurl, and the waiter of the event loop on which it is used: `event_loop
/// loop(client);`. Connections are kept and re-used, TLS certificates verified, proxies taken from the
/// environment as libcurl does; if it names none when the client is made, none is looked for later. All on
/// the loop's thread, but for wake() and a stop of the awaiting chain.
///
/// Errors: the constructor throws std::runtime_error when libcurl cannot be set up.
class curl_client final : public waiter {
 public:
  explicit curl_client(curl_client_options chosen = {})
      : options_(std::move(chosen)), user_agent_("User-Agent: " + options_.user_agent) {
    detail::initialise_curl();
    multi_.reset(curl_multi_init());
    if (multi_ == nullptr) throw std::runtime_error("curl_client: libcurl has no memory for a multi handle");
    // By default the cache shrinks with the running transfers, so that a lull would cost all warm
    // connections.
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, options_.idle_connections);
  }

  curl_client(const curl_client&) = delete;
  curl_client& operator=(const curl_client&) = delete;
  ~curl_client() = default;

  /// See http_client. A retried or re-used connection may repeat a request that was cut off before any
  /// answer: libcurl does so by itself.
  task<http_answer> send(const http_request& request) {
    http_answer answer;
    const lease one(*this, request.body.has_value());
    one->prepare(request, answer);
    co_await performed(*one);
    if (one->gave_up) throw cancelled();
    co_return std::move(answer);
  }

  void wait(time_point deadline) override {
    if (deadline != time_point::min() && !perform_first_) {
      // While an exchange waits for its farewell to end, nobody else would wake this thread for it.
      for (const exchange* const one : exchanges_) deadline = std::min(deadline, one->give_up_at);
      const bool endless = deadline == time_point::max();
      const long span =
          endless ? std::numeric_limits<int>::max() : detail::to_milliseconds(deadline - clock_type::now());
      curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(span), nullptr);
    }
    if (exchanges_.empty()) return;
    perform();
    if (std::exchange(answers_begun_, false)) await_ends();
    if (stops_pending_.exchange(false, std::memory_order_acquire) || stops_postponed_) stop_exchanges();
    end_farewells();
  }

  void wake() noexcept override { curl_multi_wakeup(multi_.get()); }

 private:
  // One request on its way, with a handle of libcurl's that keeps its settings from one request to the next.
  // What did not change is not set again.
  struct exchange {
    exchange(curl_client& owner, bool for_posts);
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    void prepare(const http_request& request, http_answer& to_fill);
    void set_headers(const http_request& request);
    void set_address(const std::string& address);
    void set_server(std::string_view address, bool whole);
    void set_limit(long milliseconds);

    curl_client& client;
    const bool posts;               // or gets
    detail::curl_url_owner parsed;  // the server, unless libcurl is to parse the whole address
    detail::curl_easy_owner easy;
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
    time_point give_up_at = time_point::max();
    char problem[CURL_ERROR_SIZE] = {};
  };

  // An exchange for the time of one request.
  class lease {
   public:
    lease(curl_client& client, bool for_post) : client_(client), exchange_(client.take_exchange(for_post)) {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() { client_.idle(exchange_->posts).push_back(std::move(exchange_)); }
    exchange& operator*() const noexcept { return *exchange_; }
    exchange* operator->() const noexcept { return exchange_.get(); }

   private:
    curl_client& client_;
    std::unique_ptr<exchange> exchange_;
  };

  struct request_stop {
    exchange* one;
    explicit request_stop(exchange& to_stop) noexcept : one(&to_stop) {}

    void operator()() const noexcept {
      one->stop_requested.store(true, std::memory_order_relaxed);
      one->client.stops_pending_.store(true, std::memory_order_release);
      one->client.wake();
    }
  };

  class performed {
   public:
    explicit performed(exchange& one) noexcept : one_(one) {}
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
      const context& here = detail::require_context(awaiting, "curl_client");
      if (here.stop.stop_requested()) {
        one_.gave_up = true;
        return false;
      }
      one_.waiting = awaiting;
      one_.executor = here.executor;
      const CURLMcode added = curl_multi_add_handle(one_.client.multi_.get(), one_.easy.get());
      if (added != CURLM_OK) {
        one_.answer->failure = http_failure::unusable;
        one_.answer->problem = curl_multi_strerror(added);
        return false;
      }
      one_.client.exchanges_.push_back(&one_);
      one_.client.perform_first_ = true;
      on_stop_.emplace(here.stop, request_stop(one_));
      return true;
    }

    void await_resume() noexcept { on_stop_.reset(); }

   private:
    exchange& one_;
    std::optional<stop_callback<request_stop>> on_stop_;
  };

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user);
  static int before_request(void* user, char*, char*, int, int local_port);
  static int on_socket(void* user, curl_socket_t socket, curlsocktype purpose);

  using exchange_list = std::vector<exchange*>;

  std::vector<std::unique_ptr<exchange>>& idle(bool posts) noexcept {
    return posts ? idle_posts_ : idle_gets_;
  }
  std::unique_ptr<exchange> take_exchange(bool for_post);
  void perform();
  void await_ends();
  void stop_exchanges();
  bool all_leave(int port) const noexcept;
  bool close_our_side(int port) const noexcept;
  void end_farewells();
  void settle(exchange& one, CURLcode code);
  exchange_list::iterator finish(exchange_list::iterator place);

  curl_client_options options_;
  // Given as headers, as libcurl writes the text of its own options twice, letter by letter, at a tenth of
  // the cost of a small request.
  std::string user_agent_;
  std::string encodings_ = "Accept-Encoding: gzip, deflate";
  // Waiting for a 100 Continue costs a second where the server does not send one.
  std::string no_expect_ = "Expect:";
  // They end the list of every request: the last two of them, or all three. libcurl reads them only.
  curl_slist last_headers_[3] = {{no_expect_.data(), &last_headers_[1]},
                                 {user_agent_.data(), &last_headers_[2]},
                                 {encodings_.data(), nullptr}};
  const detail::proxies proxies_{};
  std::vector<curl_socket_t> sockets_;  // all that there were; some may be closed, or others by now
  detail::curl_multi_owner multi_;
  // Apart, so that a handle serves requests that differ in little.
  std::vector<std::unique_ptr<exchange>> idle_gets_;
  std::vector<std::unique_ptr<exchange>> idle_posts_;
  exchange_list exchanges_;     // under way
  bool perform_first_ = false;  // before anything is waited for
  bool answers_begun_ = false;  // or went on, since they were looked for
  std::atomic<bool> stops_pending_{false};
  bool stops_postponed_ = false;
};

inline curl_client::exchange::exchange(curl_client& owner, bool for_posts)
    : client(owner), posts(for_posts), easy(curl_easy_init()) {
  CURL* const handle = easy.get();
  if (handle == nullptr) throw std::bad_alloc();
  const curl_client_options& options = client.options_;
  const auto keep_alive = static_cast<long>(options.keep_alive.count());
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
                   std::max(1L, detail::to_milliseconds(options.connect_timeout)));
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPIDLE, keep_alive);
  curl_easy_setopt(handle, CURLOPT_TCP_KEEPINTVL, keep_alive);
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's answer is not the server's
  if (!client.proxies_.any) {                                      // or each request would look for one
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOPROXY, "");
  }
  if (!options.ca_file.empty()) curl_easy_setopt(handle, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.ca_folder.empty()) curl_easy_setopt(handle, CURLOPT_CAPATH, options.ca_folder.c_str());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &curl_client::on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &curl_client::on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, &curl_client::before_request);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, &curl_client::on_socket);
  curl_easy_setopt(handle, CURLOPT_SOCKOPTDATA, &client);
  // Seconds of silence in an answer that has begun. A server may begin one and hold the rest back, which
  // takes up to 90 s where it is a poll.
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, 105L);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, problem);
  if (posts) curl_easy_setopt(handle, CURLOPT_POST, 1L);
}

inline void curl_client::exchange::prepare(const http_request& request, http_answer& to_fill) {
  answer = &to_fill;
  stop_requested.store(false, std::memory_order_relaxed);
  answering = leaving = gave_up = false;
  port = -1;
  give_up_at = time_point::max();
  problem[0] = '\0';
  timeout_to_end = request.timeout_to_end;
  set_limit(std::max(1L, detail::to_milliseconds(request.timeout)));
  set_headers(request);
  if (url != request.url) set_address(request.url);
  if (!posts) return;
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS, request.body->data());
  curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
}

// libcurl reads the list and leaves it alone, so that it can be made of what is there.
inline void curl_client::exchange::set_headers(const http_request& request) {
  constexpr std::size_t least_expecting = 1000;  // bytes; smaller bodies no libcurl announces
  const bool may_expect = posts && request.body->size() >= least_expecting;
  curl_slist* next = &client.last_headers_[may_expect ? 0 : 1];
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
inline void curl_client::exchange::set_address(const std::string& address) {
  const std::size_t target = detail::plain_target(address, client.proxies_.plain);
  const bool whole = target == std::string::npos;
  const std::string_view place = whole ? address : std::string_view(address).substr(0, target + 1);
  if (server != place) set_server(place, whole);
  curl_easy_setopt(easy.get(), CURLOPT_REQUEST_TARGET, whole ? nullptr : address.c_str() + target);
  url = address;
}

inline void curl_client::exchange::set_server(std::string_view address, bool whole) {
  server = address;
  detail::curl_url_owner taken_apart(whole ? nullptr : curl_url());
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
inline void curl_client::exchange::set_limit(long milliseconds) {
  if (limit == milliseconds) return;
  limit = milliseconds;
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, milliseconds);
  curl_easy_setopt(easy.get(), CURLOPT_LOW_SPEED_LIMIT, milliseconds == 0 ? 1L : 0L);
}

inline std::size_t curl_client::on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& one = *static_cast<exchange*>(user);
  try {
    one.answer->body.append(data, size * count);
  } catch (...) {
    return 0;  // no memory: libcurl ends the exchange with a write error
  }
  return size * count;
}

inline std::size_t curl_client::on_header(char*, std::size_t size, std::size_t count, void* user) {
  auto& one = *static_cast<exchange*>(user);
  one.answering = one.client.answers_begun_ = true;
  one.give_up_at = time_point::max();  // it came before its farewell was over, and is received to its end
  return size * count;
}

// A connection that dies without a byte makes libcurl send the request again; one that was given up must not
// be.
inline int curl_client::before_request(void* user, char*, char*, int, int local_port) {
  auto& one = *static_cast<exchange*>(user);
  one.port = local_port;
  return one.leaving ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

inline int curl_client::on_socket(void* user, curl_socket_t socket, curlsocktype) {
  std::vector<curl_socket_t>& sockets = static_cast<curl_client*>(user)->sockets_;
  try {
    if (std::find(sockets.begin(), sockets.end(), socket) == sockets.end()) sockets.push_back(socket);
  } catch (...) {  // no memory: its exchanges will have no farewell
  }
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);  // not for the programs that a handler may start
  return CURL_SOCKOPT_OK;
}

inline auto curl_client::take_exchange(bool for_post) -> std::unique_ptr<exchange> {
  std::vector<std::unique_ptr<exchange>>& from = idle(for_post);
  if (from.empty()) return std::make_unique<exchange>(*this, for_post);
  std::unique_ptr<exchange> one = std::move(from.back());
  from.pop_back();
  return one;
}

inline void curl_client::perform() {
  perform_first_ = false;
  int running = 0;
  curl_multi_perform(multi_.get(), &running);
  int left = static_cast<std::size_t>(running) < exchanges_.size() ? 1 : 0;
  while (left > 0) {
    const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
    if (message == nullptr || message->msg != CURLMSG_DONE) continue;
    const auto one = std::find_if(exchanges_.begin(), exchanges_.end(), [message](const exchange* candidate) {
      return candidate->easy.get() == message->easy_handle;
    });
    settle(**one, message->data.result);
    finish(one);
  }
}

// What has begun and is not over may hold jobs: from now on it is waited for as long as it keeps coming. Not
// before, as libcurl looks at the speed each second, and an idle poll is to wake nobody.
inline void curl_client::await_ends() {
  for (exchange* const one : exchanges_) {
    if (!one->answering || one->timeout_to_end || one->limit == 0) continue;
    one->set_limit(0);
    perform_first_ = true;  // libcurl looks at the new limits
  }
}

inline void curl_client::settle(exchange& one, CURLcode code) {
  http_answer& answer = *one.answer;
  answer.failure = detail::failure_of(code);
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(one.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    curl_off_t seconds = 0;
    if (curl_easy_getinfo(one.easy.get(), CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
      answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(seconds, 24 * 60 * 60));
  } else {
    answer.problem = one.problem[0] != '\0' ? one.problem : curl_easy_strerror(code);
    one.gave_up = one.leaving;
  }
}

// Takes the exchange out of libcurl's hands and lets its coroutine go on.
inline auto curl_client::finish(exchange_list::iterator place) -> exchange_list::iterator {
  exchange& one = **place;
  curl_multi_remove_handle(multi_.get(), one.easy.get());
  one.executor.post(one.waiting);
  return exchanges_.erase(place);
}

// What had arrived was read just before this. An exchange that waits for its answer says that nothing more
// will come from here, and has until the farewell is over to receive what the server had already sent. On a
// connection of HTTP/2 it can say so only together with all that share it, and until then goes on: libcurl
// does not tell the server of one that is merely taken away, and the server would answer it into the void.
inline void curl_client::stop_exchanges() {
  stops_postponed_ = false;
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    const bool stops = !one.answering && !one.leaving && one.stop_requested.load(std::memory_order_relaxed);
    if (stops && !all_leave(one.port)) {
      stops_postponed_ = true;
    } else if (stops) {
      one.leaving = true;
      one.gave_up = !close_our_side(one.port);
      one.give_up_at = clock_type::now() + options_.farewell;
    }
    place = one.gave_up ? finish(place) : place + 1;
  }
}

inline bool curl_client::all_leave(int port) const noexcept {
  if (port <= 0) return true;  // its request was not sent yet
  return std::none_of(exchanges_.begin(), exchanges_.end(), [port](const exchange* one) {
    return one->port == port && !one->leaving && !one->stop_requested.load(std::memory_order_relaxed);
  });
}

// Of the connection with that port, if there is one. (libcurl knows the socket of an exchange only once it is
// over, but tells the port of our end when a request goes out.)
inline bool curl_client::close_our_side(int port) const noexcept {
  for (const curl_socket_t socket : sockets_) {
    if (port > 0 && detail::local_port(socket) == port) return ::shutdown(socket, SHUT_WR) == 0;
  }
  return false;
}

inline void curl_client::end_farewells() {
  for (auto place = exchanges_.begin(); place != exchanges_.end();) {
    exchange& one = **place;
    one.gave_up = one.give_up_at != time_point::max() && clock_type::now() >= one.give_up_at;
    place = one.gave_up ? finish(place) : place + 1;
  }
}

static_assert(http_client<curl_client>);

}  // namespace coworker
