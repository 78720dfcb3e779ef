// expect: a_route_must_begin_with_a_slash

#include <coworker/http/route.hpp>

int main() {
  const coworker::route one{"GET", "ping"};
  return static_cast<int>(one.method.size());
}
