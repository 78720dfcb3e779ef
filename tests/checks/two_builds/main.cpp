// The environment names the queue. Only the file that is compiled with libcurl can take jobs from it.

#include <cstdio>
#include <cstdlib>

#include "program.hpp"

int main(int argc, char** argv) {
  const bool same = size_of_record_plain() == size_of_record_with_all();
  ::setenv("RUNPOD_WEBHOOK_GET_JOB", "no address", 1);
  std::printf("plain: %d\n", start_plain(argc, argv));
  std::printf("with libcurl: %d\n", start_with_all(argc, argv));
  ::unsetenv("RUNPOD_WEBHOOK_GET_JOB");
  char name[] = "program", flag[] = "--test_input", job[] = R"({"input": 1})";
  char* local[] = {name, flag, job, nullptr};
  const bool ran = start_plain(3, local) == 0 && start_with_all(3, local) == 0;
  return same && ran ? 0 : 1;
}
