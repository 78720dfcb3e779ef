#pragma once
// http::send, get, head, post, put, del: HTTP requests that a coroutine awaits, over libcurl. Needs libcurl.
// Must not know queues.

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
    const registration registered(*driver_, one);
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
  struct registration {
    registration(call_driver& with, call_transfer& one) : driver(with), transfer(one) { driver.add(one); }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() { driver.remove(transfer); }
    call_driver& driver;
    call_transfer& transfer;
  };

  // Passes received bytes to the sink and gets bytes from the body. Restarts the silence timeout at the end:
  // the time that the functions of body and sink take does not count as silence of the server.
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

/// `own_connections`: uses a connection pool of its own, shared with no other call.
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

/// Sends a request and returns the response, whatever its status. Runs on the loop of the awaiting coroutine
/// and shares connections with other calls on that loop. On an executor that does not watch descriptors, such
/// as a thread_pool, the call runs on a separate thread, and so do the functions of body and sink. Files are
/// read and written on the thread of the loop. Proxies come from the environment, as libcurl reads it.
///
/// Throws: call_error when there is no response, or it is too large; std::invalid_argument for a malformed
/// header or method; io_error when a file cannot be read or written; std::logic_error on a simulated_loop;
/// and whatever body and sink throw.
/// Cancellation: throws `cancelled` as soon as a stop is requested, and closes the connection.
///
///     http::request upload("https://example.com/things/1");
///     upload.method = "PATCH";
inline task<response> send(request what) {
  return detail::call(std::move(what), detail::call_terms(), false);
}

/// Fetches a URL. Return value, exceptions and cancellation: as for send().
///
///     const http::response page = co_await http::get("https://example.com/");
inline task<response> get(std::string url, call_options options = call_options()) {
  request what(std::move(url));
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Fetches a URL into a file or a function. See send().
///
///     co_await http::get(url, http::sink::file("model.bin"));
inline task<response> get(std::string url, sink into, call_options options = call_options()) {
  request what(std::move(url));
  what.into = std::move(into);
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Fetches the headers of a URL, without the body (HEAD). See send().
inline task<response> head(std::string url, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "HEAD";
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Posts a body: a text, http::body::file(path) or http::body::from(function). Sends a Content-Type only if
/// options.headers name one. If the server may have acted on a failed request, it is sent again only with
/// options.repeatable. See send().
inline task<response> post(std::string url, body what_to_send, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "POST";
  what.body = std::move(what_to_send);
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Sends a body to a URL (PUT). See send().
inline task<response> put(std::string url, body what_to_send, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "PUT";
  what.body = std::move(what_to_send);
  what.options = std::move(options);
  return http::send(std::move(what));
}

/// Deletes the resource at a URL (DELETE). See send().
inline task<response> del(std::string url, call_options options = call_options()) {
  request what(std::move(url));
  what.method = "DELETE";
  what.options = std::move(options);
  return http::send(std::move(what));
}

}  // namespace http
}  // namespace coworker::inline v0_1
