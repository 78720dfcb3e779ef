// expect: JSON fills and reads no struct that has a base; make the base a member of it
// expect: struct_with_base<
// expect: job<request>, 
// expect: {"input"}, request>
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct common {
  int size = 0;
};
struct request : common {
  std::string prompt;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
