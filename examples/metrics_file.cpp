// Metrics for Prometheus. Once a second, the worker's metrics are written to the file that METRICS_FILE
// names, or to standard output without METRICS_FILE. node_exporter's textfile collector can serve the file if
// its name ends in .prom. The worker passes its metrics to the concurrency modifier, so a modifier can
// publish them.
//
// run: ./metrics_file --test_input '[{"input": 1.2}, {"input": 1.2}, {"input": 0.1}]'

#include <chrono>
#include <coworker.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace cw = coworker;
using namespace std::chrono_literals;

// Writes to a new file and then renames it, so that nobody reads half a page.
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

// Decides as hill_climb does, and publishes the metrics that it receives. The worker calls it before every
// take, and once a second while jobs are in progress.
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
