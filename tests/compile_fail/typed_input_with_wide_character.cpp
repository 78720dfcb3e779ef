// expect: job<Input>: JSON cannot fill this member; coworker::typed_input says what can
// expect: {"initial"}, wchar_t>
// max-lines: 4

#include <coworker.hpp>
#include <string>

struct request {
  std::string prompt;
  wchar_t initial = L'a';
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
