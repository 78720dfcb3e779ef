// A custom queue: each line of JSON on standard input is a job, and its result is a line on standard output.
// At the end of the input, and on SIGTERM, the worker finishes its jobs and ends. Try `printf '{"n":
// 1}\n{"n": 2}\n' | ./own_queue`.

#include <unistd.h>
#include <cerrno>
#include <coworker.hpp>
#include <cstdio>
#include <string>

namespace cw = coworker;

class line_queue {
 public:
  cw::task<cw::take_result> take(cw::take_request request) {
    while (!at_end_ && unread_.find('\n') == std::string::npos) co_await read_some();
    cw::take_result taken;
    while (taken.jobs.size() < request.capacity && unread_.find('\n') != std::string::npos) {
      taken.jobs.push_back(make_job(unread_.substr(0, unread_.find('\n'))));
      unread_.erase(0, unread_.find('\n') + 1);
    }
    taken.closed = at_end_ && unread_.empty();
    co_return taken;
  }

  cw::task<cw::delivery> complete(cw::job_result result) {
    cw::json line{{"id", result.job_id}, {"output", result.outcome.output}};
    if (!result.outcome.succeeded()) line["error"] = result.outcome.message();
    const bool written = std::puts(line.dump().c_str()) >= 0 && std::fflush(stdout) == 0;
    co_return written ? cw::delivery::accepted : cw::delivery::given_up;
  }

 private:
  cw::task<void> read_some() {
    char buffer[4096];
    co_await cw::readable(STDIN_FILENO);
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    at_end_ = count == 0 || (count < 0 && errno != EAGAIN);  // another process may have made it non-blocking
    if (at_end_ && !unread_.empty()) unread_ += '\n';        // the last line may lack its line end
    if (count > 0) unread_.append(buffer, static_cast<std::size_t>(count));
  }

  cw::job_envelope make_job(const std::string& line) try {
    return {.id = "line-" + std::to_string(++lines_), .input = cw::json::parse(line)};
  } catch (const cw::json_parse_error& error) {
    return {.id = "line-" + std::to_string(lines_), .problem = error.what()};
  }

  std::string unread_;
  int lines_ = 0;
  bool at_end_ = false;
};
static_assert(cw::transport<line_queue>);

cw::json handle(cw::job<> job) { return job.input; }
int main(int argc, char** argv) {
  cw::stderr_sink log;  // standard output is for results
  line_queue queue;
  return cw::start(argc, argv, handle, cw::fixed_concurrency{10}, {.sink = &log}, queue);
}
