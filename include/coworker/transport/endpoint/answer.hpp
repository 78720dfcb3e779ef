#pragma once
// How an HTTP endpoint answers a request: the coroutine that sends what an endpoint_visit decides, for
// endpoints of every kind. Must not know which kind it serves.

#include <coworker/coro/context.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/event.hpp>
#include <coworker/http/http_error.hpp>
#include <coworker/http/server_exchange.hpp>
#include <coworker/transport/endpoint/engine.hpp>
#include <coworker/transport/endpoint/reply.hpp>
#include <coworker/transport/endpoint/router.hpp>
#include <coworker/transport/endpoint/visit.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coworker::inline v0_1 {

namespace detail {

// In bytes. A larger body is sent in parts, without a copy.
inline constexpr std::size_t most_copied_body = 16 * 1024;

// One turn of a request: sends what can be sent, until the request must wait for its job, or is done. The first
// turn reads the request.
inline task<void> take_turn(visit_state& state, server_request& request, server_response& response,
                            bool is_first, bool only_health) {
  const executor_ref here = co_await this_coro::executor();
  endpoint_visit visit(state, request.head());
  if (is_first && detail::admit(visit, only_health)) {
    std::string body = co_await request.read_all();
    state.now = here.now();
    detail::begin_visit(visit, std::move(body), state.now);
  }
  if (is_first && !visit.has_reply()) co_return;
  for (;;) {
    const endpoint_visit::step step = visit.next(here.now());
    if (step == endpoint_visit::step::wait || step == endpoint_visit::step::done) break;
    if (step == endpoint_visit::step::write) {
      const std::string piece = visit.take_piece();
      co_await response.write(piece);
      continue;
    }
    const endpoint_reply& made = visit.made();
    made.write_head(response.head());
    if (step == endpoint_visit::step::begin) {
      co_await response.begin();
    } else if (!made.shared) {
      co_await response.send(made.text);
    } else if (made.size() <= most_copied_body) {
      const std::string whole = made.text + made.shared->text + made.tail;
      co_await response.send(whole);
    } else {
      co_await response.begin(made.size());
      co_await response.write(made.text);
      co_await response.write(made.shared->text);
      co_await response.write(made.tail);
    }
  }
}

}  // namespace detail

/// Answers one request for `endpoint`, as the handler of an http_server. `only_health`: serves nothing but
/// the health path.
/// Thread safety: on the server's loop.
inline task<void> answer_request(http_endpoint& endpoint, server_request& request, server_response& response,
                                 bool only_health = false) {
  // A turn is a coroutine of its own, because the waits may be long: this frame lasts, and is small.
  detail::visit_state state(endpoint);
  co_await detail::take_turn(state, request, response, true, only_health);
  while (!state.done) {
    response.release_memory();
    co_await state.job->news.wait_until(state.due());
    co_await detail::take_turn(state, request, response, false, only_health);
  }
}

namespace detail {

// An http_server's handler.
struct endpoint_handler {
  http_endpoint* endpoint;
  bool only_health = false;
  task<void> operator()(server_request& request, server_response& response) const {
    return coworker::answer_request(*endpoint, request, response, only_health);
  }
};

}  // namespace detail
}  // namespace coworker::inline v0_1
