#pragma once
#include <coworker.hpp>
#include <cstddef>

inline int answer(coworker::job<> job) { return job.input.get<int>() + 1; }

int start_plain(int argc, char** argv);
int start_with_all(int argc, char** argv);
std::size_t size_of_record_plain();
std::size_t size_of_record_with_all();
