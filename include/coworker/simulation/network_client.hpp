#pragma once
// The network between a worker and the queue, as an HTTP client: each exchange takes the time and meets the
// faults that the plan draws for it. Must not know the worker.

#include <coworker/coro/context.hpp>
#include <coworker/coro/stop.hpp>
#include <coworker/coro/task.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/http/client.hpp>
#include <coworker/simulation/fault_plan.hpp>
#include <coworker/simulation/ledger.hpp>
#include <coworker/simulation/memory_disk.hpp>
#include <coworker/simulation/queue_server.hpp>
#include <coworker/simulation/request_checks.hpp>
#include <coworker/simulation/wire.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// What all workers of a run share.
struct surroundings {
  const fault_plan& plan;
  ledger& book;
  queue_server& server;
  request_checks& checks;
  dice& draws;
};

/// A request that reaches the server after its sender has given it up.
struct late_request {
  duration due{};
  http_request request;
  int worker;

  late_request(duration when, http_request what, int from)
      : due(when), request(std::move(what)), worker(from) {
    request.headers = {};  // they belong to the sender, which may be gone by then
  }
};

/// Models http_client for one worker.
class network_client {
 public:
  network_client(surroundings& around, int worker) noexcept : around_(around), worker_(worker) {}
  network_client(const network_client&) = delete;
  network_client& operator=(const network_client&) = delete;

  task<http_response> send(const http_request& request);

  /// Ends all exchanges: nothing gets out or in any more.
  void cut_off() {
    dead_ = true;
    for (exchange* const one : under_way_) one->woken.set();
  }

  /// Passes late requests to the server once they are due.
  void deliver_late(duration now);

 private:
  // What happens to one exchange.
  struct exchange_plan {
    duration up;
    duration down;
    duration body{};  // from the begin of the answer to its end
    bool lost_request = false;
    bool lost_answer = false;
    bool silent = false;
    bool twice = false;
    bool late = false;
    bool gateway_error = false;
  };

  struct exchange {
    network_client& owner;
    executor_ref executor;
    auto_reset_event woken;
    duration answer_by;
    duration left_at = (duration::max)();  // when its sender has left

    exchange(network_client& client, executor_ref where, duration patience)
        : owner(client), executor(where), answer_by(client.around_.book.now() + patience) {
      owner.under_way_.push_back(this);
      ++owner.around_.book.account(owner.worker_).coroutines;
    }
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;
    ~exchange() {
      std::vector<exchange*>& all = owner.under_way_;
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] == this) {
          all[i] = all.back();
          all.pop_back();
          break;
        }
      }
      --owner.around_.book.account(owner.worker_).coroutines;
    }

    duration now() const noexcept { return owner.around_.book.now(); }
    bool leaving() const noexcept { return left_at != (duration::max)(); }
    auto_reset_event::wait_awaiter until(duration due) noexcept { return woken.wait_until(time_point(due)); }
    void leave() {
      left_at = now();
      woken.set();
    }
  };

  // An answer that was on its way when the sender left is received if it begins within this time.
  static constexpr duration linger = std::chrono::seconds(1);

  // Repeats the worker's own rule, because code under test must not be asked about its own rules.
  static bool refuses_for_good(int status) noexcept {
    return status == 400 || status == 413 || status == 422 || status == 404 || status == 409 || status == 410;
  }

  exchange_plan draw();
  // How far an exchange has got. Returned by value, because an exception would pass through one coroutine
  // more.
  enum class progress : unsigned char { on_its_way, too_late, given_up };

  task<progress> pass(exchange& one, duration due);
  task<progress> receive(exchange& one, duration length);
  task<progress> hold(exchange& one, held_poll& poll, duration reach);
  task<http_response> lose(exchange& one, const call& asked, const exchange_plan& met,
                           const http_request& request);
  task<http_response> bring_back(exchange& one, held_poll& poll, const exchange_plan& met,
                                 bool timeout_to_end);
  http_response end(const call& asked, progress how);
  http_response failed_answer(const call& asked, http_failure kind, const char* problem);
  void arrive(const call& asked, const http_response& answer, const std::vector<int>& handed);

  surroundings& around_;
  int worker_;
  bool dead_ = false;
  std::vector<exchange*> under_way_;
  std::vector<late_request> late_;
};

inline auto network_client::draw() -> exchange_plan {
  const fault_plan& plan = around_.plan;
  dice& random = around_.draws;
  exchange_plan met{};
  met.up = plan.latency + random.between(duration::zero(), plan.jitter);
  met.down = plan.latency + random.between(duration::zero(), plan.jitter);
  if (around_.book.now() >= plan.calm_from) return met;
  constexpr int slowest = 400;
  if (random.chance(plan.slow)) met.up *= random.between(2, slowest);
  if (random.chance(plan.slow)) met.down *= random.between(2, slowest);
  if (random.chance(plan.slow_bodies))
    met.body = random.between(std::chrono::milliseconds(1), std::chrono::seconds(20));
  met.lost_request = random.chance(plan.lost_requests) || plan.partitioned(around_.book.now());
  met.lost_answer = random.chance(plan.lost_answers);
  met.twice = random.chance(plan.duplicates);
  met.late = random.chance(plan.late_requests);
  met.gateway_error = random.chance(plan.gateway_errors);
  met.silent = random.chance(plan.silent);
  return met;
}

// Waits while nothing of the answer has come.
inline auto network_client::pass(exchange& one, duration due) -> task<progress> {
  for (;;) {
    const duration give_up = one.leaving() ? one.left_at + linger : (duration::max)();
    const duration now = one.now();
    if (dead_ || (now >= give_up && now < due)) co_return progress::given_up;
    if (now >= due) co_return progress::on_its_way;
    if (now >= one.answer_by) co_return progress::too_late;
    duration next = due < one.answer_by ? due : one.answer_by;
    if (give_up < next) next = give_up;
    co_await one.until(next);
  }
}

// Receives an answer that has begun, to its end.
inline auto network_client::receive(exchange& one, duration length) -> task<progress> {
  const duration due = one.now() + length;
  while (!dead_ && one.now() < due) co_await one.until(due);
  co_return dead_ ? progress::given_up : progress::on_its_way;
}

// Lets a poll wait at the server. If its sender leaves, the server learns of that after `reach`; until then
// it may answer.
inline auto network_client::hold(exchange& one, held_poll& poll, duration reach) -> task<progress> {
  const duration held_until = one.now() + around_.plan.hold;
  while (!poll.answered) {
    const duration noticed = one.leaving() ? one.left_at + reach : (duration::max)();
    duration due = poll.forgotten || held_until > one.answer_by ? one.answer_by : held_until;
    if (noticed < due) due = noticed;
    if (dead_ || one.now() >= due) break;
    co_await one.until(due);
  }
  if (poll.answered) co_return progress::on_its_way;
  around_.server.withdraw(poll);
  if (dead_ || one.leaving()) co_return progress::given_up;
  if (one.now() >= one.answer_by) co_return progress::too_late;
  poll.answer.status = 204;
  co_return progress::on_its_way;
}

// Returns the result of an exchange without an answer. For a worker that has crashed every request fails as
// one that cannot be sent: so it ends soonest, and nothing that it does is seen.
inline http_response network_client::end(const call& asked, progress how) {
  if (dead_) {
    http_response made;
    made.failure = http_failure::unusable;
    return made;
  }
  if (how == progress::given_up) throw cancelled();
  return failed_answer(asked, http_failure::timed_out, "no answer in time");
}

inline task<http_response> network_client::send(const http_request& request) {
  const context here = co_await this_coro::context();
  exchange one(*this, here.executor, request.timeout);
  if (dead_) co_return end(call(), progress::given_up);
  if (here.stop.stop_requested()) throw cancelled();
  held_poll poll;
  poll.asked = read_call(request, worker_, around_.book.job_count());
  poll.wake = &one.woken;
  around_.checks.sent(poll.asked, request);
  const exchange_plan met = draw();
  const auto leave = [&one] { one.leave(); };
  const stop_callback on_stop(here.stop, leave);
  const bool late = met.late && !poll.asked.poll();
  if (met.lost_request || late) co_return co_await lose(one, poll.asked, met, request);
  progress reached = co_await pass(one, one.now() + met.up);
  if (met.twice && reached == progress::on_its_way) {
    held_poll first;
    first.asked = poll.asked;
    around_.server.act(first);
    poll.asked.repeated = true;
    reached = co_await pass(one, one.now() + met.up);
  }
  if (reached == progress::on_its_way) {
    const bool at_once = around_.server.act(poll);
    if (!at_once) reached = co_await hold(one, poll, met.up);
  }
  if (reached != progress::on_its_way) co_return end(poll.asked, reached);
  co_return co_await bring_back(one, poll, met, request.timeout_to_end);
}

// The server never receives the request, or only after its sender has stopped waiting for the answer.
inline task<http_response> network_client::lose(exchange& one, const call& asked, const exchange_plan& met,
                                                const http_request& request) {
  const bool acts_late = met.late && !asked.poll();
  if (acts_late) late_.emplace_back(one.now() + met.up * 100 + request.timeout, request, worker_);
  const bool refused = !met.silent && !acts_late && around_.draws.chance(0.5);
  const progress reached = co_await pass(one, met.silent ? one.answer_by : one.now() + met.up * 2);
  if (reached == progress::given_up) co_return end(asked, reached);
  if (refused) co_return failed_answer(asked, http_failure::unreachable, "connection refused");
  if (met.silent) co_return failed_answer(asked, http_failure::timed_out, "no answer in time");
  co_return failed_answer(asked, http_failure::broken, "connection reset");
}

// Brings an answer back to the worker.
inline task<http_response> network_client::bring_back(exchange& one, held_poll& poll,
                                                      const exchange_plan& met, bool timeout_to_end) {
  if (met.gateway_error) {
    poll.answer = http_response();
    poll.answer.status = met.silent ? 504 : 502;
    poll.handed.clear();
  }
  const bool lost = met.lost_answer || around_.plan.partitioned(one.now());
  const duration never = one.answer_by + std::chrono::seconds(1);
  progress reached = co_await pass(one, lost && met.silent ? never : one.now() + met.down);
  if (reached != progress::on_its_way) co_return end(poll.asked, reached);
  const bool endless = timeout_to_end && one.now() + met.body > one.answer_by;
  reached = co_await receive(one, endless ? one.answer_by - one.now() : met.body);
  if (reached != progress::on_its_way) co_return end(poll.asked, reached);
  if (endless) co_return failed_answer(poll.asked, http_failure::timed_out, "no whole answer in time");
  if (lost) co_return failed_answer(poll.asked, http_failure::broken, "connection reset");
  arrive(poll.asked, poll.answer, poll.handed);
  co_return std::move(poll.answer);
}

inline http_response network_client::failed_answer(const call& asked, http_failure kind,
                                                   const char* problem) {
  http_response made;
  made.failure = kind;
  made.problem = problem;
  around_.book.note(happening::answer_failed, worker_, asked.job, static_cast<std::int64_t>(kind));
  if (asked.poll()) around_.checks.fruitless(asked);
  return made;
}

inline void network_client::arrive(const call& asked, const http_response& answer,
                                   const std::vector<int>& handed) {
  if (answer.failure == http_failure::none)
    around_.book.note(happening::answered, worker_, asked.job, answer.status);
  else
    around_.book.note(happening::answer_failed, worker_, asked.job,
                      static_cast<std::int64_t>(answer.failure));
  if (asked.where == endpoint::take && handed.empty()) around_.checks.fruitless(asked);
  if (asked.where == endpoint::stop) around_.checks.fruitless(asked);  // may repeat a job
  for (const int job : handed) around_.book.arrives(worker_, job);
  if (asked.job < 0 || !refuses_for_good(answer.status)) return;
  held_job& held = around_.book.at(worker_, asked.job);
  if (asked.where == endpoint::done) ++held.refusals;
  if (asked.where == endpoint::chunk) held.chunk.refused = true;
  if (asked.where == endpoint::progress) held.progress.refused = true;
}

inline void network_client::deliver_late(duration now) {
  for (std::size_t i = 0; i < late_.size();) {
    if (late_[i].due > now) {
      ++i;
      continue;
    }
    held_poll poll;
    poll.asked = read_call(late_[i].request, worker_, around_.book.job_count());
    poll.asked.late = true;
    around_.server.act(poll);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

static_assert(http_client<network_client>);

}  // namespace coworker::inline v0_1::simulation
