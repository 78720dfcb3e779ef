#include <coworker.hpp>

#include <cstdio>

coworker::task<coworker::json> order_from_second_unit();

int main() {
  const coworker::json order = coworker::sync_wait(order_from_second_unit());
  const bool same = order == coworker::json::parse(R"({"version": ")" COWORKER_VERSION R"("})");
  if (!same) std::printf("the other translation unit returned %s\n", order.dump().c_str());
  return same ? 0 : 1;
}
