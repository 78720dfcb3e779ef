#include "program.hpp"

int start_plain(int argc, char** argv) { return coworker::start(argc, argv, answer); }
std::size_t size_of_record_plain() { return sizeof(coworker::job_record) + sizeof(coworker::worker_options); }
