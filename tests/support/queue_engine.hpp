#pragma once
// The queue server without its thread: connections over epoll, and each answer from the request to its end.
// Every function except poll() must be called under the server's lock. Linux.

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <support/poller.hpp>
#include <support/queue_connection.hpp>
#include <support/queue_log.hpp>
#include <support/queue_script.hpp>
#include <support/queue_state.hpp>
#include <support/socket.hpp>
#include <utility>
#include <vector>

namespace coworker::testing {

struct queue_settings {
  /// 0: any free port.
  std::uint16_t port = 0;
  /// How long a poll waits for a job before it is answered with 204.
  std::chrono::milliseconds hold{1000};
  /// False: job-stop is answered with 404.
  bool stop_channel = true;
  /// False: the log only counts, for benchmarks.
  bool keep_exchanges = true;
};

class queue_engine {
 public:
  explicit queue_engine(const queue_settings& settings)
      : settings_(settings), listener_(settings.port), recorder_(settings.keep_exchanges) {
    poller_.watch(listener_.get(), listener_key);
  }
  queue_engine(const queue_engine&) = delete;
  queue_engine& operator=(const queue_engine&) = delete;

  // --- the serving thread's ------------------------------------------------------------------------------

  /// Blocks until there is something to handle, for `timeout` milliseconds at most; -1: no limit. The only
  /// function that needs no lock; one thread calls it.
  void poll(int timeout) noexcept { poller_.poll(timeout); }

  /// Handles the events that poll() found and the alarms that are due.
  void handle() {
    for (const epoll_event& event : poller_.ready()) handle(event);
    while (const auto whose = poller_.next_due()) ring(*whose);
    closed_connections_.clear();
  }

  /// Returns the timeout for the next poll().
  int timeout() const { return poller_.timeout(); }

  // --- any thread's --------------------------------------------------------------------------------------

  /// Makes poll() return, so that it is called with a new timeout. Any thread, with or without the lock.
  void wake() noexcept { poller_.wake(); }

  void add_job(std::string id, std::string text) {
    state_.add(std::move(id), std::move(text));
    serve_held();
  }

  void stop_job(std::string id) {
    state_.add_stop(std::move(id));
    serve_held();
  }

  void set_hold(std::chrono::milliseconds hold) noexcept { settings_.hold = hold; }
  void set_stop_channel(bool on) noexcept { settings_.stop_channel = on; }
  queue_script& script() noexcept { return script_; }
  const queue_log& log() const noexcept { return recorder_.log(); }
  const queue_state& state() const noexcept { return state_; }
  std::uint16_t port() const noexcept { return listener_.port(); }

  /// Ends all connections, with a regular close or a reset.
  void drop_connections(bool by_reset) {
    for (const auto& one : connections_) {
      if (one) cut(*one, by_reset);
    }
  }

  void refuse_connections() { listener_.close(); }

  void accept_connections() {
    if (listener_.is_open()) return;
    listener_.open();
    poller_.watch(listener_.get(), listener_key);
  }

  void accept_connections_in(std::chrono::milliseconds wait) { poller_.set_alarm(listener_key, wait); }

  /// Continues everything that is paused.
  void release() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      if (connections_[i] && connections_[i]->now == connection::phase::paused) go_on(*connections_[i]);
    }
  }

 private:
  using phase = connection::phase;

  static constexpr connection_key listener_key = 0;  // no connection's number is 0

  // --- events --------------------------------------------------------------------------------------------

  void handle(const epoll_event& event) {
    if (event.data.u64 == listener_key) {
      accept();
    } else if (event.data.u64 == poller::wake_up_key) {
      return;  // a wake-up needs no handling
    } else if (connection* const found = find(event.data.u64)) {
      if ((event.events & EPOLLOUT) != 0 && found->now == phase::writing) write(*found);
      if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0) receive(*found);
      serve(*found);
    }
  }

  void accept() {
    while (listener_.is_open()) {
      unique_fd accepted = listener_.accept();
      if (!accepted) return;
      const auto place = static_cast<std::size_t>(accepted.get());
      if (connections_.size() <= place) connections_.resize(place + 1);
      queue_log& log = recorder_.log();
      ++log.open;
      connections_[place] =
          std::make_unique<connection>(std::move(accepted), static_cast<std::uint32_t>(++log.connections));
      poller_.watch(connections_[place]->socket.get(), connections_[place]->key());
    }
  }

  connection* find(connection_key key) const noexcept {
    const auto place = static_cast<std::size_t>(key & 0xffffffffU);
    if (place >= connections_.size() || !connections_[place]) return nullptr;
    return connections_[place]->key() == key ? connections_[place].get() : nullptr;
  }

  void receive(connection& from) {
    if (from.now == phase::closed) return;
    const ssize_t count = ::recv(from.socket.get(), buffer_.data(), buffer_.size(), 0);
    if (count > 0) {
      from.received.append(buffer_.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      client_left(from, true);
    } else if (errno != EAGAIN && errno != EINTR) {
      client_left(from, false);
    }
  }

  void ring(connection_key key) {
    if (key == listener_key) return accept_connections();
    connection& whose = *find(key);
    whose.alarm = {};
    if (whose.now == phase::held) {
      leave_hold(whose);
      respond(whose, 204, {});
    } else if (whose.now == phase::asked) {
      start(whose);
    } else if (whose.now == phase::writing) {
      write(whose);
    }
    serve(whose);
  }

  void set_alarm(connection& whose, std::chrono::milliseconds wait) {
    if (wait != answer::never) whose.alarm = poller_.set_alarm(whose.key(), wait);
  }

  // --- from a request to the end of its answer -----------------------------------------------------------

  /// Begins to answer the requests that are complete.
  void serve(connection& with) {
    using progress = http_request_reader::progress;
    while (with.now == phase::reading) {
      const progress read = with.reader.read(with.received);
      if (read == progress::complete) {
        begin(with);
      } else if (read == progress::needs_continue) {
        with.out = "HTTP/1.1 100 Continue\r\n\r\n";
        with.sent = 0;
        with.send_up_to(with.out.size());
      } else {
        if (read == progress::malformed) {
          ++recorder_.log().malformed;
          close(with);
        }
        return;
      }
    }
  }

  void begin(connection& with) {
    settle_jobs(with, hand_out_result::arrived);
    const http_request& request = with.reader.request();
    with.asked = route_of(request);
    with.plan = script_.next(with.asked.where, request);
    with.exchange = recorder_.arrived(with.asked.where, with.number, request, with.asked.job_id);
    with.now = phase::asked;
    if (with.plan.delay.count() > 0) {
      set_alarm(with, with.plan.delay);
    } else {
      start(with);
    }
  }

  void start(connection& with) {
    if (stops_at(with, point::before_acting)) return;
    if (!with.plan.acts_on(with.asked.where)) return respond(with, 200, {});
    switch (with.asked.where) {
      case endpoint::take:
      case endpoint::take_batch:
      case endpoint::stop:
        return answer_poll(with);
      case endpoint::done:
        recorder_.accepted_result(with.asked.job_id);
        [[fallthrough]];
      case endpoint::progress:
      case endpoint::stream:
      case endpoint::ping:
        recorder_.acted(with.exchange);
        return respond(with, 200, "{}");
      case endpoint::other:
        return respond(with, 404, R"({"error":"the test queue has no such path"})");
    }
  }

  bool has_something(const connection& poll) const noexcept {
    return poll.asked.where == endpoint::stop ? state_.has_stops() : state_.has_jobs();
  }

  void answer_poll(connection& with) {
    if (with.asked.where == endpoint::stop && !settings_.stop_channel) return respond(with, 404, {});
    recorder_.acted(with.exchange);
    if (has_something(with) && !with.plan.when_client_leaves) return hand_out(with);
    const auto hold = with.plan.when_client_leaves ? answer::never : with.plan.hold.value_or(settings_.hold);
    if (hold.count() <= 0) return respond(with, 204, {});
    with.now = phase::held;
    held_.push_back(with.key());
    recorder_.held(with.exchange);
    set_alarm(with, hold);
  }

  void hand_out(connection& with) {
    if (with.asked.where == endpoint::stop) return respond(with, 200, state_.take_stops());
    if (!state_.has_jobs()) return respond(with, 204, {});
    const bool batch = with.asked.where == endpoint::take_batch && !with.plan.as_object;
    const std::size_t most = batch ? batch_size_of(with.reader.request()) : 1;
    respond(with, 200, state_.take(most, batch, with.jobs));
  }

  /// Gives jobs and stops to held polls, the longest waiting first.
  void serve_held() {
    for (std::size_t i = 0; i < held_.size();) {
      connection& poll = *find(held_[i]);
      if (poll.plan.when_client_leaves || !has_something(poll)) {
        ++i;
        continue;
      }
      leave_hold(poll);
      hand_out(poll);
      serve(poll);
    }
  }

  void leave_hold(connection& poll) {
    poller_.clear_alarm(poll.alarm);
    std::erase(held_, poll.key());
    --recorder_.log().waiting_polls;
  }

  void respond(connection& with, int own_status, std::string_view own_body) {
    const int status = with.plan.status != 0 ? with.plan.status : own_status;
    recorder_.answering(with.exchange, status, with.jobs);
    with.compose(status, with.plan.body ? std::string_view(*with.plan.body) : own_body);
    with.now = phase::writing;
    if (!stops_at(with, point::before_answer)) write(with);
  }

  void write(connection& to) {
    const std::size_t end = to.limit();
    const connection::sending went = to.send_up_to(end);
    if (went == connection::sending::failed) return client_left(to, false);
    const bool blocked = went == connection::sending::blocked;
    if (blocked != to.watches_room) {
      to.watches_room = blocked;
      poller_.watch_room(to.socket.get(), to.key(), blocked);
    }
    if (blocked) return;
    if (end == to.out.size()) return finish(to);
    if (to.plan.pace.count() > 0 && to.limit() > end) return set_alarm(to, to.plan.pace);
    stops_at(to, point::in_body);
  }

  void finish(connection& with) {
    recorder_.met(with.jobs, hand_out_result::written);
    recorder_.ended(with.exchange, ending::answered);
    with.now = phase::reading;
    if (with.client_left) settle_jobs(with, hand_out_result::lost_by_client);
    if (stops_at(with, point::after_answer)) return;
    if (with.client_left || with.reader.wants_close()) close(with);
  }

  /// Pauses or cuts at a point, if the script says so.
  bool stops_at(connection& with, point here) {
    if (with.plan.pause_at == here) {
      with.now = phase::paused;
      ++recorder_.log().paused;
      return true;
    }
    if (with.plan.cut_at != here) return false;
    cut(with, with.plan.by_reset);
    return true;
  }

  void go_on(connection& paused) {
    --recorder_.log().paused;
    const point from = std::exchange(paused.plan.pause_at, point::none);
    if (from == point::before_acting) {
      paused.now = phase::asked;
      start(paused);
      return serve(paused);
    }
    paused.now = phase::writing;
    if (from == point::in_body || !stops_at(paused, from)) write(paused);
    serve(paused);
  }

  // --- how connections end -------------------------------------------------------------------------------

  /// Called when the client has closed its side, or both with a reset.
  void client_left(connection& by, bool in_order) {
    if (by.now == phase::held && by.plan.when_client_leaves && in_order) {
      by.client_left = true;
      leave_hold(by);
      return hand_out(by);
    }
    if (by.now == phase::held) {
      leave_hold(by);
      ++recorder_.log().aborted_polls;
    }
    if (by.now == phase::paused) --recorder_.log().paused;
    // A client that closes without a reset has read all that was written; otherwise the kernel sends a reset.
    settle_jobs(by, in_order && by.now == phase::reading ? hand_out_result::arrived
                                                         : hand_out_result::lost_by_client);
    if (by.now != phase::reading) recorder_.ended(by.exchange, ending::left);
    close(by);
  }

  /// Ends a connection on the server's side.
  void cut(connection& with, bool by_reset) {
    if (with.now == phase::held) leave_hold(with);
    if (with.now == phase::paused) --recorder_.log().paused;
    if (with.now != phase::reading) {
      settle_jobs(with, hand_out_result::lost_by_server);
      recorder_.ended(with.exchange, ending::cut);
    }
    if (by_reset) reset_on_close(with.socket.get());
    close(with);
  }

  void settle_jobs(connection& of, hand_out_result met) {
    recorder_.met(of.jobs, met);
    of.jobs.clear();
  }

  /// The object exists until the end of handle(), because callers still use it.
  void close(connection& gone) {
    poller_.clear_alarm(gone.alarm);
    gone.now = phase::closed;
    --recorder_.log().open;
    const auto place = static_cast<std::size_t>(gone.socket.get());
    closed_connections_.push_back(std::move(connections_[place]));
    gone.socket = unique_fd();
  }

  queue_settings settings_;
  poller poller_;
  listener listener_;
  std::array<char, 65536> buffer_{};

  queue_state state_;
  queue_script script_;
  queue_recorder recorder_;
  std::vector<std::unique_ptr<connection>> connections_;  // by descriptor
  std::vector<std::unique_ptr<connection>> closed_connections_;
  std::vector<connection_key> held_;  // the longest waiting first
};

}  // namespace coworker::testing
