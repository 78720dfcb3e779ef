#pragma once
// One connection of an HTTP server: requests in, responses out, one after the other. Knows what a deadline
// and a client that goes away mean for a request; what is answered is the handler's.

#include <algorithm>
#include <coworker/coro/context.hpp>
#include <coworker/coro/scope.hpp>
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

  // Serves the client until one of both closes the connection; one that there is no room for is only told so.
  // Never throws.
  task<void> run(bool has_room) {
    scope receiving(here_);
    try {
      receiving.spawn(input_.receive());
      keeps_ = has_room;
      if (!has_room) co_await refuse(503, "the server has as many connections as it may have");
      while (keeps_) {
        keeps_ = co_await next_request();
        if (keeps_) co_await answer();
      }
      co_await linger();
    } catch (const std::exception& error) {  // such as that there is no memory
      host_.log_failure("A connection", error.what());
      output_.give_up();
    }
    input_.end();
    receiving.request_stop();
    co_await receiving.join();
    if (output_.broken()) stream_.abort();
  }

  void wake() override { input_.wake(); }

  // --- for the handler, in its own chain, on the loop of the server --------------------------------------

  const request_head& request() const noexcept override { return parser_.head(); }
  response_head& response() noexcept override { return response_; }
  bool begun() const noexcept override { return output_.begun(); }
  void limit_body(std::uint64_t most) noexcept override { parser_.limit_body(most); }

  // The next piece of the body, valid until the next call; empty: it has ended.
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

 private:
  using event = request_parser::event;
  static constexpr std::size_t most_skipped = 64 * 1024;  // of a body that no handler wants
  static constexpr std::size_t most_lingering = 1024 * 1024;

  // True: a request has begun. False: the connection is to be closed.
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
          release_memory();
        }
        if (refusal.status == 0) co_await input_.arrived();
      }
    }
    co_await refuse(refusal.status, refusal.reason);
    co_return false;
  }

  task<void> answer() {
    begin_exchange();
    std::exception_ptr failure;
    context own(here_.executor, gone_.get_token());
    try {
      co_await host_.handle(*this).in(own);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!(own.executor == here_.executor)) co_await resume_on(here_.executor);  // the handler has hopped away
    try {
      if (!failure) co_await finish();
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

  // What the handler has left out.
  task<void> finish() {
    if (!begun()) {
      co_await send(std::string_view());
    } else if (output_.in_response()) {
      co_await output_.write(std::string_view(), true);
    }
  }

  task<void> send_failure(std::exception_ptr why) {
    const http_error told = explain(why);
    if (output_.in_response()) output_.give_up();
    if (!output_.broken() && !begun()) co_await send_error(told.status(), told.what());
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
    std::string name("The handler of ");
    return name.append(request().method()).append(" ").append(request().path());
  }

  // Never throws: a client that does not take it is gone.
  task<void> send_error(int status, std::string_view text) {
    response_ = response_head(status);
    response_.add("Content-Type", "text/plain; charset=utf-8");
    const std::string body = std::string(text) + "\n";
    try {
      co_await send(body);
    } catch (const cancelled&) {
    }
  }

  // Of a request that cannot be read to its end, so that nobody knows where the next one begins.
  task<void> refuse(int status, const char* reason) {
    stop_clock();
    unreadable_ = lingers_ = true;
    output_.reset();
    co_await send_error(status, reason);
  }

  // The client may still be sending, and would not see the response if the connection were closed under it.
  task<void> linger() {
    if (output_.broken() || !lingers_ || input_.ended()) co_return;
    stream_.shutdown_write();
    input_.discard(most_lingering);
    while (!input_.ended() && !out_of_time(deadline_kind::linger)) co_await input_.arrived();
  }

  // --- the request's body ---------------------------------------------------------------------------------

  // Only the time that is spent waiting counts, however slowly the handler takes what has come.
  task<void> wait_for_body() {
    if (input_.ended()) throw cancelled();
    closes_ = out_of_time(deadline_kind::body) || waited_ >= host_.options().body_timeout;
    if (closes_) throw http_error(408, "the request's body did not come in time");
    if (expects_continue_ && !begun()) co_await output_.tell_to_continue();
    expects_continue_ = false;
    const time_point begin = here_.executor.now();
    co_await input_.arrived();
    waited_ += here_.executor.now() - begin;
    if (!reading_.passed()) stop_clock();
  }

  // What has come already of a body that nobody reads.
  void skip_received() {
    while (!body_ended_ && !unreadable_ && !closes_) {
      const event now = parser_.next(input_.bytes());
      if (now == event::complete) body_ended_ = true;
      if (now == event::refused || (now == event::needs_more && !input_.refill())) return;
    }
  }

  // True: the next request can be read.
  task<bool> skip_rest() {
    try {
      for (;;) {
        const std::string_view piece = co_await read();
        if (piece.empty()) break;
      }
    } catch (const std::exception&) {  // it does not come, or is none
    }
    co_return body_ended_;
  }

  // Whether what is left of the body is little, and will come without being asked for.
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

  // Begins to count for what is waited for now, unless it does already.
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

  void release_memory() noexcept {
    parser_.release_memory();
    input_.release_memory();
    output_.release_memory();
  }

  connection_host& host_;
  Stream& stream_;
  const context here_;
  linked_stop_source gone_;  // the client, or the server: what the handler sees
  connection_input<Stream> input_;
  connection_output<Stream> output_;
  request_parser parser_;
  response_head response_;
  deadline reading_;
  std::optional<deadline_kind> clock_;  // what reading_ is set for
  duration waited_{};                   // for the body
  std::size_t gathered_ = 0;            // bytes of the body
  bool body_ended_ = true;
  bool expects_continue_ = false;
  bool unreadable_ = false;  // what the client sends is no request
  bool closes_ = false;      // what the client sends as a body is none, or too slow
  bool keeps_ = false;       // the connection, for another request
  bool lingers_ = false;
};

}  // namespace coworker::detail
