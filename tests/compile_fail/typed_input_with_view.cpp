// expect: which would point into text that is gone; make it, and the keys of a map, own their text
// expect: view_member_of_input<request, 
// expect: {"prompt"}, 
// max-lines: 4

#include <coworker.hpp>
#include <string_view>

struct request {
  std::string_view prompt;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
