// expect: what it gives must turn into json, and this member does not
// expect: {"counts"}, 
// max-lines: 4

#include <coworker.hpp>
#include <map>
#include <optional>

struct answer {
  std::optional<std::map<int, int>> counts;
};

coworker::task<answer> process_request(coworker::job<>) { co_return answer(); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
