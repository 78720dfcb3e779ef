// expect: this member may hold a key several times, which an object cannot; make it a map of lists
// expect: <answer, 
// expect: {"headers"}, 
// max-lines: 4

#include <coworker.hpp>
#include <map>
#include <string>

struct answer {
  int status = 200;
  std::multimap<std::string, std::string> headers;
};

answer process_request(coworker::job<>) { throw 1; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
