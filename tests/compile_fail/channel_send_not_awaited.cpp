// expect: co_await it
// only-error: co_await it
#include <coworker/exec/channel.hpp>

#pragma GCC diagnostic error "-Wunused-result"

void use(coworker::channel_sender<int>& out) { out.send(1); }
