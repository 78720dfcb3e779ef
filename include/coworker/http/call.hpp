#pragma once
// get, head, post, put, del: calls to other servers from inside a coroutine, over libcurl. Needs libcurl.

#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/http/call_body.hpp>
#include <coworker/http/call_options.hpp>
#include <coworker/http/call_sink.hpp>
#include <coworker/http/curl/call_driver.hpp>
#include <coworker/http/curl/call_hop.hpp>
#include <coworker/http/curl/call_setup.hpp>
#include <coworker/http/curl/call_thread.hpp>
#include <coworker/http/curl/call_transfer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

class curl_hop_maker final : public hop_maker {
 public:
  explicit curl_hop_maker(std::shared_ptr<call_driver> driver) noexcept : driver_(std::move(driver)) {}

  task<void> make(const call_hop& hop, hop_result& made) override {
    call_transfer one(hop, made);
    const on_its_way leaves(*driver_, one);
    while (!one.is_over || !one.pending.empty()) {
      if (one.pending.empty() && !one.wants_body) {
        co_await driver_->wait(one, one.due());
      } else {
        co_await serve(one, hop);
      }
      if (one.is_over || clock_type::now() < one.due()) continue;
      driver_->act();  // the process may have been frozen
      if (one.is_over || one.has_news || !one.is_overdue()) continue;
      one.give_up();
      co_return;
    }
    one.settle();
  }

 private:
  struct on_its_way {
    on_its_way(call_driver& with, call_transfer& one) : driver(with), transfer(one) { driver.add(one); }
    on_its_way(const on_its_way&) = delete;
    on_its_way& operator=(const on_its_way&) = delete;
    ~on_its_way() { driver.remove(transfer); }
    call_driver& driver;
    call_transfer& transfer;
  };

  // What the functions of body and sink take as their time is none of the server's.
  task<void> serve(call_transfer& one, const call_hop& hop) {
    driver_->hand_on();
    if (!one.pending.empty()) {
      std::string piece = std::exchange(one.pending, std::string());
      co_await hop.into->take(std::move(piece));
      if (std::exchange(one.is_paused, false)) driver_->go_on(one);
    }
    if (one.wants_body) {
      const bool more = co_await hop.body->more();
      one.wants_body = false;
      one.body_ended = !more;
      driver_->go_on(one);
    }
    one.renew();
  }

  std::shared_ptr<call_driver> driver_;
};

/// `own_connections`: shares none with other calls.
inline task<http::response> call_here(http::request request, call_terms terms, bool own_connections) {
  const executor_ref here = co_await this_coro::executor();
  std::shared_ptr<call_driver> driver =
      own_connections ? std::make_shared<call_driver>(here) : detail::driver_of(here);
  curl_hop_maker maker(std::move(driver));
  co_return co_await detail::make_hops(request, terms, maker);
}

inline task<http::response> call(http::request request, call_terms terms, bool own_connections) {
  const executor_ref here = co_await this_coro::executor();
  if (here.clock() == executor_clock::simulated) {
    throw std::logic_error(
        "http: on a simulated_loop there is no network; in a test, give the handler a function "
        "to call in the place of coworker::http");
  }
  task<http::response> calling = detail::call_here(std::move(request), std::move(terms), own_connections);
  if (here.watches_descriptors() && here.is_serial()) co_return co_await std::move(calling);
  co_return co_await run_on(call_thread::loop(), std::move(calling));
}

}  // namespace detail

namespace http {

/// Sends a request and returns the response, whatever its status. It runs on the loop of the awaiting coroutine, where it
/// shares connections with other calls; on an executor that watches no descriptors, such as a thread_pool, on a thread of
/// its own, and so do the functions of body and sink. Files are read and written on the loop's thread. Proxies are taken
/// from the environment, as libcurl does.
///
/// Throws: call_error when no response came, or it was too large; std::invalid_argument for a header or method that is
/// none; io_error when a file cannot be read or written; std::logic_error on a simulated_loop; what body and sink throw.
/// Cancellation: throws `cancelled` as soon as a stop is requested; the connection is closed.
///
///     http::request upload("https://example.com/things/1");
///     upload.method = "PATCH";
inline task<response> send(request what) {
  return detail::call(std::move(what), detail::call_terms(), false);
}

/// Fetches a URL. Returns, throws, and ends early as send().
///
///     const http::response page = co_await http::get("https://example.com/");
inline task<response> get(std::string url, call_options options = call_options()) {
  request what(std::move(url));
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// The same into a file or a function: `co_await http::get(url, http::sink::file("model.bin"))`.
inline task<response> get(std::string url, sink into, call_options options = call_options()) {
  request what(std::move(url));
  what.into = std::move(into);
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Asks for the headers of a URL. The rest as send().
inline task<response> head(std::string url, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "HEAD";
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Posts a body: a text, http::body::file(path) or http::body::from(function), with the Content-Type that options.headers
/// name, or none. Not sent again where the server may have acted, unless options.repeatable. The rest as send().
inline task<response> post(std::string url, body what_to_send, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "POST";
  what.body = std::move(what_to_send);
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Puts a body at a URL. The rest as send().
inline task<response> put(std::string url, body what_to_send, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "PUT";
  what.body = std::move(what_to_send);
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Deletes what is at a URL (DELETE). The rest as send().
inline task<response> del(std::string url, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "DELETE";
  what.options = std::move(options);
  return http::send(std::move(what));
}

}  // namespace http
}  // namespace coworker::inline v0_1
