// Metrics for Prometheus: once a second, what the worker measures is written to the file that METRICS_FILE
// names, for node_exporter's textfile collector (which wants a name in .prom) or whatever else serves it;
// without METRICS_FILE, to standard output. The worker shows its figures to the concurrency modifier, so the
// modifier is where they are caught.
//
// run: ./metrics_file --test_input '[{"input": 1.2}, {"input": 1.2}, {"input": 0.1}]'

#include <chrono>
#include <coworker.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace cw = coworker;
using namespace std::chrono_literals;

// Written beside the file and then renamed, so that nobody reads half a page.
void publish(const std::string& page) {
  const char* const path = std::getenv("METRICS_FILE");
  if (path == nullptr) {
    std::fputs(page.c_str(), stdout);
    return;
  }
  const std::string fresh = std::string(path) + ".new";
  std::FILE* const file = std::fopen(fresh.c_str(), "w");
  bool written = file != nullptr && std::fputs(page.c_str(), file) >= 0;
  written = file != nullptr && std::fclose(file) == 0 && written;
  if (!written || std::rename(fresh.c_str(), path) != 0) std::perror(path);
}

// Does as hill_climb does, and publishes what it is shown on the way. It is asked before every take, and once
// a second while jobs are in progress.
class published {
 public:
  int operator()(int current, const cw::metrics& measured) {
    if (measured.now >= due_) {
      publish(cw::prometheus_text(measured));
      due_ = measured.now + 1s;
    }
    return modifier_(current, measured);
  }

 private:
  cw::clamped<cw::hill_climb> modifier_{2, 32, {}};
  cw::time_point due_{};
};

cw::task<double> wait(cw::job<double> job) {
  co_await cw::sleep_for(std::chrono::duration<double>(job.input));
  co_return job.input;
}

int main(int argc, char** argv) { return cw::start(argc, argv, wait, published()); }
