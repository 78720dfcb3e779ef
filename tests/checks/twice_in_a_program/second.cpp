#include <coworker.hpp>

coworker::task<coworker::json> order_from_second_unit();

coworker::task<coworker::json> order_from_second_unit() {
  co_return coworker::json{{"version", COWORKER_VERSION}};
}
