// Jobs that arrive at about the same time run as one call, which suits GPUs. A batch starts when it is full,
// when its first job has waited for 5 ms, or when no other job can arrive. An error fails only its own job.
//
// run: ./batched --test_input '[{"input": {"text": "fog"}}, {"input": {"text": "rain"}}, {"input": {"text": "snow"}}]'

#include <chrono>
#include <coworker.hpp>
#include <string>
#include <thread>
#include <vector>

namespace cw = coworker;
using namespace std::chrono_literals;

struct request {
  std::string text;
};

// A plain function for a batch, run on the worker's thread pool. Returns one result per request, in order.
std::vector<cw::batch_result<std::size_t>> embed(std::vector<request> batch) {
  std::this_thread::sleep_for(40ms + 2ms * batch.size());  // stands for the model
  std::vector<cw::batch_result<std::size_t>> results;
  for (const request& one : batch) {
    if (one.text.empty()) {
      results.push_back(cw::job_error("the text is empty"));
    } else {
      results.push_back(one.text.size());
    }
  }
  return results;
}

int main(int argc, char** argv) {
  // Twice as many jobs as fit into a batch, so that one batch fills while another runs.
  return cw::start(argc, argv, cw::batched(embed, {.most = 16, .within = 5ms}), cw::fixed_concurrency{32});
}
