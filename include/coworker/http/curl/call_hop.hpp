#pragma once
// call_hop: one request to one server, and its result; call_progress: repeats hops and follows redirects.
// Must not know how a hop is performed.

#include <algorithm>
#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/backoff.hpp>
#include <coworker/exec/random.hpp>
#include <coworker/exec/sleep.hpp>
#include <coworker/http/call_body.hpp>
#include <coworker/http/call_options.hpp>
#include <coworker/http/call_sink.hpp>
#include <coworker/http/client.hpp>
#include <coworker/http/curl/call_rules.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

namespace http {

/// A request with everything that can be set, for what get() and similar functions have no parameter for.
struct request {
  std::string method = "GET";
  std::string url;
  http::body body = {};
  http::sink into = {};
  call_options options = {};

  explicit request(std::string address) : url(std::move(address)) {}
};

}  // namespace http

namespace detail {

/// Settings of a call that only this library uses.
struct call_terms {
  bool only_public = false;   // only public addresses, and no proxy
  bool unpacks = true;        // requests a compressed body, and decompresses it
  std::string signs_as = {};  // for CURLOPT_AWS_SIGV4; empty: not signed
  std::string user = {};
  std::string password = {};
};

struct call_hop {
  std::string method;
  std::string url;
  std::vector<std::string> headers;
  body_source* body = nullptr;
  body_taker* into = nullptr;
  const http::call_options& options;
  const call_terms& terms;
  bool follows = false;      // a redirect is followed, so it is not the response
  bool is_repeated = false;  // libcurl may send it again by itself
  time_point deadline = (time_point::max)();

  explicit call_hop(const http::call_options& wanted, const call_terms& of) noexcept
      : options(wanted), terms(of) {}
};

struct hop_result {
  http_failure failure = http_failure::none;
  std::string problem = {};
  std::string way_out = {};
  http::response response = {};
  std::optional<duration> retry_after = std::nullopt;
  std::string location = {};  // absolute URL of a redirect
  bool nothing_sent = false;  // for a failure
  bool taken = false;         // the sink has received bytes
  bool is_final = false;      // for a failure: another try would fail the same way

  hop_result() {}
};

/// Performs hops.
class hop_maker {
 public:
  /// Throws: `cancelled`, and whatever body and sink throw. Both arguments outlive the task.
  virtual task<void> make(const call_hop& hop, hop_result& made) = 0;

 protected:
  ~hop_maker() = default;
};

/// The state of a call, from the first hop to the response.
class call_progress {
 public:
  call_progress(http::request& what, const call_terms& terms, executor_ref here)
      : request_(what),
        executor_(here),
        hop(what.options, terms),
        waits_(backoff::options{std::chrono::milliseconds(500), std::chrono::seconds(10)},
               random_source(static_cast<std::uint64_t>(here.now().time_since_epoch().count()))) {
    detail::require_plain_lines(what.method, what.options.headers);
    hop.method = what.method;
    hop.url = what.url;
    hop.headers = what.options.headers;
    hop.body = what.body.source();
    hop.into = what.into.taker();
    hop.deadline = detail::after(here.now(), what.options.total_timeout);
    hop.is_repeated = what.options.repeatable.value_or(detail::is_idempotent(what.method));
  }

  /// Call it before each hop.
  void begin() {
    hop.follows = redirects_ < request_.options.redirects;
    if (hop.body == nullptr || hop.body->begin()) return;
    detail::throw_call_error(http_failure::broken, hop.method, hop.url,
                             "its body comes from a function, and cannot be sent again",
                             "give it as a text or a file, or use a URL that is not redirected");
  }

  /// Whether the call continues at another URL.
  bool is_redirected(const hop_result& made) {
    const bool leads = detail::is_redirect(made.response.status) && !made.location.empty();
    if (made.failure != http_failure::none || !leads || request_.options.redirects == 0) return false;
    if (redirects_++ == request_.options.redirects) {
      detail::throw_call_error(
          http_failure::none, hop.method, hop.url,
          "it redirects more than " + std::to_string(request_.options.redirects) + " times",
          "raise call_options::redirects", made.response.status);
    }
    const std::string_view method = detail::redirected_method(hop.method, made.response.status);
    if (method != hop.method) hop.body = nullptr;
    detail::redirect_headers(hop.headers, hop.url, made.location, hop.body != nullptr);
    hop.method = std::string(method);
    hop.is_repeated = request_.options.repeatable.value_or(detail::is_idempotent(method));
    hop.url = made.location;
    return true;
  }

  /// Returns the time to wait before the same hop is repeated, or nothing if it is not repeated.
  std::optional<duration> next_try(const hop_result& made) {
    if (tries_ >= request_.options.tries || made.taken || made.is_final) return std::nullopt;
    const bool failed = made.failure != http_failure::none;
    if (failed && (made.failure == http_failure::unusable || made.failure == http_failure::untrusted))
      return std::nullopt;
    if (!failed && !detail::is_busy(made.response.status)) return std::nullopt;
    if (!hop.is_repeated && !(failed && made.nothing_sent)) return std::nullopt;
    const duration asked = made.retry_after.value_or(duration::zero());
    if (asked > request_.options.longest_wait) return std::nullopt;
    const duration wait = (std::max)(asked, waits_.next());
    if (detail::after(executor_.now(), wait) >= hop.deadline) return std::nullopt;
    if (hop.body != nullptr && !hop.body->begin()) return std::nullopt;
    ++tries_;
    return wait;
  }

  http::response finish(hop_result& made) const {
    if (made.failure != http_failure::none) {
      std::string problem = made.problem;
      if (tries_ > 1) problem += ", " + std::to_string(tries_) + " times";
      const std::string_view way_out =
          made.way_out.empty() ? detail::way_out_of(made.failure) : std::string_view(made.way_out);
      detail::throw_call_error(made.failure, hop.method, hop.url, problem, way_out, made.response.status);
    }
    made.response.url = hop.url;
    return std::move(made.response);
  }

 private:
  http::request& request_;
  executor_ref executor_;

 public:
  call_hop hop;

 private:
  backoff waits_;
  int redirects_ = 0;
  int tries_ = 1;
};

/// Performs all hops of a call. Throws: http::call_error, `cancelled`, and whatever body and sink throw.
/// `request`, `terms` and `maker` outlive the task.
inline task<http::response> make_hops(http::request& request, const call_terms& terms, hop_maker& maker) {
  const executor_ref here = co_await this_coro::executor();
  call_progress progress(request, terms, here);
  for (;;) {
    progress.begin();
    hop_result made;
    co_await maker.make(progress.hop, made);
    if (progress.is_redirected(made)) continue;
    const std::optional<duration> wait = progress.next_try(made);
    if (!wait) co_return progress.finish(made);
    co_await sleep_for(*wait);
  }
}

}  // namespace detail
}  // namespace coworker::inline v0_1
