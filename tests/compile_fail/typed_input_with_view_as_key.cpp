// expect: which would point into text that is gone; make it, and the keys of a map, own their text
// expect: view_member_of_input<request, 
// expect: {"weights"}, 
// max-lines: 4

#include <coworker.hpp>
#include <map>
#include <string_view>

struct request {
  std::map<std::string_view, int> weights;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
