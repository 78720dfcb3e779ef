#pragma once
// What is recorded about an engine while workers use it, and the rules that it must follow. Must not know how
// it is recorded.

#include <coworker/coro/clock.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/json/json.hpp>
#include <coworker/transport/concept.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1::simulation {

/// Something that an engine delivered.
struct arrival {
  enum class kind : unsigned char { chunk, progress, result };

  kind what = kind::result;
  std::string job_id = {};
  json value = {};                                    ///< of a result: the output
  outcome_status status = outcome_status::succeeded;  ///< of a result
};

/// Returns the FNV-1a hash of a job's id.
inline std::uint64_t id_hash(std::string_view id) noexcept {
  std::uint64_t mixed = 14695981039346656037U;
  for (const char c : id) mixed = (mixed ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return mixed;
}

/// What a worker and an engine did with a job.
struct conformance_job {
  struct part {
    json value;
    bool accepted;
  };

  std::string id;
  bool in_progress = false;
  bool completing = false;
  bool part_under_way[2] = {false, false};  ///< a chunk, and progress
  bool result_accepted = false;
  json output = {};  ///< as passed to complete()
  outcome_status status = outcome_status::succeeded;
  std::vector<part> chunks = {};
  std::vector<part> progress = {};
};

/// Records what a worker and an engine do, and the violations of the contract.
class conformance_notes {
 public:
  bool closed = false;  ///< a take has returned `closed`
  int takes = 0;        ///< in flight
  int completing = 0;
  int parts = 0;
  bool attending = false;

  /// Records a problem, a sentence, once.
  void violate(std::string problem) {
    for (const std::string& known : problems_) {
      if (known == problem) return;
    }
    if (problems_.size() < 10) problems_.push_back(std::move(problem));
  }
  const std::vector<std::string>& problems() const noexcept { return problems_; }

  conformance_job* find(std::string_view id) noexcept {
    for (conformance_job& one : jobs_) {
      if (one.id == id) return &one;
    }
    return nullptr;
  }

  /// Records a job that a take handed over.
  void handed_over(const std::string& id) {
    if (id.empty()) return violate("take() handed over a job without an id");
    conformance_job* known = find(id);
    if (known == nullptr) {
      jobs_.push_back({.id = id});
      known = &jobs_.back();
    }
    if (known->in_progress) return violate("take() handed over job " + id + " while it is in progress");
    if (known->result_accepted)
      return violate("take() handed over job " + id + " again, although complete() has accepted its result");
    known->in_progress = true;
  }

  /// Checks that every job is completed; call it after the worker has left.
  void worker_left() {
    for (const conformance_job& one : jobs_) {
      if (one.in_progress) violate("the worker left without calling complete() for job " + one.id);
    }
  }

  /// Reports what does not end; call it when nothing happens any more and the run has not ended.
  void report_hanging() {
    if (takes > 0) violate("take() does not end, although the worker has left");
    if (completing > 0) violate("complete() does not end");
    if (parts > 0) violate("chunk() or progress() does not end");
    if (attending) violate("attend() does not end, although it was stopped");
    if (problems_.empty()) violate("the run does not end");
  }

 private:
  std::vector<conformance_job> jobs_;
  std::vector<std::string> problems_;
};

/// Checks that what was sent arrived in order. Only if `all` is true must everything that was accepted have
/// arrived.
inline void check_parts(conformance_notes& notes, const std::string& id, bool all,
                        const std::vector<conformance_job::part>& sent, const std::vector<json>& arrived) {
  const std::string what = (all ? "chunks of job " : "progress of job ") + id;
  std::size_t next = 0;
  for (const conformance_job::part& one : sent) {
    if (next < arrived.size() && arrived[next] == one.value) {
      ++next;
    } else if (all && one.accepted) {
      return notes.violate(
          what + " did not arrive in order: " + one.value.dump() + " was accepted, and " +
          (next < arrived.size() ? arrived[next].dump() + " came in its place" : "never came"));
    }
  }
  if (next < arrived.size())
    notes.violate(what + " did not arrive in order: " + arrived[next].dump() + " came when it was not sent");
}

/// Returns whether a result arrived as it was passed to complete(). Errors are not compared, because each
/// platform reports them in its own form.
inline bool same_result(const arrival& arrived, const conformance_job& given) {
  const bool succeeded = given.status == outcome_status::succeeded;
  if (succeeded != (arrived.status == outcome_status::succeeded)) return false;
  return !succeeded || arrived.value == given.output;
}

/// Compares what the engine delivered with what went in.
inline void check_arrivals(conformance_notes& notes, const std::vector<std::string>& added,
                           const std::vector<arrival>& arrivals, bool sees_parts) {
  for (const std::string& id : added) {
    conformance_job unknown{.id = id};
    const conformance_job* job = notes.find(id);
    if (job == nullptr) job = &unknown;
    const arrival* result = nullptr;
    std::vector<json> chunks, progress;
    for (const arrival& one : arrivals) {
      if (one.job_id != id) continue;
      if (one.what == arrival::kind::result) {
        if (result != nullptr) notes.violate("job " + id + " has two results");
        result = &one;
        continue;
      }
      const bool chunk = one.what == arrival::kind::chunk;
      if (result != nullptr)
        notes.violate(std::string(chunk ? "a chunk" : "progress") + " of job " + id +
                      " arrived after its result");
      (chunk ? chunks : progress).push_back(one.value);
    }
    if (result == nullptr) {
      notes.violate("job " + id + " is lost: " +
                    (job == &unknown        ? "it was added, and no take() handed it over"
                     : job->result_accepted ? "complete() accepted its result, which never arrived"
                                            : "its result was not accepted"));
    } else if (job->result_accepted && !simulation::same_result(*result, *job)) {
      notes.violate("the result of job " + id + " did not arrive as it was passed to complete()");
    }
    if (!sees_parts) continue;
    simulation::check_parts(notes, id, true, job->chunks, chunks);
    simulation::check_parts(notes, id, false, job->progress, progress);  // values replace each other
  }
}

}  // namespace coworker::inline v0_1::simulation
