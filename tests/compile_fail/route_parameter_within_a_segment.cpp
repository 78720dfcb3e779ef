// expect: a_route_parameter_must_be_a_whole_segment_like_this_in_braces

#include <coworker/http/route.hpp>

int main() {
  const coworker::route one{"GET", "/jobs/job-{id}"};
  return static_cast<int>(one.method.size());
}
