// expect: a stop callback must be callable without arguments
#include <coworker/coro/stop.hpp>

void react(int reason);

void listen(coworker::stop_token token) { const coworker::stop_callback callback(token, react); }
