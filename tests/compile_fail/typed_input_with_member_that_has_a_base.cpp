// expect: JSON fills and reads no struct that has a base
// expect: struct_with_base<request, 
// expect: {"size"}, sized>
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct common {
  int width = 0;
};
struct sized : common {
  int height = 0;
};
struct request {
  std::string prompt;
  sized size;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
