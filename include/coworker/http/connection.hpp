#pragma once
// One connection of an HTTP server: reads requests and writes responses, one after the other. Handles
// deadlines and clients that disconnect. Must not know what a request means: the handler decides.

#include <algorithm>
#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/resume_on.hpp>
#include <coworker/http/connection_host.hpp>
#include <coworker/http/connection_input.hpp>
#include <coworker/http/connection_output.hpp>
#include <coworker/http/deadlines.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/request_parser.hpp>
#include <coworker/http/response_writer.hpp>
#include <coworker/http/server_exchange.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1::detail {

template <class Stream>
class connection final : public exchange, public host_link {
 public:
  // All must outlive the connection.
  connection(connection_host& host, Stream& stream, const context& here) noexcept
      : host_(host),
        stream_(stream),
        here_(here),
        gone_(here.stop),
        input_(stream, host.scratch(), gone_),
        output_(host, stream, here, gone_),
        parser_(host.options().limits),
        reading_([](void* self) { static_cast<connection*>(self)->wake(); }, this) {
    host_.add(*this);
  }
  ~connection() { host_.remove(*this); }

  // Serves the client until either side closes the connection. `has_room` false: only sends
  // a 503. Never throws.
  task<void> run(bool has_room) {
    try {
      input_.start(here_.executor);
      keeps_ = has_room;
      if (!has_room) co_await refuse(503, "the server's connection limit is reached");
      while (keeps_) {
        keeps_ = co_await next_request();
        if (keeps_) co_await handle_request();
      }
      co_await linger();
    } catch (const std::exception& error) {  // for example std::bad_alloc
      host_.log_failure("A connection", error.what());
      output_.give_up();
    }
    input_.end();
    gone_.request_stop();
    while (input_.receiving()) co_await input_.arrived();
    if (output_.broken()) stream_.abort();
  }

  void wake() override { input_.wake(); }

  // --- for the handler, in its own chain, on the loop of the server --------------------------------------

  const request_head& request() const noexcept override { return parser_.head(); }
  response_head& response() noexcept override { return response_; }
  bool begun() const noexcept override { return output_.begun(); }
  void limit_body(std::uint64_t most) noexcept override { parser_.limit_body(most); }

  // Returns the next piece of the body, valid until the next call; empty at the end of the body.
  task<std::string_view> read() override {
    while (!body_ended_) {
      const request_parser::event now = parser_.next(input_.bytes());
      if (now == request_parser::event::body) co_return parser_.piece();
      if (now == request_parser::event::complete) {
        body_ended_ = true;
      } else if (now == request_parser::event::refused) {
        closes_ = true;
        throw http_error(parser_.refusal().status, parser_.refusal().reason);
      } else if (!input_.refill()) {
        co_await wait_for_body();
      }
    }
    co_return std::string_view();
  }

  task<std::string> read_all() override {
    std::string all;
    all.reserve(static_cast<std::size_t>(
        std::min<std::uint64_t>(request().content_length().value_or(0), most_skipped)));
    for (;;) {
      const std::string_view piece = co_await read();
      if (piece.empty()) break;
      gathered_ += host_.gather(piece.size());
      all.append(piece);
    }
    co_return all;
  }

  task<void> send(std::string_view body) override {
    skip_received();
    output_.begin(form(), response_, body.size());
    return output_.write(body, true);
  }

  task<void> begin(std::optional<std::uint64_t> size) override {
    output_.begin(form(), response_, size);
    return output_.flush();
  }

  task<void> write(std::string_view piece) override { return output_.write(piece, false); }

  void release_memory() noexcept override {
    if (!begun()) return;
    response_head fresh;
    std::swap(response_, fresh);
    parser_.release_head();
    input_.release_memory(0);
    output_.release_memory(0);
  }

 private:
  using event = request_parser::event;
  static constexpr std::size_t most_skipped = 64 * 1024;  // of a body that no handler reads
  static constexpr std::size_t most_lingering = 1024 * 1024;
  static constexpr std::size_t kept_while_idle = 512;  // bytes of each buffer

  // Waits for the next request. Returns true once its head is there, or false if the connection is to be
  // closed.
  task<bool> next_request() {
    lingers_ = false;
    request_refusal refusal;
    while (refusal.status == 0) {
      const event now = parser_.next(input_.bytes());
      if (now == event::head) {
        stop_clock();
        co_return true;
      }
      if (now == event::refused) {
        refusal = parser_.refusal();
      } else if (!input_.refill()) {
        if (input_.ended()) co_return false;
        if (parser_.in_request()) {
          if (out_of_time(deadline_kind::head)) refusal = {408, "the request's head did not come in time"};
        } else {
          if (host_.draining() || out_of_time(deadline_kind::idle)) co_return false;
          release_while_idle();
        }
        if (refusal.status == 0) co_await input_.arrived();
      }
    }
    co_await refuse(refusal.status, refusal.reason);
    co_return false;
  }

  task<void> handle_request() {
    begin_exchange();
    std::exception_ptr failure;
    server_request asked(*this);
    server_response answered(*this);
    context own(here_.executor, gone_.get_token());
    try {
      co_await host_.handle(asked, answered).in(own);
    } catch (...) {
      failure = std::current_exception();
    }
    // the handler may have switched executors
    if (!(own.executor == here_.executor)) co_await resume_on(here_.executor);
    co_await end_exchange(std::move(failure));
  }

  // Completes a response that the handler left out or did not end.
  task<void> end_exchange(std::exception_ptr failure) {
    try {
      if (!failure && !begun()) co_await send(std::string_view());
      if (!failure && output_.in_response()) co_await output_.write(std::string_view(), true);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) co_await send_failure(std::move(failure));
    keeps_ = !output_.broken() && !closes_ && output_.keep_alive();
    if (keeps_ && !body_ended_) keeps_ = co_await skip_rest();
    lingers_ = !body_ended_ || input_.has_bytes();
    stop_clock();
    host_.release(gathered_);
  }

  void begin_exchange() {
    response_ = response_head();
    output_.reset();
    expects_continue_ = request().expects_continue();
    waited_ = duration::zero();
    gathered_ = 0;
    body_ended_ = !request().has_body() && parser_.next(input_.bytes()) == event::complete;
  }

  task<void> send_failure(std::exception_ptr why) {
    const http_error shown = explain(why);
    if (output_.in_response()) output_.give_up();
    if (!output_.broken() && !begun()) co_await send_error(shown.status(), shown.what());
  }

  http_error explain(const std::exception_ptr& why) {
    try {
      std::rethrow_exception(why);
    } catch (const http_error& error) {
      return error;
    } catch (const cancelled&) {
      if (!here_.stop.stop_requested() && gone_.stop_requested()) output_.give_up();
      return http_error(503, "the server is being stopped");
    } catch (const std::exception& error) {
      host_.log_failure(handler_name(), error.what());
    } catch (...) {
      host_.log_failure(handler_name(), "an exception of an unknown type");
    }
    return http_error(500, "the server failed to answer this request");
  }

  std::string handler_name() const {
    if (request().method().empty()) return "The handler of a request";  // its memory was released
    std::string name("The handler of ");
    return name.append(request().method()).append(" ").append(request().path());
  }

  // Never throws: if the client does not take the response, it is gone.
  task<void> send_error(int status, std::string_view text) {
    response_ = response_head(status);
    response_.add("Content-Type", "text/plain; charset=utf-8");
    const std::string body = std::string(text) + "\n";
    try {
      co_await send(body);
    } catch (const cancelled&) {
    }
  }

  // For a request that cannot be read to its end: the position of the next request is then unknown.
  task<void> refuse(int status, const char* reason) {
    stop_clock();
    unreadable_ = lingers_ = true;
    output_.reset();
    co_await send_error(status, reason);
  }

  // Closing at once could destroy the response on its way, because the client may still be sending.
  task<void> linger() {
    if (output_.broken() || !lingers_ || input_.ended()) co_return;
    stream_.shutdown_write();
    input_.discard(most_lingering);
    while (!input_.ended() && !out_of_time(deadline_kind::linger)) co_await input_.arrived();
  }

  // --- the request's body ---------------------------------------------------------------------------------

  // Only the time spent waiting counts, however slowly the handler reads what has arrived.
  task<void> wait_for_body() {
    if (input_.ended()) throw cancelled();
    closes_ = out_of_time(deadline_kind::body) || waited_ >= host_.options().body_timeout;
    if (closes_) throw http_error(408, "the request's body did not come in time");
    if (expects_continue_ && !begun()) co_await output_.send_continue();
    expects_continue_ = false;
    const time_point begin = here_.executor.now();
    co_await input_.arrived();
    waited_ += here_.executor.now() - begin;
    if (!reading_.passed()) stop_clock();
  }

  // Discards what has already arrived of a body that nobody reads.
  void skip_received() {
    while (!body_ended_ && !unreadable_ && !closes_) {
      const event now = parser_.next(input_.bytes());
      if (now == event::complete) body_ended_ = true;
      if (now == event::refused || (now == event::needs_more && !input_.refill())) return;
    }
  }

  // Reads and discards the rest of the body. Returns whether it has ended, so that the next request can be
  // read.
  task<bool> skip_rest() {
    try {
      for (;;) {
        const std::string_view piece = co_await read();
        if (piece.empty()) break;
      }
    } catch (const std::exception&) {  // the body does not arrive, or is malformed
    }
    co_return body_ended_;
  }

  // Whether the rest of the body is small, and arrives without a `100 Continue`.
  bool can_skip_rest() const noexcept {
    return body_ended_ || (!expects_continue_ && !request().chunked() &&
                           request().content_length().value_or(0) <= most_skipped);
  }

  response_form form() {
    response_form made = unreadable_ ? response_form() : response_form(request());
    const bool ends = unreadable_ || closes_ || host_.draining() || here_.stop.stop_requested();
    made.keep_alive = made.keep_alive && !ends && can_skip_rest();
    made.date = host_.date();
    return made;
  }

  // --- time and memory ------------------------------------------------------------------------------------

  // Starts the clock for this kind of wait, unless it is running. Returns whether the deadline has passed.
  bool out_of_time(deadline_kind kind) {
    if (clock_ == kind) return reading_.passed();
    host_.clocks().set(reading_, kind);
    clock_ = kind;
    return false;
  }

  void stop_clock() noexcept {
    reading_.stop();
    clock_.reset();
  }

  void release_while_idle() noexcept {
    parser_.release_memory();
    input_.release_memory(kept_while_idle);
    output_.release_memory(kept_while_idle);
  }

  connection_host& host_;
  Stream& stream_;
  const context& here_;
  linked_stop_source gone_;  // set when the client disconnects or the server stops; the handler's stop token
  connection_input<Stream> input_;
  connection_output<Stream> output_;
  request_parser parser_;
  response_head response_;
  deadline reading_;
  std::optional<deadline_kind> clock_;  // the deadline that reading_ is set for
  duration waited_{};                   // for the body
  std::size_t gathered_ = 0;            // bytes of the body in read_all()
  bool body_ended_ = true;
  bool expects_continue_ = false;
  bool unreadable_ = false;  // the input is not a valid request
  bool closes_ = false;      // the body is malformed or too slow
  bool keeps_ = false;       // the connection stays open for another request
  bool lingers_ = false;     // the client may still be sending, so the connection is not closed at once
};

}  // namespace coworker::inline v0_1::detail
