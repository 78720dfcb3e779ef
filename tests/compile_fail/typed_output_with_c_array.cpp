// expect: JSON fills and reads no C array in a struct
// expect: <answer, 
// expect: {"scores"}, float
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct answer {
  std::string text;
  float scores[3] = {};
};

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
