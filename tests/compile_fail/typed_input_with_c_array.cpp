// expect: JSON fills and reads no C array in a struct; make this member a std::array, or a std::string
// expect: <request, 
// expect: {"prompt"}, char
// max-lines: 4

#include <coworker.hpp>

struct request {
  char prompt[80] = {};
  int size = 0;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
