#pragma once
// The engine that transport/concept.hpp shows, so that it is compiled and run; a check keeps the two equal.

#include <coworker/transport/concept.hpp>
#include <cstdio>
#include <string>
#include <utility>

namespace coworker::testing {

namespace cw = ::coworker;

struct countdown {
  int next = 3;

  cw::task<cw::take_result> take(cw::take_request request) {
    cw::take_result taken;
    for (; next > 0 && taken.jobs.size() < request.capacity; --next) {
      cw::job_envelope one;
      one.id = std::to_string(next);
      one.input = next;
      taken.jobs.push_back(std::move(one));
    }
    taken.closed = next == 0;
    co_return taken;
  }

  cw::task<cw::delivery> complete(cw::job_result result) {
    std::printf("%d: %s\n", std::stoi(std::string(result.job_id)), result.outcome.output.dump().c_str());
    co_return cw::delivery::accepted;
  }
};
static_assert(cw::transport<countdown>);

}  // namespace coworker::testing
