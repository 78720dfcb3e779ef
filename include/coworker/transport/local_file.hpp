#pragma once
// local_file: a queue for local runs. Its jobs come from a JSON text or file; its results go to the log and
// can be read afterwards. Must not know arguments or the environment.

#include <cerrno>
#include <coworker/coro/task.hpp>
#include <coworker/job/outcome.hpp>
#include <coworker/job/record.hpp>
#include <coworker/json/json.hpp>
#include <coworker/log.hpp>
#include <coworker/system.hpp>
#include <coworker/transport/concept.hpp>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coworker::inline v0_1 {

/// Jobs that cannot be read. The message names the source, the place in it, and the way out.
class local_job_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

inline constexpr const char* job_example = R"({"input": {"message": "hello"}})";

// `where` names the source, and the job in it if there are several.
inline job_envelope read_local_job(json value, std::size_t number, const std::string& where) {
  if (!value.is_object()) {
    throw local_job_error(where + ": a job must be an object, found " + describe(json_gate::slot(value)) +
                          "; write " + job_example);
  }
  job_envelope made;
  made.id = number == 1 ? "local_test" : "local_test_" + std::to_string(number);
  if (const auto id = value.find("id"); id != value.end()) {
    if (!id->is_string() || id->get<std::string_view>().empty()) {
      throw local_job_error(where + ": \"id\" must be a string that is not empty, found " +
                            describe(json_gate::slot(*id)) + "; correct it or leave it out");
    }
    made.id = id->get<std::string>();
    value.erase("id");
  }
  const auto input = value.find("input");
  if (input == value.end()) throw local_job_error(where + ": the job has no \"input\"; write " + job_example);
  made.input = *input;
  value.erase("input");
  made.details = std::move(value);
  return made;
}

inline json parse_local(std::string_view text, const std::string& source, std::size_t line_offset) {
  try {
    return json::parse(text);
  } catch (const json_parse_error& error) {
    if (line_offset == 0) throw local_job_error(source + ": " + error.what());
    const std::string problem(error.what());
    const std::size_t column = problem.find(", column");
    throw local_job_error(source + ": line " + std::to_string(line_offset + error.line()) +
                          problem.substr(column));
  }
}

inline bool is_blank(std::string_view text) noexcept {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

inline std::vector<job_envelope> read_json_lines(std::string_view text, const std::string& source) {
  std::vector<job_envelope> jobs;
  for (std::size_t line = 0; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    const std::string_view one = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (is_blank(one)) continue;
    const std::string where = source + ": line " + std::to_string(line + 1);
    jobs.push_back(read_local_job(parse_local(one, source, line), jobs.size() + 1, where));
  }
  return jobs;
}

inline std::vector<job_envelope> read_json_document(std::string_view text, const std::string& source) {
  json document = parse_local(text, source, 0);
  std::vector<job_envelope> jobs;
  if (!document.is_array()) {
    jobs.push_back(read_local_job(std::move(document), 1, source));
    return jobs;
  }
  for (json& value : document) {
    const std::size_t number = jobs.size() + 1;
    jobs.push_back(read_local_job(std::move(value), number, source + ": job " + std::to_string(number)));
  }
  return jobs;
}

// Returns the numbers of the jobs, from 0, by their ids; in a JSON object, because that finds its members
// fast. Throws: local_job_error if two jobs have the same id.
inline json number_jobs(const std::vector<job_envelope>& jobs, const std::string& source) {
  json numbers = json::object();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    json& number = numbers[jobs[i].id];
    if (number.is_null()) {
      number = i;
      continue;
    }
    throw local_job_error(source + ": jobs " + std::to_string(number.get<std::size_t>() + 1) + " and " +
                          std::to_string(i + 1) + " have the same id \"" + jobs[i].id +
                          "\"; give each its own, or none");
  }
  return numbers;
}

}  // namespace detail

/// Reads the jobs in a JSON text: one object, an array of objects, or with `json_lines` one object a line.
/// `source` names the text in errors. Jobs without an id are called local_test, local_test_2, and so on by
/// their number.
/// Throws: local_job_error for a text that is not JSON or holds no job, for a job that is not an object or
/// has no input, and for two jobs with the same id.
inline std::vector<job_envelope> read_local_jobs(std::string_view text, const std::string& source,
                                                 bool json_lines = false) {
  if (detail::is_blank(text))
    throw local_job_error(source + ": it is empty; write a job such as " + detail::job_example);
  std::vector<job_envelope> jobs =
      json_lines ? detail::read_json_lines(text, source) : detail::read_json_document(text, source);
  if (jobs.empty())
    throw local_job_error(source + ": it holds no jobs; write at least one, such as " + detail::job_example);
  detail::number_jobs(jobs, source);
  return jobs;
}

/// Reads the jobs in a file; one whose name ends in .jsonl holds a job on each line.
/// Throws: as read_local_jobs(); also local_job_error, with the system's reason, if the file cannot be read.
inline std::vector<job_envelope> read_local_job_file(const std::string& path) {
  const auto refuse = [&path](int reason) {
    throw local_job_error(
        path + ": cannot be read (" + detail::errno_text(reason) +
        "); name a file of jobs with --test_file PATH, or give one job with --test_input JSON");
  };
  std::FILE* const file = std::fopen(path.c_str(), detail::read_mode);
  if (file == nullptr) refuse(errno);
  std::string text;
  std::size_t size = 0;
  do {
    const std::size_t before = text.size();
    text.resize(before + 64 * 1024);
    size = std::fread(text.data() + before, 1, text.size() - before, file);
    text.resize(before + size);
  } while (size != 0);
  const int problem = std::ferror(file) != 0 ? errno : 0;
  std::fclose(file);
  if (problem != 0) refuse(problem);
  return read_local_jobs(text, path, path.ends_with(".jsonl"));
}

/// An engine over a list of jobs; it is closed once all of them have been taken.
class local_file {
 public:
  /// The logger must outlive the engine. Throws: local_job_error if two jobs have the same id.
  local_file(std::vector<job_envelope> jobs, logger& log)
      : jobs_(std::move(jobs)), numbers_(detail::number_jobs(jobs_, "local_file")), log_(log) {
    outcomes_.reserve(jobs_.size());
    while (outcomes_.size() < jobs_.size()) outcomes_.push_back(outcome::failure("the job was not run"));
  }

  task<take_result> take(take_request request) {
    take_result taken;
    while (next_ < jobs_.size() && taken.jobs.size() < request.capacity) {
      job_envelope& envelope = jobs_[next_++];
      if (log_.writes(log_level::debug))
        log_.write(log_level::debug, "Retrieved local job: " + whole(envelope).dump_spaced());
      taken.jobs.push_back(std::move(envelope));
    }
    taken.closed = next_ == jobs_.size();
    co_return taken;
  }

  std::size_t backlog() const noexcept { return jobs_.size() - next_; }

  task<delivery> complete(job_result result) {
    const std::string id(result.job_id);
    if (result.outcome.succeeded()) {
      log_.write(log_level::info, "Job " + id + " completed successfully.");
      log_.write(log_level::info, "Job result: {\"output\": " + result.outcome.output.dump_spaced() + "}");
    } else {
      log_.write(
          log_level::error,
          "Job " + id + (result.outcome.status == outcome_status::stopped ? " was stopped." : " failed."));
    }
    if (const auto known = numbers_.find(id); known != numbers_.end())
      outcomes_[known->get<std::size_t>()] = std::move(result.outcome);
    co_return delivery::accepted;
  }

  task<delivery> chunk(std::string_view job_id, json value) {
    log_.write(log_level::info, "Stream output: " + value.dump(), log_subject(job_id));
    co_return delivery::accepted;
  }

  task<delivery> progress(std::string_view job_id, json value) {
    log_.write(log_level::info, "Progress: " + value.dump(), log_subject(job_id));
    co_return delivery::accepted;
  }

  /// Returns the outcomes of the jobs, in the order of the source.
  const std::vector<outcome>& outcomes() const noexcept { return outcomes_; }

 private:
  static json whole(const job_envelope& envelope) {
    json made = json::object();
    made["id"] = envelope.id;
    made["input"] = envelope.input;
    for (const auto& [key, value] : envelope.details.items()) made[key] = value;
    return made;
  }

  std::vector<job_envelope> jobs_;
  json numbers_;                   // by id
  std::vector<outcome> outcomes_;  // by number
  std::size_t next_ = 0;           // the first job that was not taken
  logger& log_;
};

static_assert(transport<local_file> && counted_transport<local_file> && chunk_transport<local_file> &&
              progress_transport<local_file>);

}  // namespace coworker::inline v0_1
