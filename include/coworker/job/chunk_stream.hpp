#pragma once
// The way of a streaming handler's elements to the queue: gathered into chunks, sent in order, no faster than
// the queue takes them. Must not know what a queue is.

#include <coworker/coro/clock.hpp>
#include <coworker/coro/context.hpp>
#include <coworker/coro/executor.hpp>
#include <coworker/coro/scope.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace coworker {

/// How the elements of a streaming handler become chunks.
struct stream_options {
  /// How long an element may wait for others that go out in the same chunk, which then is an array of
  /// elements, also of one. For token streams, such as 50 ms. Default 0: each element is a chunk.
  duration gather_for{};
  /// Elements go out sooner once they are as many bytes of JSON. Default 64 KiB.
  std::size_t gather_bytes = 64 * 1024;
  /// Whether gathered elements that are all texts go out as one text, in which they follow each other.
  bool join_texts = false;
  /// The longest chunk, in bytes of JSON, that the queue takes; an element beyond that fails its job. Default
  /// 1 MB, the platform's limit.
  std::size_t chunk_limit = 1'000'000;
  /// Whether the final output lists all elements; else it is an empty list.
  bool return_aggregate_stream = false;
};

/// A chunk that the queue cannot have: too long, refused, or not deliverable.
class chunk_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

// One job's stream, used on one executor but for the stop of its job. `send(text)` gives a task<bool>:
// whether the queue has the chunk. Left only after finish().
template <class Send>
class chunk_stream {
 public:
  // `sends` is false for a queue that takes no chunks; then all elements are for the final output.
  chunk_stream(Send& send, const stream_options& options, bool sends, const context& job)
      : send_(send),
        options_(options),
        sends_(sends),
        aggregates_(options.return_aggregate_stream || !sends),
        stop_(job.stop),
        executor_(job.executor),
        sender_(job) {}

  chunk_stream(const chunk_stream&) = delete;
  chunk_stream& operator=(const chunk_stream&) = delete;

  // Waits until there is room. Errors: chunk_error; json's when the element cannot be written, with its
  // place among all; `cancelled`.
  task<void> push(json element) {
    ++elements_;
    const bool is_text = element.is_string();
    const std::string text = text_of_element(element);
    if (sends_ && text.size() > longest_chunk()) throw chunk_error(too_long(text.size()));
    if (aggregates_) all_.push_back(std::move(element));
    if (!sends_ || broken_) co_return fail_if_broken();
    if (!std::exchange(started_, true)) sender_.spawn(send_all());
    while (!has_room(text.size(), is_text) && !broken_) {
      stop_.throw_if_stopped();
      full_ = true;
      news_.set();
      const stop_callback on_stop(stop_, [this] { room_.set(); });
      co_await room_.wait();
    }
    if (broken_) co_return fail_if_broken();
    add(text, is_text);
  }

  // Sends what there is and waits for its end. Errors: chunk_error when not all has arrived that had to;
  // `cancelled` when that is because of a stop.
  task<void> finish() {
    finished_ = true;
    news_.set();
    co_await sender_.join();
    fail_if_broken();
  }

  // The final output, once finished.
  json take_output() { return aggregates_ ? std::move(all_) : json::array(); }
  bool aggregates() const noexcept { return aggregates_; }

 private:
  std::string text_of_element(const json& element) const {
    try {
      return element.dump();
    } catch (json_value_error& error) {
      error.inside_element(elements_ - 1);
      error.inside_member("output");
      throw;
    }
  }

  bool gathers() const noexcept { return options_.gather_for > duration::zero(); }

  // Of elements, without the brackets that may be put around them.
  std::size_t longest_chunk() const noexcept {
    const bool brackets = gathers() && options_.chunk_limit > 2;
    return brackets ? options_.chunk_limit - 2 : options_.chunk_limit;
  }
  std::size_t longest_gathered() const noexcept {
    const std::size_t most = longest_chunk();
    return options_.gather_bytes < most ? options_.gather_bytes : most;
  }
  bool has_room(std::size_t more, bool is_text) const noexcept {
    if (pending_.empty()) return true;
    if (!gathers() || (options_.join_texts && is_text != pending_text_)) return false;
    return pending_.size() + 1 + more <= longest_gathered();
  }

  void add(const std::string& text, bool is_text) {
    if (pending_.empty()) {
      pending_ = text;
      pending_text_ = is_text;
      send_at_ = detail::after(executor_.now(), options_.gather_for);
    } else if (options_.join_texts && is_text) {
      pending_.pop_back();  // the quotes between them
      pending_.append(text, 1);
    } else {
      pending_.append(1, ',').append(text);
    }
    news_.set();
  }

  std::string take_pending() {
    const bool as_array = gathers() && !(options_.join_texts && pending_text_);
    std::string text = std::exchange(pending_, {});
    full_ = false;
    return as_array ? "[" + text + "]" : text;
  }

  task<void> send_all() {
    for (;;) {
      while (pending_.empty() && !finished_) co_await news_.wait();
      if (pending_.empty()) co_return;
      while (gathers() && !finished_ && !full_ && pending_.size() < longest_gathered() &&
             executor_.now() < send_at_) {
        co_await news_.wait_until(send_at_);
      }
      ++chunks_;
      std::string text = take_pending();
      room_.set();
      const bool arrived = co_await delivered(std::move(text));
      broken_ = !arrived;
      if (broken_) co_return room_.set();
    }
  }

  task<bool> delivered(std::string text) {
    try {
      co_return co_await send_(std::move(text));
    } catch (const cancelled&) {
      cut_off_ = true;
    }
    co_return false;
  }

  // The final output makes up for what the stream lacks, where it lists all.
  void fail_if_broken() const {
    if (!broken_ || aggregates_) return;
    if (cut_off_) throw cancelled();
    throw chunk_error("chunk " + std::to_string(chunks_) +
                      " of the stream could not be handed to the queue, and the rest would leave a gap");
  }

  std::string too_long(std::size_t size) const {
    return "element " + std::to_string(elements_) + " of the stream is " + std::to_string(size) +
           " bytes of JSON, and the queue takes no more than " + std::to_string(longest_chunk()) +
           " in a chunk (stream_options::chunk_limit); stream smaller ones";
  }

  Send& send_;
  const stream_options& options_;
  const bool sends_;
  const bool aggregates_;
  const stop_token stop_;
  const executor_ref executor_;
  scope sender_;
  auto_reset_event news_;  // for the sender
  auto_reset_event room_;  // for push()
  std::string pending_;    // one element, or several with commas between them, or one text made of several
  time_point send_at_{};
  json all_ = json::array();
  std::size_t elements_ = 0;  // pushed
  std::size_t chunks_ = 0;    // sent
  bool pending_text_ = false;
  bool full_ = false;  // push() waits
  bool started_ = false;
  bool finished_ = false;
  bool broken_ = false;   // a chunk did not arrive; none is sent any more
  bool cut_off_ = false;  // because of a stop
};

}  // namespace detail
}  // namespace coworker
