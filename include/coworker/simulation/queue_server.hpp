#pragma once
// The server side of a simulated run: the state of each job, the effect of each request, and when a job goes
// back into the queue. It acts at once. Must not know the network, which decides how long a message takes and
// whether it arrives.

#include <coworker/coro/clock.hpp>
#include <coworker/exec/auto_reset_event.hpp>
#include <coworker/exec/fifo.hpp>
#include <coworker/http/client.hpp>
#include <coworker/json/json.hpp>
#include <coworker/simulation/fault_plan.hpp>
#include <coworker/simulation/ledger.hpp>
#include <coworker/simulation/wire.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// The state of a job at the server.
enum class served_state : unsigned char { unsubmitted, queued, handed_over, settled };

/// One job at the server.
struct served_job {
  std::string item;     ///< the input, as JSON text
  std::string outcome;  ///< the accepted body; empty for a job that was stopped in the queue
  served_state state = served_state::unsubmitted;
  int hand_overs = 0;
  int outcomes = 0;  ///< distinct outcomes that were posted
  int accepted_worker = -1;
  int accepted_run = -1;  ///< -1: from a spool
  bool stop_wanted = false;
  duration submitted{};
  duration settled{};
  duration last_named{};  ///< when a heartbeat last named it, or when it was handed over
};

/// A poll that waits at the server for jobs or stops. It is part of the client's exchange.
struct held_poll {
  call asked;
  http_response answer;
  std::vector<int> handed;  ///< jobs in the answer
  auto_reset_event* wake = nullptr;
  bool answered = false;
  bool forgotten = false;  ///< the server has restarted and will never answer
};

/// The queue, as a server of the protocol.
class queue_server {
 public:
  queue_server(const fault_plan& plan, ledger& book, std::uint64_t seed)
      : plan_(plan), book_(book), dice_(seed), jobs_(book.job_count()) {}

  served_job& job(int number) noexcept { return jobs_[static_cast<std::size_t>(number)]; }
  const std::vector<served_job>& jobs() const noexcept { return jobs_; }
  std::size_t unsettled() const noexcept { return jobs_.size() - settled_; }
  auto_reset_event& all_settled() noexcept { return all_settled_; }

  // --- called by the run --------------------------------------------------------------------------------

  void submit(int number) {
    served_job& one = job(number);
    if (one.state != served_state::unsubmitted) return;
    one.submitted = book_.now();
    book_.note(happening::job_submitted, event_trace::nobody, number);
    enqueue(number);
  }

  void stop(int number);
  void stop_unknown() {
    stops_.push_back("no-such-job");
    answer_polls();
  }
  void restart();
  /// Puts jobs back into the queue that no heartbeat has named for too long.
  void look_for_lost_jobs();

  // --- called by the clients ----------------------------------------------------------------------------

  /// Does what the request asks for. Returns false if the poll is held.
  bool act(held_poll& poll);
  void withdraw(held_poll& poll) noexcept;

 private:
  static http_response status(int code) {
    http_response made;
    made.status = code;
    return made;
  }

  void enqueue(int number) {
    job(number).state = served_state::queued;
    queue_.push(number);
    answer_polls();
  }
  void settle(served_job& one) {
    one.state = served_state::settled;
    one.settled = book_.now();
    if (++settled_ == jobs_.size()) all_settled_.set();
  }
  bool calm() const noexcept { return book_.now() >= plan_.calm_from; }

  bool storm(held_poll& poll);
  bool take(held_poll& poll);
  void hand_over(int number, held_poll& poll);
  void spoil(held_poll& poll);
  bool name_stops(held_poll& poll);
  http_response finish(const call& asked);
  http_response take_part(const call& asked);
  http_response ping(const call& asked);
  void answer_polls();

  const fault_plan& plan_;
  ledger& book_;
  dice dice_;
  std::vector<served_job> jobs_;
  coworker::detail::fifo<int> queue_;
  std::vector<std::string> stops_;
  std::vector<held_poll*> polls_;
  std::size_t settled_ = 0;
  auto_reset_event all_settled_;
};

inline void queue_server::stop(int number) {
  served_job& one = job(number);
  const int state = one.state == served_state::queued ? 1 : one.state == served_state::settled ? 2 : 0;
  book_.note(happening::stop_wanted, event_trace::nobody, number, state);
  if (one.state == served_state::unsubmitted) return;
  one.stop_wanted = true;
  if (one.state == served_state::queued) return settle(one);  // it is skipped when its turn comes
  stops_.push_back(job_name(number));
  answer_polls();
}

inline void queue_server::restart() {
  book_.note(happening::server_restarted, event_trace::nobody, event_trace::nobody);
  for (held_poll* const poll : polls_) {
    poll->forgotten = dice_.chance(0.5);
    if (poll->forgotten) continue;
    poll->answer.failure = http_failure::broken;
    poll->answer.problem = "the server has restarted";
    poll->answered = true;
    poll->wake->set();
  }
  polls_.clear();
}

inline void queue_server::look_for_lost_jobs() {
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    served_job& one = jobs_[i];
    if (one.state != served_state::handed_over || book_.now() - one.last_named < plan_.returned_after)
      continue;
    const int number = static_cast<int>(i);
    book_.note(happening::job_returned, event_trace::nobody, number);
    const duration since_calm = book_.now() - plan_.calm_from - book_.jumped;  // no heartbeats then
    if (since_calm > plan_.returned_after * 3 && book_.held_by_anyone(number)) {
      book_.violate(invariant::heartbeat_exact,
                    job_name(number) + " goes back into the queue, though a worker has it and all is calm");
    }
    enqueue(number);
  }
}

inline bool queue_server::act(held_poll& poll) {
  if (storm(poll)) return true;
  switch (poll.asked.where) {
    case endpoint::take:
      if (take(poll)) return true;
      break;
    case endpoint::stop:
      if (!plan_.has_stop_channel) {
        poll.answer = status(404);
        return true;
      }
      if (name_stops(poll)) return true;
      break;
    case endpoint::done:
      poll.answer = finish(poll.asked);
      return true;
    case endpoint::chunk:
    case endpoint::progress:
      poll.answer = take_part(poll.asked);
      return true;
    case endpoint::ping:
      poll.answer = ping(poll.asked);
      return true;
    case endpoint::unknown:
      poll.answer = status(404);
      return true;
  }
  if (plan_.hold == duration::zero()) {
    poll.answer = status(204);
    return true;
  }
  if (poll.wake == nullptr) return true;  // no client waits for the answer
  polls_.push_back(&poll);
  return false;
}

inline void queue_server::withdraw(held_poll& poll) noexcept {
  for (std::size_t i = 0; i < polls_.size(); ++i) {
    if (polls_[i] != &poll) continue;
    polls_.erase(polls_.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

// A repeated request has arrived once before. If it were refused now, its sender would believe that nothing
// of it had been accepted, and no client can know better.
inline bool queue_server::storm(held_poll& poll) {
  if (poll.asked.repeated) return false;
  for (const error_storm& one : plan_.storms) {
    if (!one.when.holds(book_.now()) || !dice_.chance(one.share)) continue;
    if (one.status == 404 && poll.asked.where == endpoint::stop)
      continue;  // would mean: there is no such channel
    poll.answer = status(one.status);
    poll.answer.retry_after = one.retry_after;
    return true;
  }
  return false;
}

inline bool queue_server::take(held_poll& poll) {
  const bool troubled = !calm();
  if (troubled && dice_.chance(plan_.repeated_hand_overs)) {
    const int other = dice_.below(static_cast<int>(jobs_.size()));
    if (job(other).state == served_state::handed_over) hand_over(other, poll);
  }
  while (!queue_.empty() && static_cast<int>(poll.handed.size()) < poll.asked.capacity) {
    const int next = queue_.pop();
    if (job(next).state == served_state::queued) hand_over(next, poll);
  }
  const bool spoiled = troubled && dice_.chance(plan_.garbage);
  if (poll.handed.empty() && !spoiled) return false;
  poll.answer = status(200);
  std::string& body = poll.answer.body;
  const bool array = poll.asked.many || poll.handed.size() != 1;
  for (const int number : poll.handed) {
    body += body.empty() ? (array ? "[" : "") : ",";
    body.append(R"({"id":")").append(job_name(number)).append(R"(","input":)").append(job(number).item) +=
        '}';
  }
  if (array) body += body.empty() ? "[]" : "]";
  if (spoiled) spoil(poll);
  return true;
}

inline void queue_server::hand_over(int number, held_poll& poll) {
  served_job& one = job(number);
  one.state = served_state::handed_over;
  one.last_named = book_.now();
  poll.handed.push_back(number);
  book_.note(happening::job_handed_over, poll.asked.worker, number, ++one.hand_overs);
}

// Jobs whose ids cannot be read from the body have not been handed over. Other jobs that are cut off cannot
// be run, but must get a result.
inline void queue_server::spoil(held_poll& poll) {
  std::string& body = poll.answer.body;
  if (body.starts_with('[') && dice_.chance(0.5)) {  // adds items that are not jobs
    const bool last = body != "[]" && dice_.chance(0.5);
    if (last) body.insert(body.size() - 1, R"(,{"input":{}})");
    if (!last) body.insert(1, body == "[]" ? R"({"input":{}},7,null)" : R"({"input":{}},{"id":5},"x",)");
    return;
  }
  const int how = dice_.below(3);
  if (how == 0) body.clear();
  if (how == 1) body = "<html>502 Bad Gateway</html>";
  if (how == 2) body.resize(body.size() / 2);
  std::vector<int> readable;
  for (const int number : poll.handed) {
    if (body.find("\"id\":\"" + job_name(number) + "\"") != std::string::npos) readable.push_back(number);
  }
  poll.handed = std::move(readable);
}

inline bool queue_server::name_stops(held_poll& poll) {
  if (stops_.empty()) return false;
  poll.answer = status(200);
  poll.answer.body = R"({"jobsToStop":[)";
  for (std::size_t i = 0; i < stops_.size(); ++i)
    poll.answer.body.append(i > 0 ? ",\"" : "\"").append(stops_[i]) += '"';
  poll.answer.body += "]}";
  std::vector<std::string> kept;
  for (std::string& id : stops_) {
    const int number = job_number(id, jobs_.size());
    const bool again = plan_.repeats_stops && number >= 0 && job(number).state == served_state::handed_over;
    if (again) kept.push_back(std::move(id));
  }
  stops_ = std::move(kept);
  return true;
}

// The first outcome stands. A second outcome of the same run would have replaced it.
inline http_response queue_server::finish(const call& asked) {
  if (asked.job < 0) return status(404);
  served_job& one = job(asked.job);
  held_job& held = book_.at(asked.worker, asked.job);
  const bool own = held.completing && text_hash(asked.body) == held.result;
  // A late post may be about an earlier run of the job at this worker.
  const bool news = !asked.late && asked.body.starts_with(R"({"error":"The queue refused)");
  const bool refusal = held.completing && !own && news;
  const int run = own || refusal ? held.run : -1;
  if (own) held.accepted = true;
  if (one.state == served_state::unsubmitted) return status(404);
  if (one.state == served_state::settled) {
    const bool same = one.outcome == asked.body;
    const bool same_run = run >= 0 && one.accepted_worker == asked.worker && one.accepted_run == run;
    book_.note(same ? happening::result_repeated : happening::result_too_late, asked.worker, asked.job);
    if (same_run && !same && !asked.late) {
      book_.violate(invariant::outcome_never_replaced,
                    ledger::about(asked.worker, asked.job) + " posts another outcome, " +
                        std::string(asked.body) + ", after " + one.outcome + " was accepted");
    }
    return status(200);
  }
  one.outcome = asked.body;
  one.accepted_worker = asked.worker;
  one.accepted_run = run;
  ++one.outcomes;
  book_.note(happening::result_accepted, asked.worker, asked.job);
  settle(one);
  return status(200);
}

inline http_response queue_server::take_part(const call& asked) {
  if (asked.job < 0) return status(404);
  if (asked.late) return status(200);
  held_job& held = book_.at(asked.worker, asked.job);
  part_account& current = held.account(asked.where == endpoint::chunk ? part::chunk : part::progress);
  const bool expected = current.under_way && part_text(asked) == current.text;
  if (expected) current.acted = true;
  if (!expected && book_.counts(book_.account(asked.worker))) {
    book_.violate(
        invariant::chunks_in_order,
        ledger::about(asked.worker, asked.job) + " posts a part out of its turn: " + std::string(asked.body));
  }
  return status(200);
}

inline http_response queue_server::ping(const call& asked) {
  for_each_named(asked.ids, jobs_.size(), [this](int number) {
    if (number >= 0) job(number).last_named = book_.now();
  });
  return status(200);
}

// Polls are answered in the order in which they came.
inline void queue_server::answer_polls() {
  for (std::size_t i = 0; i < polls_.size();) {
    held_poll& poll = *polls_[i];
    const bool has_news =
        poll.asked.where == endpoint::take ? !queue_.empty() && take(poll) : name_stops(poll);
    if (!has_news) {
      ++i;
      continue;
    }
    poll.answered = true;
    polls_.erase(polls_.begin() + static_cast<std::ptrdiff_t>(i));
    poll.wake->set();
  }
}

}  // namespace coworker::inline v0_1::simulation
