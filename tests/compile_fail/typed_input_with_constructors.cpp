// expect: JSON fills and reads plain structs by themselves, without constructors, private members or virtual functions
// expect: class_with_constructors<request, 
// expect: {"size"}, extent>
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct extent {
  extent() = default;
  int width = 0;
};
struct request {
  std::string prompt;
  extent size;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
