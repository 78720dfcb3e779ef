// expect: JSON fills and reads no C array in a struct
// expect: {"weights"}, float
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct request {
  std::string prompt;
  float weights[4] = {};
  std::string names[2];
  int size = 0;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
