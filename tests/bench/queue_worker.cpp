// The worker that queue_bench.py compares with queue_bare_loop. Its handler returns at once.
//
//   g++ -std=c++20 -O2 -DNDEBUG -pthread -DCOWORKER_WITH_CURL -Iinclude tests/bench/queue_worker.cpp -lcurl
//   ./a.out --concurrency 10

#include <coworker/coworker.hpp>
#include <cstdlib>
#include <string>
#include <string_view>

namespace cw = coworker;

namespace {

cw::task<std::string> answer(cw::job<>) { co_return "done"; }

}  // namespace

int main(int argc, char** argv) {
  int concurrency = 1;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "--concurrency") concurrency = std::atoi(argv[i + 1]);
  }
  return cw::start(argc, argv, answer, cw::fixed_concurrency{concurrency});
}
