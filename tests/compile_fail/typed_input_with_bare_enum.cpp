// expect: this enum must say its underlying type, as in `enum class mode` or `enum mode : int`
// expect: member_of_input<request,
// expect: mode
// max-lines: 16

#include <coworker.hpp>

enum mode { fast, slow };
struct request {
  mode how = fast;
};

int process_request(coworker::job<request> work) { return work.input.how; }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
