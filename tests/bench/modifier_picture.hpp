#pragma once

// The picture of the modifier study: for each load the limit over time and what it did to job times. It must
// not know how either came about.

#include <string>
#include <vector>

#include "../support/load_study.hpp"

namespace coworker::bench {

/// One load's panel.
struct panel {
  testing::load what;
  std::vector<int> best_limits;  ///< the best fixed one of each stretch
  std::vector<double> best_p99;  ///< and its p99, in seconds
  testing::run_record recommended;
  std::vector<testing::run_record> others;  ///< drawn thinly behind it, in the order of `names`
};

/// An SVG document, two panels in a row.
std::string draw(const std::vector<panel>& panels, const std::vector<std::string>& names);

}  // namespace coworker::bench
