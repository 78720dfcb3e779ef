#define COWORKER_WITH_CURL
#define COWORKER_WITH_SIMULATION
#include "program.hpp"

int start_with_all(int argc, char** argv) { return coworker::start(argc, argv, answer); }
std::size_t size_of_record_with_all() { return sizeof(coworker::job_record) + sizeof(coworker::worker_options); }
