// expect: JSON fills and reads no struct that has a base
// expect: {"size"}, sized>
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct common {
  int width = 0;
};
struct sized : common {};
struct answer {
  std::string text;
  sized size;
};

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
