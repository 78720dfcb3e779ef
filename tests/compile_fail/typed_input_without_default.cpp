// expect: JSON fills and reads no struct that cannot be made without arguments; give this member, whose type has no default constructor, a default
// expect: <request, 
// expect: {"which"}, model>
// max-lines: 4

#include <coworker.hpp>
#include <string>

class model {
 public:
  explicit model(int number) : number_(number) {}

 private:
  int number_;
};
struct request {
  std::string prompt;
  model which;
  int steps = 20;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
