// expect: this enum is read by the names of its values, which must lie from -16 to 143
// expect: far_enum_member_of_input<request, 
// expect: {"status"}, code>
// max-lines: 4

#include <coworker.hpp>

enum class code { fine = 0, missing = 404 };
struct request {
  code status = code::fine;
};

int process_request(coworker::job<request> work) { return static_cast<int>(sizeof work.input); }

int main(int argc, char** argv) { return coworker::start(argc, argv, process_request); }
