// expect: JSON fills and reads no union, which does not tell what it holds
// expect: union_member<request, 2
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct request {
  std::string prompt;
  union {
    int steps = 0;
    float seconds;
  };
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
