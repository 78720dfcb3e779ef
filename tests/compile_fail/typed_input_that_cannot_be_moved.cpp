// expect: JSON fills and reads no struct that cannot be moved; keep what cannot be moved elsewhere
// expect: struct_that_cannot_be_moved<
// expect: {"input"}, request>
// max-lines: 4

#include <atomic>
#include <coworker.hpp>

struct request {
  std::atomic<int> tries{3};
};

int process_request(coworker::job<request> work) { return work.input.tries; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
