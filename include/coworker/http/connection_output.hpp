#pragma once
// Writes responses to a client, no faster than the client reads them. Must not know requests.

#include <algorithm>
#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/http/connection_host.hpp>
#include <coworker/http/deadlines.hpp>
#include <coworker/http/response_head.hpp>
#include <coworker/http/response_writer.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace coworker::inline v0_1::detail {

template <class Stream>
class connection_output {
 public:
  // `gone` gets a stop request when the client turns out to be gone.
  connection_output(connection_host& host, Stream& stream, const context& here, stop_source& gone) noexcept
      : host_(host), stream_(stream), here_(here), gone_(gone) {}

  // Call before each response.
  void reset() noexcept { writer_.reset(); }

  bool begun() const noexcept { return writer_.has_value(); }
  bool in_response() const noexcept { return begun() && writer_->in_response(); }
  bool keep_alive() const noexcept { return begun() && writer_->keep_alive(); }

  // Whether nothing more can be sent to the client.
  bool broken() const noexcept { return broken_; }
  void give_up() noexcept { broken_ = true; }

  // Writes the head into the buffer.
  void begin(const response_form& form, const response_head& head, std::optional<std::uint64_t> size) {
    if (begun()) throw std::logic_error("response: it has already begun; a request gets one response");
    writer_.emplace(out_, form);
    try {
      if (size) {
        writer_->begin(head, *size);
      } else {
        writer_->begin(head);
      }
    } catch (...) {
      writer_.reset();
      throw;
    }
  }

  // Writes a piece of the body, after the content of the buffer. Copies only small pieces.
  task<void> write(std::string_view piece, bool is_last) {
    if (!begun()) throw std::logic_error("response: write() was called before begin()");
    if (piece.size() <= most_copied) {
      writer_->write(piece);
    } else if (writer_->begin_piece(piece.size())) {
      co_await flush(piece);
      writer_->end_piece();
    }
    if (is_last) writer_->end();
    co_await flush();
  }

  // Sends the buffer, then `more`. Throws: `cancelled` if the client is gone or reads nothing.
  task<void> flush(std::string_view more = {}) {
    if (broken_) throw cancelled();
    linked_stop_source cut_off(here_.stop);  // a stop here ends a write
    context writing(here_.executor, cut_off.get_token());
    deadline due([](void* source) { static_cast<stop_source*>(source)->request_stop(); }, &cut_off);
    std::string_view first = out_;
    try {
      while (!first.empty() || !more.empty()) {
        host_.clocks().set(due, deadline_kind::write);
        const std::size_t count = co_await stream_.write_some(first, more).in(writing);
        const std::size_t of_first = (std::min)(count, first.size());
        first.remove_prefix(of_first);
        more.remove_prefix(count - of_first);
      }
    } catch (const cancelled&) {
      broken_ = true;
    } catch (const std::system_error&) {
      broken_ = true;
    }
    out_.clear();
    if (!broken_) co_return;
    gone_.request_stop();
    throw cancelled();
  }

  task<void> send_continue() {
    append_continue(out_);
    return flush();
  }

  // Frees the buffer if it is larger than `kept`. Call only while it is empty.
  void release_memory(std::size_t kept) noexcept {
    if (out_.capacity() > kept) std::string().swap(out_);
  }

 private:
  static constexpr std::size_t most_copied = 16 * 1024;

  connection_host& host_;
  Stream& stream_;
  const context& here_;
  stop_source& gone_;
  std::string out_;
  std::optional<response_writer> writer_;  // set once the response has begun
  bool broken_ = false;
};

}  // namespace coworker::inline v0_1::detail
