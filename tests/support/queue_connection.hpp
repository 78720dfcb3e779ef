#pragma once
// One connection of the queue server: the request that it reads, the answer that it writes, and their
// progress. Must not know the queue.

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <support/http_message.hpp>
#include <support/poller.hpp>
#include <support/queue_log.hpp>
#include <support/queue_script.hpp>
#include <support/queue_state.hpp>
#include <support/socket.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {

/// Identifies a connection as long as the server exists: its descriptor and its number.
using connection_key = poller::key;

struct connection {
  enum class phase : unsigned char {
    reading,  // a request, or waiting for one
    asked,    // a request that has not been acted on yet
    held,     // a long poll
    paused,   // until release()
    writing,
    closed,
  };

  connection(unique_fd accepted, std::uint32_t count) : socket(std::move(accepted)), number(count) {}

  connection_key key() const noexcept {
    return (connection_key{number} << 32) | static_cast<std::uint32_t>(socket.get());
  }

  unique_fd socket;
  const std::uint32_t number;
  phase now = phase::reading;
  std::string received;  // bytes that the reader has not seen yet
  http_request_reader reader;

  // Of the current request.
  route asked;
  answer plan;
  std::size_t exchange = queue_recorder::not_kept;
  std::vector<std::string> jobs;  // in its answer; kept until it is known whether they arrived
  std::string out;
  std::size_t body_begins = 0;  // in `out`
  std::size_t sent = 0;

  poller::alarm alarm;
  bool watches_room = false;  // the poller reports when more can be written
  bool client_left = false;

  /// Composes the answer, with the framing that the plan says.
  void compose(int status, std::string_view body) {
    out.clear();
    sent = 0;
    if (plan.chunked && status != 204) {
      append_answer_head(out, status, plan.headers, std::nullopt);
      body_begins = out.size();
      out += chunked_body(body);
    } else {
      append_answer_head(out, status, plan.headers, body.size());
      body_begins = out.size();
      if (status != 204) out += body;
    }
  }

  /// Returns how much of `out` may be sent before the plan's next pause or cut.
  std::size_t limit() const noexcept {
    std::size_t end = out.size();
    if (plan.pause_at == point::in_body || plan.cut_at == point::in_body) {
      end = body_begins + (out.size() - body_begins) / 2;
    }
    if (plan.pace.count() > 0) end = std::min(end, std::max(sent + 1, body_begins));
    return end;
  }

  enum class sending : unsigned char { complete, blocked, failed };

  /// Sends `out` up to the index `end`.
  sending send_up_to(std::size_t end) {
    while (sent < end) {
      const ssize_t count = ::send(socket.get(), out.data() + sent, end - sent, MSG_NOSIGNAL);
      if (count >= 0) {
        sent += static_cast<std::size_t>(count);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return sending::blocked;
      } else if (errno != EINTR) {
        return sending::failed;
      }
    }
    return sending::complete;
  }
};

}  // namespace coworker::testing
