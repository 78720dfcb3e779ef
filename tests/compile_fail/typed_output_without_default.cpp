// expect: give this member, whose type has no default constructor, a default
// expect: <answer, 
// expect: {"where"}, point>
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct point {
  point(int, int) {}
};
struct answer {
  std::string text;
  point where;
};

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
