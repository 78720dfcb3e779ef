// Fuzzes the arguments and the job file of a local run. The input is one argument per line, then an empty
// line, then the text of local jobs. Arguments must be read the same in both spellings (`--flag value` and
// `--flag=value`), or be refused with a sentence that names one of them. A text of jobs must give jobs with
// unique ids, or be refused with a sentence that names its source.
//
//   clang++ -std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude tests/fuzz/arguments_fuzz.cpp -o
//   arguments_fuzz
//   ./arguments_fuzz -max_total_time=600 CORPUS tests/fuzz/corpus/arguments        (new inputs go to CORPUS)

#include <algorithm>
#include <array>
#include <coworker/exec/sync_wait.hpp>
#include <coworker/start/arguments.hpp>
#include <coworker/start/local_mode.hpp>
#include <coworker/transport/local_file.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using coworker::job_envelope;
using coworker::json;
using coworker::task;
using coworker::detail::start_arguments;

void require(bool fact) {
  if (!fact) std::abort();
}

class silent_log final : public coworker::log_sink {
 public:
  void write(coworker::log_level, std::string_view) noexcept override {}
};

constexpr std::array<std::string_view, 4> flags_with_value{"--test_input", "--test_file", "--test_output",
                                                           "--rp_log_level"};

// The arguments as they were read, or the sentence that refuses them.
struct reading {
  start_arguments arguments;
  std::string refusal;
};

reading read_arguments(std::vector<std::string> given) {
  given.insert(given.begin(), "program");
  const std::vector<std::string> before = given;
  std::vector<char*> pointers;
  for (std::string& argument : given) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  reading made;
  try {
    made.arguments =
        coworker::detail::argument_reader(static_cast<int>(given.size()), pointers.data()).read();
  } catch (const coworker::detail::usage_error& error) {
    made.refusal = error.what();
    require(coworker::detail::leading_dashes(made.refusal) > 0);  // the sentence begins with the argument
  }
  require(given == before);
  return made;
}

bool same(const reading& a, const reading& b) {
  const start_arguments& x = a.arguments;
  const start_arguments& y = b.arguments;
  return a.refusal == b.refusal && x.test_input == y.test_input && x.test_file == y.test_file &&
         x.test_output == y.test_output && x.level == y.level && x.print_schema == y.print_schema &&
         x.help == y.help;
}

bool takes_value(std::string_view argument) {
  return std::find(flags_with_value.begin(), flags_with_value.end(), argument) != flags_with_value.end();
}

// Writes every `--flag value` as `--flag=value`, up to `--`.
std::vector<std::string> joined(const std::vector<std::string>& given) {
  std::vector<std::string> made;
  for (std::size_t i = 0; i < given.size() && given[i] != "--"; ++i) {
    made.push_back(given[i]);
    if (takes_value(given[i]) && i + 1 < given.size() && !given[i + 1].starts_with("--"))
      made.back() += "=" + given[++i];
  }
  return made;
}

void check_arguments(const std::vector<std::string>& given) {
  const reading first = read_arguments(given);
  require(same(first, read_arguments(joined(given))));
  for (const std::optional<std::string>& value :
       {first.arguments.test_input, first.arguments.test_file, first.arguments.test_output}) {
    if (!value) continue;
    require(!value->empty());
    require(std::any_of(given.begin(), given.end(),
                        [&](const std::string& one) { return one.ends_with(*value); }));
  }
  if (!first.refusal.empty()) return;
  require(!first.arguments.test_input || !first.arguments.test_file);

  std::vector<std::string> more = joined(given);
  more.insert(more.begin(), {"theirs", "--their_flag=7", "-x"});
  require(same(first, read_arguments(more)));  // the program's own arguments change nothing
  more.insert(more.end(), {"--test_output", "{}", "--rp_log_level=warning"});
  const reading last = read_arguments(more);
  require(last.refusal.empty() && last.arguments.test_output == "{}" &&
          last.arguments.level == coworker::log_level::warn);
}

json whole(const job_envelope& envelope) {
  json made = envelope.details;
  made["id"] = envelope.id;
  made["input"] = envelope.input;
  return made;
}

std::optional<std::vector<job_envelope>> read_jobs(std::string_view text, bool json_lines) {
  try {
    return coworker::read_local_jobs(text, "the jobs", json_lines);
  } catch (const coworker::local_job_error& error) {
    require(std::string_view(error.what()).starts_with("the jobs: "));
    return std::nullopt;
  }
}

// Takes the jobs and completes each, as a worker does.
task<void> serve(coworker::local_file& queue, std::size_t jobs) {
  std::size_t taken_jobs = 0;
  for (bool ended = false; !ended;) {
    coworker::take_result taken = co_await queue.take({2, 0});
    require(taken.jobs.size() <= 2 && (!taken.jobs.empty() || taken.closed));
    ended = taken.closed;
    for (const job_envelope& one : taken.jobs) {
      const coworker::outcome done = coworker::outcome::success(static_cast<int>(taken_jobs++));
      coworker::job_result result{one.id, done, false, nullptr};
      const coworker::delivery delivered = co_await queue.complete(std::move(result));
      require(delivered == coworker::delivery::accepted);
    }
  }
  require(taken_jobs == jobs && queue.outcomes().size() == jobs);
  for (std::size_t i = 0; i < jobs; ++i) require(queue.outcomes()[i].output == json(i));
}

void check_jobs(std::string_view text, bool json_lines, coworker::logger& log) {
  const std::optional<std::vector<job_envelope>> jobs = read_jobs(text, json_lines);
  if (!jobs) return;
  require(!jobs->empty());
  std::set<std::string> ids;
  json written = json::array();
  for (const job_envelope& one : *jobs) {
    require(!one.id.empty() && one.problem.empty() && ids.insert(one.id).second);
    written.push_back(whole(one));
  }
  const std::optional<std::vector<job_envelope>> again = read_jobs(written.dump(), false);
  require(again && again->size() == jobs->size());
  for (std::size_t i = 0; i < jobs->size(); ++i) require(whole((*again)[i]) == written[i]);
  coworker::local_file queue(*jobs, log);
  coworker::sync_wait(serve(queue, jobs->size()));
}

// Checks the expected outputs of a run: there is one per job, or they are refused.
void check_plan(std::string_view text, start_arguments arguments, coworker::logger& log) {
  arguments.test_input = text;
  arguments.test_file.reset();
  try {
    const coworker::detail::local_plan plan = coworker::detail::plan_local_run(arguments, log);
    require(plan.expected.size() == (arguments.test_output ? plan.jobs.size() : 0));
  } catch (const coworker::local_job_error& error) {
    require(std::string_view(error.what()).starts_with("--test_"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> given;
  while (!text.empty() && text.front() != '\n') {
    const std::size_t end = std::min(text.find('\n'), text.size());
    given.emplace_back(text.substr(0, std::min(text.find('\0'), end)));  // as main() receives them
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  check_arguments(given);
  if (!text.empty()) text.remove_prefix(1);

  silent_log sink;
  coworker::logger log(coworker::log_level::trace);
  log.set_sink(sink);
  check_jobs(text, false, log);
  check_jobs(text, true, log);
  check_plan(text, read_arguments(given).arguments, log);
  return 0;
}
